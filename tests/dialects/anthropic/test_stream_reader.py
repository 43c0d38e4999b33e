"""Streams as Anthropic sends them, read event by event."""

import json
from typing import Any

import pytest

from fairlead_proxy.contract.names import DialectName, FailureClass
from fairlead_proxy.dialects.anthropic.dialect import AnthropicCount, AnthropicMessages
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
    UsageTold,
)
from fairlead_proxy.exchange.conversation import Citation, Reasoning, Seal, Text, ToolCall
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.exchange.usage import Usage

DIALECT = AnthropicMessages()
OWN = DialectName.ANTHROPIC


def frame(kind: str, **members: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n".encode()


def start(**usage: object) -> bytes:
    message = {"id": "msg_1", "type": "message", "model": "claude", "content": [], "usage": usage}
    return frame("message_start", message=message)


def block(index: int, *deltas: dict[str, Any], **content: object) -> bytes:
    return (
        frame("content_block_start", index=index, content_block=content)
        + b"".join(frame("content_block_delta", index=index, delta=delta) for delta in deltas)
        + frame("content_block_stop", index=index)
    )


def text(words: str) -> dict[str, Any]:
    return {"type": "text_delta", "text": words}


def stop(reason: str | None, **usage: int) -> bytes:
    return frame("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage=usage)


END = frame("message_stop")
HELLO = block(0, text("Hel"), text("lo"), type="text", text="")


def read(body: bytes) -> list[StreamEvent]:
    parser, reader = DIALECT.open_parser(), DIALECT.open_reader()
    events: list[StreamEvent] = []
    for found in [*parser.feed(body), *parser.finish()]:
        events += reader.take(found)
    return events + reader.finish()


def test_a_stream_is_read_from_beginning_to_end() -> None:
    body = (
        start(input_tokens=25, cache_read_input_tokens=5, cache_creation_input_tokens=10, output_tokens=1)
        + frame("ping")
        + HELLO
        + stop("end_turn", output_tokens=15)
        + END
    )
    assert read(body) == [
        Began("msg_1", "claude"),
        UsageTold(Usage(40, 1, 5, 10)),
        PartBegan(0, Text("")),
        PartGrew(0, "Hel"),
        PartGrew(0, "lo"),
        PartEnded(0),
        UsageTold(Usage(40, 15, 5, 10)),
        ChoiceEnded(Stop.END),
        Ended(),
    ]


@pytest.mark.parametrize(
    ("blocks", "events"),
    [
        (
            block(
                0,
                {"type": "thinking_delta", "thinking": "hm"},
                {"type": "signature_delta", "signature": "EqQB"},
                type="thinking",
                thinking="",
                signature="",
            ),
            [PartBegan(0, Reasoning()), PartGrew(0, "hm"), PartGrew(0, seal=Seal(OWN, "EqQB")), PartEnded(0)],
        ),
        (
            block(0, type="redacted_thinking", data="EmwK"),
            [PartBegan(0, Reasoning(seal=Seal(OWN, "redacted:EmwK"))), PartEnded(0)],
        ),
        (
            block(
                0,
                {"type": "input_json_delta", "partial_json": ""},
                {"type": "input_json_delta", "partial_json": '{"at"'},
                {"type": "input_json_delta", "partial_json": ": 1}"},
                type="tool_use",
                id="toolu_1",
                name="look",
                input={},
            ),
            [PartBegan(0, ToolCall("toolu_1", "look", "")), PartGrew(0, '{"at"'), PartGrew(0, ": 1}"), PartEnded(0)],
        ),
        (
            block(0, type="tool_use", id="toolu_1", name="look", input={}),
            [PartBegan(0, ToolCall("toolu_1", "look", "")), PartGrew(0, "{}"), PartEnded(0)],
        ),
        (
            block(0, type="tool_use", id="toolu_1", name="look", input={"at": 1}),
            [PartBegan(0, ToolCall("toolu_1", "look", "")), PartGrew(0, '{"at":1}'), PartEnded(0)],
        ),
        (
            block(0, {"type": "input_json_delta", "partial_json": "{}"}, type="server_tool_use", id="s", name="w")
            + block(1, type="web_search_tool_result", tool_use_id="s", content=[])
            + block(2, text("as "), type="text", text="")
            + block(
                3,
                {
                    "type": "citations_delta",
                    "citation": {
                        "type": "web_search_result_location",
                        "url": "https://a.example",
                        "title": "A",
                        "cited_text": "found it",
                        "encrypted_index": "Eo8B",
                    },
                },
                text("found"),
                type="text",
                text="",
            ),
            [
                *(PartBegan(0, Text("")), PartGrew(0, "as "), PartEnded(0)),
                *(PartBegan(1, Text("")), PartGrew(1, "found")),
                PartGrew(1, citation=Citation("https://a.example", "A", "found it", 3, 8)),
                PartEnded(1),
            ],
        ),
        (
            block(0, text("lo"), {"type": "new_delta", "x": 1}, type="text", text="Hel"),
            [PartBegan(0, Text("")), PartGrew(0, "Hel"), PartGrew(0, "lo"), PartEnded(0)],
        ),
    ],
)
def test_each_block_of_a_stream_is_read(blocks: bytes, events: list[StreamEvent]) -> None:
    assert read(start() + blocks + stop("end_turn") + END) == [
        Began("msg_1", "claude"),
        *events,
        ChoiceEnded(Stop.END),
        Ended(),
    ]


def test_a_refusal_before_any_content_is_an_end() -> None:
    assert read(start() + stop("refusal") + END) == [Began("msg_1", "claude"), ChoiceEnded(Stop.REFUSED), Ended()]


def test_the_stop_sequence_is_told() -> None:
    ending = frame("message_delta", delta={"stop_reason": "stop_sequence", "stop_sequence": "END"})
    assert ChoiceEnded(Stop.SEQUENCE, "END") in read(start() + HELLO + ending + END)


def test_what_the_vendor_adds_says_nothing() -> None:
    body = start() + frame("new_event", x=[1]) + b": comment\n\n" + HELLO + frame("message_delta") + stop("end_turn")
    assert read(body + END + b"garbage\n\n")[-2:] == [ChoiceEnded(Stop.END), Ended()]


def test_a_block_that_was_not_ended_ends_with_the_answer() -> None:
    body = start() + frame("content_block_start", index=0, content_block={"type": "text", "text": ""})
    assert read(body + stop("end_turn") + END)[1:] == [
        *(PartBegan(0, Text("")), PartEnded(0), ChoiceEnded(Stop.END), Ended()),
    ]


def test_a_stream_without_a_reason_ends_as_its_parts_look() -> None:
    calls = block(0, type="tool_use", id="toolu_1", name="look", input={})
    assert read(start() + calls + END)[-2:] == [ChoiceEnded(Stop.TOOL_CALLS), Ended()]


def test_a_stream_tells_at_its_beginning_what_a_cache_keeps_for_an_hour() -> None:
    created = {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 7}
    body = start(input_tokens=25, cache_creation_input_tokens=10, cache_creation=created) + HELLO
    told = [
        event.usage for event in read(body + stop("end_turn", output_tokens=15) + END) if isinstance(event, UsageTold)
    ]
    assert told[-1] == Usage(35, 15, cache_write_tokens=3, cache_write_long_tokens=7)


def test_a_clean_end_after_the_reason_counts() -> None:
    assert read(start() + HELLO + stop("end_turn"))[-1] == Ended()


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (b"", FailureClass.STREAM_BROKEN),
        (start() + HELLO, FailureClass.STREAM_BROKEN),
        (start() + HELLO[:-20], FailureClass.STREAM_BROKEN),
        (start() + stop(None), FailureClass.STREAM_BROKEN),
        (start() + b"data: nonsense\n\n", FailureClass.MALFORMED_RESPONSE),
        (start() + b"data: []\n\n", FailureClass.MALFORMED_RESPONSE),
        (start() + END, FailureClass.MALFORMED_RESPONSE),
        (start() + frame("content_block_delta", index=0, delta=text("x")), FailureClass.MALFORMED_RESPONSE),
        (start() + block(0, type="tool_use", name="look"), FailureClass.MALFORMED_RESPONSE),
        (frame("error", error={"type": "overloaded_error", "message": "Overloaded"}), FailureClass.OVERLOADED),
        (frame("error", error={"type": "rate_limit_error", "message": "x"}), FailureClass.RATE_LIMITED),
        (start() + HELLO + frame("error", error={"type": "api_error"}), FailureClass.ERROR_IN_STREAM),
        (b'event: error\ndata: {"oops": 1}\n\n', FailureClass.ERROR_IN_STREAM),
        (b"event: error\ndata: oops\n\n", FailureClass.ERROR_IN_STREAM),
        (
            frame("error", error={"type": "invalid_request_error", "message": "prompt is too long: 2 > 1"}),
            FailureClass.CONTEXT_LENGTH_EXCEEDED,
        ),
    ],
)
def test_what_is_no_whole_stream_is_a_failure(body: bytes, failure: FailureClass) -> None:
    with pytest.raises(UpstreamFailure) as raised:
        read(body)
    assert raised.value.failure is failure


