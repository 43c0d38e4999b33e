"""Which dialect a target is spoken to in, whoever calls."""

from functools import lru_cache

from fairlead_proxy.contract.config import Model, Provider
from fairlead_proxy.contract.names import DialectName, Operation, ProviderType

_OPENAI_TYPES = frozenset({ProviderType.OPENAI, ProviderType.OPENAI_COMPATIBLE, ProviderType.AZURE_OPENAI})
_NATIVE: dict[Operation, DialectName] = {
    Operation.CHAT: DialectName.OPENAI_CHAT,
    Operation.RESPONSES: DialectName.OPENAI_RESPONSES,
}
_DIALECT_OF_TYPE: dict[ProviderType, DialectName] = {
    ProviderType.ANTHROPIC: DialectName.ANTHROPIC,
    ProviderType.GEMINI: DialectName.GEMINI,
    ProviderType.VERTEX_AI: DialectName.GEMINI,
    ProviderType.BEDROCK: DialectName.BEDROCK,
    ProviderType.SIMULATED: DialectName.OPENAI_CHAT,
}
CALLER_DIALECTS = (
    DialectName.OPENAI_CHAT,
    DialectName.OPENAI_RESPONSES,
    DialectName.ANTHROPIC,
    DialectName.GEMINI,
)
"""What callers may speak; Bedrock is spoken to providers only."""

TargetSort = tuple[ProviderType, tuple[Operation, ...], bool]
"""All of a target that decides about its dialect: type, operations, and whether it is Anthropic's model on Vertex."""


def sort_of(provider: Provider, model: Model) -> TargetSort:
    return provider.type, model.operations, provider.type is ProviderType.VERTEX_AI and is_claude(model.upstream_name)


def is_claude(upstream_name: str) -> bool:
    """Say whether a model on Vertex AI is Anthropic's, which speaks Anthropic's dialect there.

    Source: https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude
    """
    return (
        upstream_name.removeprefix("publishers/")
        .removeprefix("anthropic/")
        .removeprefix("models/")
        .startswith("claude")
    )


@lru_cache(maxsize=4096)
def dialect_of(sort: TargetSort, caller: DialectName, operation: Operation) -> DialectName | None:
    """Return the dialect in which a target serves a caller of this dialect; None: it cannot serve the operation.

    Of several the caller's own is chosen, so that its bytes can pass untouched.
    """
    type_, operations, claude = sort
    spoken = [_NATIVE[each] for each in operations if each in _NATIVE]
    if not spoken:
        return None
    if type_ in _OPENAI_TYPES:
        if operation is Operation.COUNT_TOKENS:
            # Only OpenAI itself counts: https://platform.openai.com/docs/api-reference/responses/input-tokens
            counts = type_ is ProviderType.OPENAI and DialectName.OPENAI_RESPONSES in spoken
            return DialectName.OPENAI_RESPONSES if counts else None
        return caller if caller in spoken else min(spoken)
    if type_ is ProviderType.SIMULATED and operation is Operation.COUNT_TOKENS:
        return None
    return DialectName.ANTHROPIC if claude else _DIALECT_OF_TYPE[type_]


def dialect_of_type(type_: ProviderType) -> DialectName:
    """Return a dialect that every provider of this type speaks."""
    return _DIALECT_OF_TYPE.get(type_, DialectName.OPENAI_CHAT)


def dialect_of_step(provider: Provider, model: Model, caller: DialectName, operation: Operation) -> DialectName:
    """Return the same for a step of a plan: a target that serves the operation, or it would not be there."""
    return dialect_of(sort_of(provider, model), caller, operation) or caller


@lru_cache(maxsize=4096)
def foreign_callers(sorts: frozenset[TargetSort]) -> frozenset[DialectName]:
    """Return the callers' dialects that some of these targets are not spoken to in."""
    return frozenset(
        caller
        for caller in CALLER_DIALECTS
        for sort in sorts
        if dialect_of(sort, caller, Operation.CHAT) not in (None, caller)
    )
