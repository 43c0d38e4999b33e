"""A plain answer of the vendor's is read, and an answer of anybody's is written as the vendor would."""

import base64
import json
from typing import Any

import pytest

from fairlead_proxy.contract.names import DialectName, FailureClass, Mode
from fairlead_proxy.dialects.dialect import ReadRequest
from fairlead_proxy.dialects.gemini.dialect import GeminiCount, GeminiGenerate
from fairlead_proxy.dialects.gemini.signatures import seal_of_caller
from fairlead_proxy.exchange.completion import Choice, Completion, Stop, TokenChance
from fairlead_proxy.exchange.conversation import (
    Citation,
    Media,
    MediaKind,
    Reasoning,
    Refusal,
    Seal,
    Text,
    ToolCall,
)
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.exchange.usage import Usage

DIALECT = GeminiGenerate()
ASKED = ReadRequest("smart", Mode.PLAIN, b"12345678")
OWN, FOREIGN = Seal(DialectName.GEMINI, "U0lH"), Seal(DialectName.ANTHROPIC, "xyz")


def candidate(*parts: dict[str, Any], reason: str | None = "STOP", **members: Any) -> dict[str, Any]:
    return {"content": {"parts": list(parts), "role": "model"}, "finishReason": reason, "index": 0, **members}


def read(*candidates: dict[str, Any], **members: Any) -> Completion:
    return DIALECT.read_completion(json.dumps({"candidates": list(candidates), **members}).encode())


def failed(body: object) -> UpstreamFailure:
    with pytest.raises(UpstreamFailure) as raised:
        DIALECT.read_completion(body if isinstance(body, bytes) else json.dumps(body).encode())
    return raised.value


def write(*choices: Choice, usage: Usage | None = None) -> dict[str, Any]:
    completion = Completion("abc", "gemini-x", choices, usage)
    answer: dict[str, Any] = json.loads(DIALECT.write_completion(completion, request=ASKED, now=0.0))
    return answer


def test_an_answer_is_read_whole() -> None:
    completion = read(
        candidate(
            {"text": "Let me think.", "thought": True},
            {"text": "Hel"},
            {"text": "lo", "thoughtSignature": "U0lH"},
            {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "U0lH"},
            {"functionCall": {"id": "own", "name": "g"}},
            {"inlineData": {"mimeType": "image/png", "data": "_-8="}},
            {"something": "new"},
        ),
        usageMetadata={
            "promptTokenCount": 10,
            "cachedContentTokenCount": 4,
            "candidatesTokenCount": 5,
            "thoughtsTokenCount": 3,
            "toolUsePromptTokenCount": 2,
            "totalTokenCount": 20,
        },
        modelVersion="gemini-2.5-flash",
        responseId="a/b c1",
        createTime="2025-03-07T02:36:04.123456789Z",
    )
    (choice,) = completion.choices
    assert choice.parts == (
        Reasoning("Let me think."),
        Text("Hello"),
        Reasoning(seal=OWN),
        ToolCall("call_abc1_0", "f", '{"a":1}', OWN),
        ToolCall("own", "g", "{}"),
        Media(MediaKind.IMAGE, "image/png", data="/+8="),
    )
    assert choice.stop is Stop.TOOL_CALLS
    assert completion.usage == Usage(12, 8, 4, 0, 3)
    assert (completion.id, completion.model, completion.created) == ("a/b c1", "gemini-2.5-flash", 1741314964)


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("STOP", Stop.END),
        ("MAX_TOKENS", Stop.LENGTH),
        ("SAFETY", Stop.FILTERED),
        ("RECITATION", Stop.FILTERED),
        ("PROHIBITED_CONTENT", Stop.FILTERED),
        ("BLOCKLIST", Stop.FILTERED),
        ("SPII", Stop.FILTERED),
        ("LANGUAGE", Stop.FILTERED),
        ("MALFORMED_FUNCTION_CALL", Stop.LENGTH),
        ("OTHER", Stop.LENGTH),
        ("SOMETHING_NEW", Stop.END),
        (None, Stop.END),
    ],
)
def test_every_reason_has_a_stop(reason: str | None, stop: Stop) -> None:
    assert read(candidate({"text": "x"}, reason=reason)).choices[0].stop is stop