def test_the_readers_end_is_seen() -> None:
    reader = DIALECT.open_reader()
    frames = DIALECT.open_parser().feed(start() + stop("end_turn") + END)
    seen = [(reader.ended, bool(reader.take(each))) for each in frames]
    assert seen == [(False, True)] * 3
    assert reader.ended
    assert reader.take(frames[0]) == []
    assert reader.finish() == []


@pytest.mark.parametrize(
    ("data", "length"),
    [
        (b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}', 5),
        (b'{"type":"content_block_delta","index":12,"delta":{"type":"text_delta","text":"a\\"b\\\\"}   }     ', 6),
        (b'{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}', 2),
        (b'{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{"}}', 1),
        (b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}', None),
        (b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a","x":"b"}}', None),
        (b'{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"E"}}', None),
        (b'{"type":"content_block_stop","index":0}', None),
        (b"nonsense", None),
        (None, None),
    ],
)
def test_a_frame_of_text_alone_is_known_by_its_looks(data: bytes | None, length: int | None) -> None:
    assert DIALECT.text_bytes_of(Event(b"", data, b"content_block_delta")) == length


@pytest.mark.parametrize(("name", "whole"), [(b"error", True), (b"content_block_delta", False)])
def test_a_frame_that_may_be_more_than_text_is_read(name: bytes, whole: bool) -> None:
    data = b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}'
    assert DIALECT.text_bytes_of(Event(b"", data, name, whole)) is None


