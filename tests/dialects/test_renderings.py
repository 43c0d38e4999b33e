"""Every case in tests/cases/dialects: what each dialect writes of the same conversation, answer or stream."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from doubles.dialect_cases import Case, cases, expected_rendering, renderings_on_disk
from doubles.dialect_samples import ASKED, MODELS, NOW
from doubles.scripted.dialects import DIALECTS as VENDORS
from doubles.scripted.turn import Place
from google.genai.types import GenerateContentResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from fairlead_proxy.contract.names import DialectName, Operation
from fairlead_proxy.decision.expression import missing_words
from fairlead_proxy.dialects.dialect import CallerDialect, ProviderDialect
from fairlead_proxy.dialects.registry import CALLERS, provider_dialect
from fairlead_proxy.dialects.sse import SseParser
from fairlead_proxy.exchange.features import features_of

REQUESTS, ANSWERS, STREAMS = cases("conversation"), cases("completion"), cases("events")
ANSWER_TYPES: dict[DialectName, TypeAdapter[Any]] = {
    DialectName.OPENAI_CHAT: TypeAdapter(ChatCompletion),
    DialectName.OPENAI_RESPONSES: TypeAdapter(Response),
    DialectName.ANTHROPIC: TypeAdapter(Message),
    DialectName.GEMINI: TypeAdapter(GenerateContentResponse),
}
FRAME_TYPES: dict[DialectName, TypeAdapter[Any]] = {
    DialectName.OPENAI_CHAT: TypeAdapter(ChatCompletionChunk),
    DialectName.OPENAI_RESPONSES: TypeAdapter(ResponseStreamEvent),
    DialectName.ANTHROPIC: TypeAdapter(RawMessageStreamEvent),
    DialectName.GEMINI: TypeAdapter(GenerateContentResponse),
}
"""The vendors' own types, as their SDKs have them."""


def providers(operation: Operation) -> Iterator[ProviderDialect]:
    for name in DialectName:
        if operation is not Operation.COUNT_TOKENS or name is not DialectName.OPENAI_CHAT:
            yield provider_dialect(name, operation)


def callers(operation: Operation) -> Iterator[CallerDialect]:
    for caller in CALLERS:
        if (caller.operation is Operation.COUNT_TOKENS) == (operation is Operation.COUNT_TOKENS):
            yield caller


WRITTEN = [(case, provider) for case in REQUESTS for provider in providers(case.operation)]
TOLD = [(case, caller) for case in ANSWERS for caller in callers(case.operation)]
STREAMED = [(case, caller) for case in STREAMS for caller in callers(case.operation)]


def id_of(value: object) -> str:
    return value.topic if isinstance(value, Case) else str(getattr(value, "name", value))


def written(case: Case, provider: ProviderDialect) -> dict[str, Any]:
    """Return the request's body and what it does not say; or, where the target would be skipped, for which features."""
    missing = missing_words(provider.name, features_of(case.said))
    if missing:
        return {"skipped for": missing}
    request = provider.write_request(case.said, model=MODELS[provider.name])
    return {"lost": list(request.lost), "body": json.loads(request.body)}


def told(case: Case, caller: CallerDialect) -> dict[str, Any]:
    body = caller.write_completion(case.said, request=ASKED[caller.name], now=NOW)
    return {"body": json.loads(body)}


def streamed(case: Case, caller: CallerDialect) -> bytes:
    writer = caller.open_writer(ASKED[caller.name], now=NOW)
    return b"".join(writer.write(event) for event in case.said)


@pytest.mark.parametrize(("case", "provider"), WRITTEN, ids=id_of)
def test_a_request_is_written_as_its_case_says(case: Case, provider: ProviderDialect) -> None:
    actual = written(case, provider)
    assert actual == expected_rendering(case.topic, provider.name, actual)


@pytest.mark.parametrize(("case", "caller"), TOLD, ids=id_of)
def test_an_answer_is_written_as_its_case_says(case: Case, caller: CallerDialect) -> None:
    actual = told(case, caller)
    assert actual == expected_rendering(case.topic, caller.name, actual)


@pytest.mark.parametrize(("case", "caller"), STREAMED, ids=id_of)
def test_a_stream_is_written_as_its_case_says(case: Case, caller: CallerDialect) -> None:
    actual = {"stream": streamed(case, caller).decode().splitlines(keepends=True)}
    assert actual == expected_rendering(case.topic, caller.name, actual)


SENT = [(case, provider) for case, provider in WRITTEN if "body" in written(case, provider)]


@pytest.mark.parametrize(("case", "provider"), SENT, ids=id_of)
def test_a_request_that_is_written_is_one_that_its_vendor_takes(case: Case, provider: ProviderDialect) -> None:
    counts = case.operation is Operation.COUNT_TOKENS
    place = Place(provider.name, "", MODELS[provider.name], stream=None, counts=counts)
    assert VENDORS[provider.name].read(place, written(case, provider)["body"])


def is_of_the_sdk(case: Case) -> bool:
    return case.operation is not Operation.COUNT_TOKENS


@pytest.mark.parametrize(("case", "caller"), [pair for pair in TOLD if is_of_the_sdk(pair[0])], ids=id_of)
def test_an_answer_that_is_written_is_one_that_the_vendors_sdk_knows(case: Case, caller: CallerDialect) -> None:
    assert ANSWER_TYPES[caller.name].validate_python(told(case, caller)["body"])


@pytest.mark.parametrize(("case", "caller"), STREAMED, ids=id_of)
def test_every_frame_that_is_written_is_one_that_the_vendors_sdk_knows(case: Case, caller: CallerDialect) -> None:
    frames = [frame.data for frame in SseParser().feed(streamed(case, caller)) if frame.data not in (None, b"[DONE]")]
    assert frames
    for data in frames:
        FRAME_TYPES[caller.name].validate_json(data or b"")


def test_nothing_stands_beside_a_case_that_is_not_written() -> None:
    made = {(case.topic, provider.name) for case, provider in WRITTEN}
    made |= {(case.topic, caller.name) for case, caller in (*TOLD, *STREAMED)}
    assert renderings_on_disk() == {f"{topic}.{dialect}.out.json" for topic, dialect in made}
