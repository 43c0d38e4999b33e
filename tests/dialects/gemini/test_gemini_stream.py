"""A streamed answer is read chunk by chunk, and written so."""

import json
from typing import Any

import pytest

from fairlead_proxy.contract.names import DialectName, FailureClass, Mode
from fairlead_proxy.dialects.dialect import ReadRequest
from fairlead_proxy.dialects.gemini.dialect import GeminiCount, GeminiGenerate
from fairlead_proxy.dialects.sse import Event
from fairlead_proxy.exchange.completion import (
    Began,
    ChoiceEnded,
    Ended,
    PartBegan,
    PartEnded,
    PartGrew,
    Stop,
    StreamEvent,
    TokenChance,
    UsageTold,
)
from fairlead_proxy.exchange.conversation import Citation, Media, MediaKind, Reasoning, Seal, Text, ToolCall
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.exchange.usage import Usage

DIALECT = GeminiGenerate()
ASKED = ReadRequest("smart", Mode.STREAM, b"{}")
OWN, FOREIGN = Seal(DialectName.GEMINI, "U0lH"), Seal(DialectName.ANTHROPIC, "xyz")


def chunk(*parts: dict[str, Any], reason: str | None = None, index: int = 0, **members: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}}
    if reason is not None:
        told["finishReason"] = reason
    if index:
        told["index"] = index
    return {"candidates": [told], **members}


def sse(*chunks: object) -> bytes:
    return b"".join(b"data: " + json.dumps(each).encode() + b"\r\n\r\n" for each in chunks)


def read(stream: bytes) -> list[StreamEvent]:
    parser, reader = DIALECT.open_parser(), DIALECT.open_reader()
    events: list[StreamEvent] = []
    for frame in [*parser.feed(stream), *parser.finish()]:
        events += reader.take(frame)
    assert not reader.ended
    events += reader.finish()
    assert reader.ended
    return events


def failure_of(stream: bytes) -> FailureClass:
    with pytest.raises(UpstreamFailure) as raised:
        read(stream)
    return raised.value.failure


def write(*events: StreamEvent) -> list[Any]:
    writer = DIALECT.open_writer(ASKED, now=0.0)
    written = b"".join(writer.write(event) for event in events)
    frames = DIALECT.open_parser().feed(written)
    return [json.loads(frame.data or b"") for frame in frames]


