"""The page of translation leaves out no member that a vendor's own SDK knows, and says what decisions do."""

import pytest
from anthropic.types.message_create_params import MessageCreateParamsBase
from architecture.translation import translation_page
from doubles.dialect_wishes import ASKS, MEMBERS, WISHES
from google.genai.types import GenerationConfig
from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from openai.types.responses.response_create_params import ResponseCreateParamsBase

from fairlead_proxy.contract.names import DialectName, Feature
from fairlead_proxy.decision.expression import EXPRESSES

_GENERATION = {
    f"generationConfig.{field.alias}" for field in GenerationConfig.model_fields.values() if field.alias is not None
}


@pytest.mark.parametrize(
    ("caller", "known"),
    [
        (DialectName.OPENAI_CHAT, set(CompletionCreateParamsBase.__annotations__)),
        (DialectName.OPENAI_RESPONSES, set(ResponseCreateParamsBase.__annotations__)),
        (DialectName.ANTHROPIC, set(MessageCreateParamsBase.__annotations__)),
        (DialectName.GEMINI, _GENERATION),
    ],
)
def test_every_member_that_the_vendors_sdk_knows_is_on_the_page(caller: DialectName, known: set[str]) -> None:
    assert known <= {*MEMBERS[caller], *ASKS[caller]}


def test_no_member_of_a_sample_is_refused() -> None:
    assert "refused:" not in translation_page()


@pytest.mark.parametrize("feature", Feature)
def test_a_feature_is_skipped_for_the_dialects_that_have_no_words_for_it(feature: Feature) -> None:
    (row,) = [line for line in translation_page().splitlines() if line.startswith(f"| {feature.value} |")]
    assert row.count("| yes ") == sum(feature in words for words in EXPRESSES.values())
    assert row.count("target skipped") == sum(feature not in words for words in EXPRESSES.values())


@pytest.mark.parametrize("wish", WISHES)
def test_every_wish_has_its_row(wish: str) -> None:
    assert sum(line.startswith(f"| {wish} |") for line in translation_page().splitlines()) == 1
