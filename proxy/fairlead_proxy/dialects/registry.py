"""Every dialect that this proxy speaks, and the passages between them."""

from functools import lru_cache

from fairlead_proxy.contract.names import DialectName, Operation, ProviderType
from fairlead_proxy.dialects.anthropic.dialect import PASSED_HEADERS as ANTHROPIC_PASSED
from fairlead_proxy.dialects.anthropic.dialect import AnthropicCount, AnthropicMessages
from fairlead_proxy.dialects.anthropic.foreign import without_foreign_seals as clean_anthropic
from fairlead_proxy.dialects.bedrock.dialect import BedrockConverse, BedrockCount
from fairlead_proxy.dialects.dialect import CallerDialect, Headers, Passage, ProviderDialect, ReadRequest, Relay
from fairlead_proxy.dialects.framing import ANTHROPIC_VERSION
from fairlead_proxy.dialects.gemini.dialect import GeminiCount, GeminiGenerate
from fairlead_proxy.dialects.gemini.foreign import with_model
from fairlead_proxy.dialects.gemini.foreign import without_foreign_seals as clean_gemini
from fairlead_proxy.dialects.openai.chat import PASSED_HEADERS, OpenAIChat
from fairlead_proxy.dialects.responses.dialect import OpenAIInputTokens, OpenAIResponses
from fairlead_proxy.dialects.responses.foreign import without_foreign_seals as clean_responses
from fairlead_proxy.dialects.telling import FollowedRelay, Sequel, Telling
from fairlead_proxy.dialects.translated import Translated, TranslatedRelay
from fairlead_proxy.dialects.untouched import Clean, Untouched

OPENAI_CHAT = OpenAIChat()
OPENAI_RESPONSES = OpenAIResponses()
OPENAI_INPUT_TOKENS = OpenAIInputTokens()
ANTHROPIC = AnthropicMessages()
ANTHROPIC_COUNT = AnthropicCount()
GEMINI = GeminiGenerate()
GEMINI_COUNT = GeminiCount()

CALLERS: tuple[CallerDialect, ...] = (
    OPENAI_CHAT,
    OPENAI_RESPONSES,
    OPENAI_INPUT_TOKENS,
    ANTHROPIC,
    ANTHROPIC_COUNT,
    GEMINI,
    GEMINI_COUNT,
)

_TALKING: dict[DialectName, ProviderDialect] = {
    DialectName.OPENAI_CHAT: OPENAI_CHAT,
    DialectName.OPENAI_RESPONSES: OPENAI_RESPONSES,
    DialectName.ANTHROPIC: ANTHROPIC,
    DialectName.GEMINI: GEMINI,
    DialectName.BEDROCK: BedrockConverse(),
}
"""In which targets are asked for an answer."""
_COUNTING: dict[DialectName, ProviderDialect] = {
    DialectName.OPENAI_RESPONSES: OPENAI_INPUT_TOKENS,
    DialectName.ANTHROPIC: ANTHROPIC_COUNT,
    DialectName.GEMINI: GEMINI_COUNT,
    DialectName.BEDROCK: BedrockCount(),
}
"""In which they are asked how many tokens a conversation has."""
_PASSED: dict[DialectName, tuple[str, ...]] = {DialectName.ANTHROPIC: ANTHROPIC_PASSED}
"""Which of a client's headers reach providers of its own dialect, where they are other than PASSED_HEADERS."""
_CLEAN: dict[DialectName, Clean] = {
    DialectName.ANTHROPIC: clean_anthropic,
    DialectName.OPENAI_RESPONSES: clean_responses,
    DialectName.GEMINI: clean_gemini,
}
_ALWAYS: dict[DialectName, Headers] = {DialectName.ANTHROPIC: (("anthropic-version", ANTHROPIC_VERSION),)}
"""What every provider of a dialect is sent, unless the client has sent it."""

_CALLERS = {(each.name, each.operation): each for each in CALLERS}


def provider_dialect(name: DialectName, operation: Operation) -> ProviderDialect:
    """Return the dialect in which targets are asked for this; which dialects count, `contract/dialects.py` knows."""
    return (_COUNTING if operation is Operation.COUNT_TOKENS else _TALKING)[name]


def passage_of(caller: CallerDialect, target: DialectName, type_: ProviderType) -> Passage:
    """Return the way of a caller's calls to targets of this dialect at providers of this type."""
    return _passage(caller.name, caller.operation, target, type_)


@lru_cache(maxsize=512)
def _passage(name: DialectName, operation: Operation, target: DialectName, type_: ProviderType) -> Passage:
    caller = _CALLERS[name, operation]
    provider = provider_dialect(target, caller.operation)
    if caller is OPENAI_CHAT and provider is OPENAI_CHAT:
        return OPENAI_CHAT
    if caller.name is target:
        passed, always, clean = _PASSED.get(target, PASSED_HEADERS), _ALWAYS.get(target, ()), _CLEAN.get(target)
        return Untouched(provider, type_, passed, always, clean, with_model if caller is GEMINI_COUNT else None)
    return Translated(caller, provider, type_, _ALWAYS.get(target, ()))


def follow(relay: Relay, caller: CallerDialect, request: ReadRequest, now: float) -> Relay:
    """Return a relay that remembers what its caller was told, in case another target is to go on."""
    if isinstance(relay, TranslatedRelay):
        return relay
    provider = provider_dialect(caller.name, caller.operation)
    return FollowedRelay(relay, provider, Telling(caller.open_writer(request, now=now)))


def sequel_passage(caller: CallerDialect, target: DialectName, type_: ProviderType, sequel: Sequel) -> Passage:
    """Return the way of the rest of an answer, whichever dialect the target speaks."""
    return Translated(caller, provider_dialect(target, caller.operation), type_, _ALWAYS.get(target, ()), sequel)
