"""Which dialect a target is spoken to in, by what it is and who calls; and what older documents mean today."""

import msgspec
import pytest

from fairlead_proxy.contract.config import Model, Provider, Resilience
from fairlead_proxy.contract.dialects import CALLER_DIALECTS, dialect_of, foreign_callers, is_claude, sort_of
from fairlead_proxy.contract.names import (
    DialectName,
    Operation,
    ProviderType,
    WhenBroken,
    WhenFiltered,
    WhenTooLong,
)

CHAT, RESPONSES, COUNT = Operation.CHAT, Operation.RESPONSES, Operation.COUNT_TOKENS
OPENAI_CHAT, OPENAI_RESPONSES = DialectName.OPENAI_CHAT, DialectName.OPENAI_RESPONSES
ANTHROPIC, GEMINI, BEDROCK = DialectName.ANTHROPIC, DialectName.GEMINI, DialectName.BEDROCK


def spoken(
    provider_type: ProviderType,
    caller: DialectName,
    operation: Operation,
    *operations: Operation,
    upstream_name: str = "m",
) -> DialectName | None:
    provider = Provider(id="ns/p", type=provider_type)
    model = Model(name="m", upstream_name=upstream_name, operations=operations or (CHAT,))
    return dialect_of(sort_of(provider, model), caller, operation)


@pytest.mark.parametrize(
    ("provider_type", "dialect"),
    [
        (ProviderType.ANTHROPIC, ANTHROPIC),
        (ProviderType.GEMINI, GEMINI),
        (ProviderType.VERTEX_AI, GEMINI),
        (ProviderType.BEDROCK, BEDROCK),
        (ProviderType.SIMULATED, OPENAI_CHAT),
    ],
)
def test_a_type_of_one_dialect_is_spoken_to_in_it_whoever_calls(
    provider_type: ProviderType, dialect: DialectName
) -> None:
    assert {spoken(provider_type, caller, CHAT) for caller in CALLER_DIALECTS} == {dialect}
    assert spoken(provider_type, OPENAI_RESPONSES, RESPONSES) == dialect


@pytest.mark.parametrize(
    "provider_type", [ProviderType.OPENAI, ProviderType.OPENAI_COMPATIBLE, ProviderType.AZURE_OPENAI]
)
@pytest.mark.parametrize(
    ("caller", "operation", "offered", "dialect"),
    [
        (OPENAI_CHAT, CHAT, (CHAT,), OPENAI_CHAT),
        (OPENAI_CHAT, CHAT, (RESPONSES,), OPENAI_RESPONSES),
        (OPENAI_CHAT, CHAT, (RESPONSES, CHAT), OPENAI_CHAT),
        (OPENAI_RESPONSES, RESPONSES, (CHAT,), OPENAI_CHAT),
        (OPENAI_RESPONSES, RESPONSES, (CHAT, RESPONSES), OPENAI_RESPONSES),
        (ANTHROPIC, CHAT, (CHAT, RESPONSES), OPENAI_CHAT),
        (GEMINI, CHAT, (RESPONSES,), OPENAI_RESPONSES),
    ],
)
def test_of_the_two_dialects_of_openai_the_callers_own_goes_first(
    provider_type: ProviderType,
    caller: DialectName,
    operation: Operation,
    offered: tuple[Operation, ...],
    dialect: DialectName,
) -> None:
    assert spoken(provider_type, caller, operation, *offered) == dialect


@pytest.mark.parametrize(
    ("provider_type", "offered", "dialect"),
    [
        (ProviderType.OPENAI, (CHAT, RESPONSES), OPENAI_RESPONSES),
        (ProviderType.OPENAI, (CHAT,), None),
        (ProviderType.AZURE_OPENAI, (CHAT, RESPONSES), None),
        (ProviderType.OPENAI_COMPATIBLE, (RESPONSES,), None),
        (ProviderType.SIMULATED, (CHAT,), None),
        (ProviderType.ANTHROPIC, (CHAT,), ANTHROPIC),
        (ProviderType.GEMINI, (CHAT,), GEMINI),
        (ProviderType.BEDROCK, (CHAT,), BEDROCK),
    ],
)
def test_tokens_are_counted_where_the_provider_counts(
    provider_type: ProviderType, offered: tuple[Operation, ...], dialect: DialectName | None
) -> None:
    assert spoken(provider_type, ANTHROPIC, COUNT, *offered) == dialect


@pytest.mark.parametrize(
    ("upstream_name", "dialect"),
    [
        ("gemini-2.5-pro", GEMINI),
        ("claude-opus-4-5@20251101", ANTHROPIC),
        ("anthropic/claude-haiku-4-5", ANTHROPIC),
        ("publishers/anthropic/models/claude-haiku-4-5", ANTHROPIC),
        ("my-claude", GEMINI),
    ],
)
def test_on_vertex_the_name_tells_whose_model_it_is(upstream_name: str, dialect: DialectName) -> None:
    assert is_claude(upstream_name) == (dialect is ANTHROPIC)
    assert spoken(ProviderType.VERTEX_AI, OPENAI_CHAT, CHAT, upstream_name=upstream_name) == dialect


def test_foreign_callers_are_those_of_whom_some_target_needs_a_translation() -> None:
    model = Model(name="m", upstream_name="m")
    sorts = frozenset(
        sort_of(Provider(id="ns/p", type=each), model) for each in (ProviderType.OPENAI, ProviderType.SIMULATED)
    )
    assert foreign_callers(sorts) == {OPENAI_RESPONSES, ANTHROPIC, GEMINI}


def test_a_document_of_before_means_what_it_meant() -> None:
    resilience = msgspec.json.decode(b'{"fallback_when": ["Timeout"]}', type=Resilience)
    assert (resilience.too_long, resilience.filtered, resilience.broken) == (
        WhenTooLong.TO_LARGER,
        WhenFiltered.DENY,
        WhenBroken.ERROR,
    )
    provider = msgspec.json.decode(b'{"id": "ns/p", "type": "OpenAI"}', type=Provider)
    assert (provider.api_version, provider.project, provider.region) == ("", "", "")