@pytest.mark.parametrize(
    ("status", "content_type", "streams"),
    [
        (200, "text/event-stream; charset=utf-8", True),
        (200, "", True),
        (200, "application/json", False),
        (400, "text/event-stream", False),
    ],
)
def test_a_head_tells_whether_a_stream_follows(status: int, content_type: str, streams: bool) -> None:
    assert DIALECT.is_stream(status, (("content-type", content_type),)) is streams
    assert not AnthropicCount().is_stream(status, (("content-type", content_type),))


def test_a_count_does_not_come_as_a_stream() -> None:
    reader = AnthropicCount().open_reader()
    with pytest.raises(UpstreamFailure):
        reader.take(Event(b"", b"{}"))
    with pytest.raises(UpstreamFailure):
        reader.finish()


def test_a_block_that_nobody_ended_ends_where_the_next_one_begins() -> None:
    unended = frame("content_block_start", index=0, content_block={"type": "thinking", "thinking": "so"})
    assert read(start() + unended + block(1, text("it is"), type="text") + stop("end_turn") + END)[1:] == [
        PartBegan(0, Reasoning()),
        PartGrew(0, "so"),
        PartEnded(0),
        PartBegan(1, Text("")),
        PartGrew(1, "it is"),
        PartEnded(1),
        ChoiceEnded(Stop.END),
        Ended(),
    ]


def test_calls_may_be_under_way_at_once() -> None:
    calls = [
        frame("content_block_start", index=at, content_block={"type": "tool_use", "id": f"c{at}", "name": "f"})
        for at in (0, 1)
    ]
    told = read(start() + b"".join(calls) + stop("tool_use") + END)
    assert [event.index for event in told if isinstance(event, PartBegan)] == [0, 1]
    assert [type(event) for event in told[1:3]] == [PartBegan, PartBegan]