def test_a_stream_is_read_in_the_order_of_events() -> None:
    events = read(
        sse(
            chunk({"text": "Let me ", "thought": True}, responseId="abc", modelVersion="gemini-x"),
            chunk({"text": "think.", "thought": True}, usageMetadata={"promptTokenCount": 3}),
            chunk({"text": "Hel"}, usageMetadata={"promptTokenCount": 3}),
            chunk({"text": "lo"}),
            chunk({"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "U0lH"}),
            chunk({"text": ""}, reason="STOP", usageMetadata={"promptTokenCount": 3, "candidatesTokenCount": 4}),
        )
    )
    assert events == [
        Began("abc", "gemini-x"),
        PartBegan(0, Reasoning()),
        PartGrew(0, "Let me "),
        PartGrew(0, "think."),
        UsageTold(Usage(3)),
        PartEnded(0),
        PartBegan(1, Text("")),
        PartGrew(1, "Hel"),
        UsageTold(Usage(3)),
        PartGrew(1, "lo"),
        PartEnded(1),
        PartBegan(2, ToolCall("call_abc_0", "f", "")),
        PartGrew(2, '{"a":1}', seal=OWN),
        PartEnded(2),
        UsageTold(Usage(3, 4)),
        ChoiceEnded(Stop.TOOL_CALLS),
        Ended(),
    ]


def test_a_signature_on_a_text_is_hidden_reasoning_behind_it() -> None:
    events = read(sse(chunk({"text": "Hi"}), chunk({"text": "", "thoughtSignature": "U0lH"}, reason="STOP")))
    assert events[1:] == [
        PartBegan(0, Text("")),
        PartGrew(0, "Hi"),
        PartEnded(0),
        PartBegan(1, Reasoning(seal=OWN)),
        PartEnded(1),
        ChoiceEnded(Stop.END),
        Ended(),
    ]


def test_a_reason_in_every_chunk_ends_nothing_early() -> None:
    events = read(sse(chunk({"text": "a"}, reason="STOP"), chunk({"text": "b"}, reason="STOP")))
    assert events[1:] == [
        PartBegan(0, Text("")),
        PartGrew(0, "a"),
        PartGrew(0, "b"),
        PartEnded(0),
        ChoiceEnded(Stop.END),
        Ended(),
    ]


def test_candidates_are_kept_apart() -> None:
    events = read(sse(chunk({"text": "a"}), chunk({"text": "b"}, index=1, reason="STOP"), chunk(reason="MAX_TOKENS")))
    assert events[-5:] == [
        PartEnded(0),
        ChoiceEnded(Stop.LENGTH),
        PartEnded(0, 1),
        ChoiceEnded(Stop.END, choice=1),
        Ended(),
    ]


def test_an_image_comes_whole() -> None:
    image = Media(MediaKind.IMAGE, "image/png", data="AA==")
    events = read(sse(chunk({"inlineData": {"mimeType": "image/png", "data": "AA=="}}, reason="STOP")))
    assert events[1:3] == [PartBegan(0, image), PartEnded(0)]


def test_what_stands_beside_a_text_is_told_with_it() -> None:
    source = {"citationSources": [{"startIndex": 0, "endIndex": 2, "uri": "https://a.example"}]}
    first, second = chunk({"text": "ä"}), chunk({"text": "b"}, reason="STOP")
    first["candidates"][0]["logprobsResult"] = {"chosenCandidates": [{"token": "ä", "logProbability": -0.5}]}
    first["candidates"][0]["citationMetadata"] = second["candidates"][0]["citationMetadata"] = source
    events = read(sse(first, second))
    assert events[2:6] == [
        PartGrew(0, "ä"),
        PartGrew(0, chances=(TokenChance("ä", -0.5),)),
        PartGrew(0, citation=Citation("https://a.example", None, None, 0, 1)),
        PartGrew(0, "b"),
    ]


@pytest.mark.parametrize(
    "chunks",
    [
        [{"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}}],
        [{"candidates": [{"finishReason": "SAFETY"}]}],
    ],
)
def test_what_was_filtered_ends_so(chunks: list[object]) -> None:
    assert read(sse(*chunks))[-2:] == [ChoiceEnded(Stop.FILTERED), Ended()]


@pytest.mark.parametrize(
    ("stream", "failure"),
    [
        (b"", FailureClass.STREAM_BROKEN),
        (sse({}), FailureClass.STREAM_BROKEN),
        (sse(chunk({"text": "Hel"})), FailureClass.STREAM_BROKEN),
        (sse(chunk({"text": "a"}, reason="STOP"), chunk({"text": "b"}, index=1)), FailureClass.STREAM_BROKEN),
        (sse(chunk({"text": "a"})) + b'data: {"candidates": [', FailureClass.STREAM_BROKEN),
        (b"data: {\n\n", FailureClass.MALFORMED_RESPONSE),
        (b"data: [DONE]\n\n", FailureClass.MALFORMED_RESPONSE),
        (sse([chunk({"text": "a"})]), FailureClass.MALFORMED_RESPONSE),
        (sse(chunk(reason="MALFORMED_FUNCTION_CALL")), FailureClass.MALFORMED_RESPONSE),
        (sse(chunk({"text": "a"}), {"error": {"code": 503, "status": "UNAVAILABLE"}}), FailureClass.ERROR_IN_STREAM),
        (sse({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}), FailureClass.RATE_LIMITED),
        (sse([{"error": {"code": 400, "message": "API key not valid."}}]), FailureClass.CREDENTIAL_REJECTED),
    ],
)
def test_a_stream_that_fails_says_how(stream: bytes, failure: FailureClass) -> None:
    assert failure_of(stream) is failure


def test_a_call_that_failed_after_content_is_cut_off() -> None:
    events = read(sse(chunk({"text": "a"}), chunk(reason="MALFORMED_FUNCTION_CALL")))
    assert events[-2:] == [ChoiceEnded(Stop.LENGTH), Ended()]


def test_events_are_written_as_chunks() -> None:
    chunks = write(
        Began("abc", "m"),
        PartBegan(0, Reasoning()),
        PartGrew(0, "Hm."),
        PartEnded(0),
        PartBegan(1, Text("")),
        PartGrew(1, "ä", chances=(TokenChance("ä", -0.5),)),
        PartGrew(1, citation=Citation("https://a.example", start=0, end=1)),
        PartEnded(1),
        PartBegan(2, ToolCall("c1", "f", "")),
        PartBegan(3, ToolCall("c2", "g", "")),
        PartGrew(2, '{"a"'),
        PartGrew(3, "{}"),
        PartGrew(2, ":1}"),
        PartEnded(2),
        PartEnded(3),
        UsageTold(Usage(1, 1)),
        UsageTold(Usage(3, 4)),
        ChoiceEnded(Stop.TOOL_CALLS),
        Ended(),
    )
    parts = [part for each in chunks for part in each["candidates"][0]["content"]["parts"]]
    assert parts == [
        {"text": "Hm.", "thought": True},
        {"text": "ä"},
        {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}},
        {"functionCall": {"id": "c2", "name": "g", "args": {}}},
        {"text": ""},
    ]
    assert chunks[1]["candidates"][0]["logprobsResult"]["chosenCandidates"] == [{"token": "ä", "logProbability": -0.5}]
    assert ["usageMetadata" in each for each in chunks] == [False] * 4 + [True]
    sources = [{"startIndex": 0, "endIndex": 2, "uri": "https://a.example"}]
    assert chunks[-1] == {
        "candidates": [
            {
                "index": 0,
                "citationMetadata": {"citationSources": sources, "citations": sources},
                "content": {"parts": [{"text": ""}], "role": "model"},
                "finishReason": "STOP",
            }
        ],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7},
        "modelVersion": "m",
        "responseId": "abc",
    }


def test_a_call_that_nobody_ended_is_written_at_the_end_of_its_answer() -> None:
    events = (PartBegan(0, ToolCall("c", "f", "")), PartGrew(0, "{}", seal=FOREIGN), ChoiceEnded(Stop.TOOL_CALLS))
    (call, _) = write(Began(), *events, Ended())
    part = call["candidates"][0]["content"]["parts"][0]
    assert part["functionCall"] == {"id": "c", "name": "f", "args": {}}
    assert part["thoughtSignature"]


def test_a_filtered_stream_is_written() -> None:
    assert write(Began(), ChoiceEnded(Stop.FILTERED), Ended()) == [
        {"candidates": [{"index": 0, "finishReason": "SAFETY"}]}
    ]


def frame(data: bytes, whole: bool = True) -> Event:
    return Event(b"data: " + data + b"\n\n", data, whole=whole)


@pytest.mark.parametrize(
    "data",
    [
        {**chunk({"text": "a"}), "usageMetadata": {"promptTokenCount": 3}},
        chunk({"text": "a"}, reason="STOP"),
        chunk({"text": "a", "thought": True}),
        chunk({"text": "a", "thoughtSignature": "U0lH"}),
        chunk({"text": "a"}, index=1),
        chunk({"functionCall": {"name": "f"}}),
        {"error": {"text": "a"}},
        {},
    ],
)
def test_a_chunk_that_says_more_than_text_must_be_read(data: object) -> None:
    assert DIALECT.text_bytes_of(frame(json.dumps(data).encode())) is None


def test_a_chunk_of_text_alone_need_not_be_read() -> None:
    length = DIALECT.text_bytes_of(frame(json.dumps(chunk({"text": 'say "finishReason" aloud'})).encode()))
    assert length is not None
    assert length >= 24


def test_only_a_stream_of_events_is_one() -> None:
    assert DIALECT.is_stream(200, (("content-type", "text/event-stream; charset=utf-8"),))
    assert DIALECT.is_stream(200, ())
    assert not DIALECT.is_stream(200, (("content-type", "application/json"),))
    assert not DIALECT.is_stream(500, (("content-type", "text/event-stream"),))
    assert not GeminiCount().is_stream(200, (("content-type", "text/event-stream"),))