def test_an_answer_of_nothing_is_still_one() -> None:
    assert read({"finishReason": "STOP"}).choices == (Choice(),)
    assert read({"finishReason": "MAX_TOKENS", "content": {"role": "model"}}).choices == (Choice(stop=Stop.LENGTH),)


def test_one_filtered_candidate_leaves_the_other() -> None:
    choices = read(candidate({"text": "x"}), {"finishReason": "SAFETY", "index": 1}).choices
    assert [choice.stop for choice in choices] == [Stop.END, Stop.FILTERED]


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (b"", FailureClass.MALFORMED_RESPONSE),
        (b"<html></html>", FailureClass.MALFORMED_RESPONSE),
        (b"{}", FailureClass.MALFORMED_RESPONSE),
        (b"\xff", FailureClass.MALFORMED_RESPONSE),
        (b"[" * 100_000, FailureClass.MALFORMED_RESPONSE),
        ([candidate({"text": "x"})], FailureClass.MALFORMED_RESPONSE),
        ({"candidates": [], "usageMetadata": {}}, FailureClass.MALFORMED_RESPONSE),
        ({"candidates": "x"}, FailureClass.MALFORMED_RESPONSE),
        ({"promptFeedback": {"blockReason": "SAFETY"}}, FailureClass.CONTENT_FILTERED),
        ({"candidates": [{"finishReason": "SAFETY"}]}, FailureClass.CONTENT_FILTERED),
        ({"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}, FailureClass.MALFORMED_RESPONSE),
        ({"error": {"code": 500, "status": "INTERNAL"}}, FailureClass.ERROR_IN_STREAM),
        ({"error": {"code": 503, "status": "UNAVAILABLE"}}, FailureClass.ERROR_IN_STREAM),
        ({"error": "broken"}, FailureClass.ERROR_IN_STREAM),
        ({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}, FailureClass.RATE_LIMITED),
        ([{"error": {"code": 404, "status": "NOT_FOUND"}}], FailureClass.MODEL_UNAVAILABLE),
        ({"error": {"code": 3, "status": "INVALID_ARGUMENT"}}, FailureClass.INVALID_REQUEST),
    ],
)
def test_a_200_without_an_answer_is_a_failure(body: object, failure: FailureClass) -> None:
    assert failed(body).failure is failure


def test_what_was_filtered_is_not_relayed() -> None:
    assert failed({"promptFeedback": {"blockReason": "SAFETY"}}).relayed is None


def test_citations_count_characters() -> None:
    texts = candidate(
        {"text": "äé. "},
        {"text": "ö cited"},
        citationMetadata={"citationSources": [{"startIndex": 0, "endIndex": 4, "uri": "https://a.example"}]},
        groundingMetadata={
            "groundingChunks": [{"web": {"uri": "https://b.example", "title": "B"}}, 5],
            "groundingSupports": [
                {
                    "segment": {"partIndex": 1, "startIndex": 3, "endIndex": 8, "text": "cited"},
                    "groundingChunkIndices": [0, 9, "x"],
                }
            ],
        },
    )
    assert read(texts).choices[0].parts == (
        Text(
            "äé. ö cited",
            citations=(
                Citation("https://a.example", None, None, 0, 2),
                Citation("https://b.example", "B", None, 6, 11),
            ),
        ),
    )


def test_log_probabilities_are_read_and_written() -> None:
    chances = (TokenChance("Hi", -0.5, (("Hi", -0.5), ("Ho", -1.5))), TokenChance("!", -0.25))
    answer = write(Choice((Text("Hi!"),), chances=chances))
    assert answer["candidates"][0]["logprobsResult"]["chosenCandidates"][0] == {"token": "Hi", "logProbability": -0.5}
    assert read(*answer["candidates"]).choices[0].chances == chances


def test_an_answer_is_written_as_the_vendor_would() -> None:
    answer = write(
        Choice((Reasoning("Hm."), Text("Hi"), Refusal("but no")), Stop.LENGTH),
        Choice((ToolCall("c1", "f", '{"a":1}'),), Stop.TOOL_CALLS),
        usage=Usage(10, 8, 4, 0, 3),
    )
    assert answer == {
        "candidates": [
            {
                "content": {
                    "parts": [{"text": "Hm.", "thought": True}, {"text": "Hi"}, {"text": "but no"}],
                    "role": "model",
                },
                "finishReason": "MAX_TOKENS",
                "index": 0,
            },
            {
                "content": {
                    "parts": [{"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}}],
                    "role": "model",
                },
                "finishReason": "STOP",
                "index": 1,
            },
        ],
        "usageMetadata": {
            "promptTokenCount": 10,
            "candidatesTokenCount": 5,
            "totalTokenCount": 18,
            "thoughtsTokenCount": 3,
            "cachedContentTokenCount": 4,
        },
        "modelVersion": "gemini-x",
        "responseId": "abc",
    }


@pytest.mark.parametrize(
    ("stop", "told"),
    [
        (Stop.FILTERED, {"finishReason": "SAFETY", "index": 0}),
        (
            Stop.END,
            {"content": {"parts": [{"text": ""}], "role": "model"}, "finishReason": "STOP", "index": 0},
        ),
    ],
)
def test_an_answer_without_parts_is_written(stop: Stop, told: object) -> None:
    assert write(Choice(stop=stop))["candidates"] == [told]


def test_a_seal_of_another_vendor_survives_in_a_signature() -> None:
    answer = write(Choice((Reasoning("Hm.", FOREIGN), Reasoning(seal=FOREIGN), ToolCall("c", "f", "{}", FOREIGN))))
    signatures = [part["thoughtSignature"] for part in answer["candidates"][0]["content"]["parts"]]
    for signature in signatures:
        again = base64.urlsafe_b64encode(base64.b64decode(signature, validate=True)).decode()  # as the SDK does it
        assert seal_of_caller(again) == FOREIGN
    assert len(signatures) == 3


def test_a_seal_of_the_vendors_own_stays_as_it_is() -> None:
    parts = (Text("Hi"), Reasoning(seal=OWN), ToolCall("c", "f", "{}", OWN))
    answer = write(Choice(parts, Stop.TOOL_CALLS))
    assert answer["candidates"][0]["content"]["parts"] == [
        {"text": "Hi", "thoughtSignature": "U0lH"},
        {"functionCall": {"id": "c", "name": "f", "args": {}}, "thoughtSignature": "U0lH"},
    ]
    assert read(*answer["candidates"]).choices[0].parts == parts


def test_citations_are_written_in_bytes() -> None:
    answer = write(Choice((Text("ä "), Text("b", citations=(Citation("https://a.example", "A", None, 2, 3),)))))
    sources = [{"startIndex": 3, "endIndex": 4, "uri": "https://a.example", "title": "A"}]
    assert answer["candidates"][0]["citationMetadata"] == {"citationSources": sources, "citations": sources}


def test_a_count_is_read_and_written() -> None:
    count = GeminiCount()
    completion = count.read_completion(b'{"totalTokens": 7, "cachedContentTokenCount": 3}')
    assert completion == Completion("", "", (), Usage(7, cached_input_tokens=3))
    assert json.loads(count.write_completion(completion, request=ASKED, now=0.0)) == {
        "totalTokens": 7,
        "cachedContentTokenCount": 3,
    }


def test_without_a_count_our_estimate_is_told() -> None:
    request = GeminiCount().write_completion(Completion("", "", ()), request=ASKED, now=0.0)
    assert json.loads(request) == {"totalTokens": 2}


@pytest.mark.parametrize("body", [b"{}", b'{"totalTokens": "many"}', b"[]", b"x"])
def test_what_is_no_count_is_a_failure(body: bytes) -> None:
    with pytest.raises(UpstreamFailure) as raised:
        GeminiCount().read_completion(body)
    assert raised.value.failure is FailureClass.MALFORMED_RESPONSE
