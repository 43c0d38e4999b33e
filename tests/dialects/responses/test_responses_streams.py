"""A streamed answer of the Responses API, as providers send it: read event by event, however its bytes come."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.contract.names import DialectName, FailureClass
from fairlead_proxy.dialects.responses.dialect import OpenAIInputTokens, OpenAIResponses
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
    is_content,
)
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

DIALECT = OpenAIResponses()
SEAL = Seal(DialectName.OPENAI_RESPONSES, "gAAA")
BEGUN: dict[str, Any] = {"response": {"id": "resp_1", "model": "gpt-x", "created_at": 7, "output": []}}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": ""}


def frame(type_: str, **members: Any) -> bytes:
    return f"event: {type_}\ndata: {json.dumps({'type': type_, 'sequence_number': 0, **members})}\n\n".encode()


def part(kind: str, text: str = "") -> dict[str, Any]:
    return {"type": kind, "refusal" if kind == "refusal" else "text": text, "annotations": []}


def read(body: bytes, *cuts: int) -> list[StreamEvent]:
    """Return what a body says that comes in pieces; the last event is the failure that it ends with, if any."""
    parser, reader = DIALECT.open_parser(), DIALECT.open_reader()
    places = [0, *sorted(cuts), len(body)]
    events: list[StreamEvent] = []
    for start, end in pairwise(places):
        for found in parser.feed(body[start:end]):
            events += reader.take(found)
    for found in parser.finish():
        events += reader.take(found)
    return events + reader.finish()


CREATED = frame("response.created", **BEGUN) + frame("response.in_progress", **BEGUN)
COMPLETED = frame(
    "response.completed",
    response={
        "status": "completed",
        "output": [],
        "usage": {"input_tokens": 5, "output_tokens": 3, "output_tokens_details": {"reasoning_tokens": 2}},
    },
)
TOLD = [UsageTold(Usage(5, 3, reasoning_tokens=2))]
WHOLE = (
    CREATED
    + frame("response.output_item.added", output_index=0, item={"type": "reasoning", "id": "rs_1", "summary": []})
    + frame("response.reasoning_summary_part.added", output_index=0, summary_index=0, item_id="rs_1")
    + frame("response.reasoning_summary_text.delta", output_index=0, summary_index=0, item_id="rs_1", delta="one")
    + frame("response.reasoning_summary_text.done", output_index=0, summary_index=0, item_id="rs_1", text="one")
    + frame("response.reasoning_summary_text.delta", output_index=0, summary_index=1, item_id="rs_1", delta="two")
    + frame(
        "response.output_item.done",
        output_index=0,
        item={
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "one"}, {"type": "summary_text", "text": "two"}],
            "encrypted_content": "gAAA",
        },
    )
    + frame("response.output_item.added", output_index=1, item={"type": "message", "id": "msg_1", "content": []})
    + frame("response.content_part.added", output_index=1, content_index=0, part=part("output_text"))
    + frame(
        "response.output_text.delta",
        output_index=1,
        content_index=0,
        delta="Größe",
        logprobs=[{"token": "G", "logprob": -1, "top_logprobs": []}],
    )
    + frame("response.output_text.delta", output_index=1, content_index=0, delta=" \U0001f600", logprobs=[])
    + frame(
        "response.output_text.annotation.added",
        output_index=1,
        content_index=0,
        annotation={"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 5},
    )
    + frame("response.output_text.done", output_index=1, content_index=0, text="Größe \U0001f600", logprobs=[])
    + frame("response.content_part.done", output_index=1, content_index=0, part=part("output_text", "Größe \U0001f600"))
    + frame(
        "response.output_item.done",
        output_index=1,
        item={"type": "message", "content": [part("output_text", "Größe \U0001f600")]},
    )
    + frame("response.output_item.added", output_index=2, item=CALL)
    + frame("response.output_item.added", output_index=3, item={**CALL, "call_id": "call_2", "name": "g"})
    + frame("response.function_call_arguments.delta", output_index=2, delta='{"a"')
    + frame("response.function_call_arguments.delta", output_index=3, delta="{}")
    + frame("response.function_call_arguments.delta", output_index=2, delta=":1}")
    + frame("response.function_call_arguments.done", output_index=2, arguments='{"a":1}')
    + frame("response.output_item.done", output_index=2, item={**CALL, "arguments": '{"a":1}'})
    + frame("response.output_item.done", output_index=3, item={**CALL, "call_id": "call_2", "arguments": "{}"})
    + frame("response.of_tomorrow", output_index=4)
    + COMPLETED
)
EVENTS: list[StreamEvent] = [
    Began("resp_1", "gpt-x", 7),
    PartBegan(0, Reasoning(id="rs_1")),
    PartGrew(0, "one"),
    PartGrew(0, "\n\ntwo"),
    PartGrew(0, seal=SEAL),
    PartEnded(0),
    PartBegan(1, Text("")),
    PartGrew(1, "Größe", chances=(TokenChance("G", -1.0),)),
    PartGrew(1, " \U0001f600"),
    PartGrew(1, citation=Citation("u", "t", None, 0, 5)),
    PartEnded(1),
    PartBegan(2, ToolCall("call_1", "f", "")),
    PartBegan(3, ToolCall("call_2", "g", "")),
    PartGrew(2, '{"a"'),
    PartGrew(3, "{}"),
    PartGrew(2, ":1}"),
    PartEnded(2),
    PartEnded(3),
    *TOLD,
    ChoiceEnded(Stop.TOOL_CALLS),
    Ended(),
]


def test_a_stream_is_read_in_order() -> None:
    assert read(WHOLE) == EVENTS


@given(st.lists(st.integers(0, len(WHOLE)), max_size=6))
def test_a_stream_that_is_cut_anywhere_says_the_same(cuts: list[int]) -> None:
    assert read(WHOLE, *cuts) == EVENTS


def test_what_follows_the_end_is_ignored() -> None:
    assert read(WHOLE + b"data: [DONE]\n\n" + frame("error", message="late")) == EVENTS


@pytest.mark.parametrize(
    ("frames", "events"),
    [
        pytest.param(
            frame("response.refusal.delta", output_index=0, content_index=0, delta="No")
            + frame("response.refusal.done", output_index=0, content_index=0, refusal="No."),
            [PartBegan(0, Refusal("")), PartGrew(0, "No"), PartGrew(0, "."), PartEnded(0)],
            id="a refusal, without the frames around it",
        ),
        pytest.param(
            frame(
                "response.output_item.done",
                output_index=0,
                item={"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
            ),
            [PartBegan(0, Reasoning("", SEAL, "rs_1")), PartEnded(0)],
            id="hidden reasoning",
        ),
        pytest.param(
            frame("response.output_item.done", output_index=0, item={"type": "reasoning", "summary": []}),
            [],
            id="no reasoning at all",
        ),
        pytest.param(
            frame("response.reasoning_text.delta", output_index=0, content_index=0, item_id="r", delta="hm")
            + frame("response.reasoning_summary_text.delta", output_index=0, summary_index=0, delta="in short"),
            [PartBegan(0, Reasoning(id="r")), PartGrew(0, "hm"), PartEnded(0)],
            id="the text of an open model's reasoning, and not its summary as well",
        ),
        pytest.param(
            frame("response.output_item.done", output_index=0, item={**CALL, "arguments": '{"a":1}'}),
            [PartBegan(0, ToolCall("call_1", "f", "")), PartGrew(0, '{"a":1}'), PartEnded(0)],
            id="a call that comes in one piece",
        ),
        pytest.param(
            frame("response.output_item.done", output_index=0, item={"type": "message", "content": [
                part("output_text", "x"), part("refusal", "y"), {"type": "of tomorrow"}]}),
            [PartBegan(0, Text("")), PartGrew(0, "x"), PartEnded(0),
             PartBegan(1, Refusal("")), PartGrew(1, "y"), PartEnded(1)],
            id="a message that comes in one piece",
        ),
        pytest.param(
            frame("response.output_item.done", output_index=0,
                  item={"type": "image_generation_call", "result": "QUJD", "output_format": "png"}),
            [PartBegan(0, Media(MediaKind.IMAGE, "image/png", data="QUJD")), PartEnded(0)],
            id="an image",
        ),
        pytest.param(
            frame("response.output_text.delta", output_index=0, content_index=0, delta="a")
            + frame("response.reasoning_text.delta", output_index=1, content_index=0, delta="b")
            + frame("response.output_text.delta", output_index=0, content_index=0, delta="c")
            + frame("response.output_text.done", output_index=0, content_index=0, text="acd"),
            [PartBegan(0, Text("")), PartGrew(0, "a"), PartEnded(0), PartBegan(1, Reasoning()), PartGrew(1, "b"),
             PartEnded(1), PartBegan(2, Text("")), PartGrew(2, "c"), PartGrew(2, "d"), PartEnded(2)],
            id="parts that overlap are told one after the other",
        ),
    ],
)  # fmt: skip
def test_parts_are_read(frames: bytes, events: list[StreamEvent]) -> None:
    found = read(CREATED + frames + COMPLETED)
    assert found[1:-3] == events
    assert found[-3:-2] == TOLD


def test_an_answer_that_comes_with_the_end_alone_is_read_from_it() -> None:
    message = {"type": "message", "content": [part("output_text", "x")]}
    events = read(frame("response.completed", response={"id": "resp_1", "output": [message]}))
    assert events == [
        Began("resp_1"),
        PartBegan(0, Text("")),
        PartGrew(0, "x"),
        PartEnded(0),
        ChoiceEnded(Stop.END),
        Ended(),
    ]


@pytest.mark.parametrize(
    ("reason", "stop"), [("max_output_tokens", Stop.LENGTH), ("content_filter", Stop.FILTERED), (None, Stop.LENGTH)]
)
def test_an_incomplete_response_says_why(reason: str | None, stop: Stop) -> None:
    end = frame("response.incomplete", response={"incomplete_details": {"reason": reason}})
    assert read(CREATED + end)[-2:] == [ChoiceEnded(stop), Ended()]


def test_nothing_but_lifecycle_is_no_content() -> None:
    added = frame("response.output_item.added", output_index=0, item={"type": "message", "content": []})
    begun = frame("response.content_part.added", output_index=0, content_index=0, part=part("output_text"))
    reader = DIALECT.open_reader()
    events = [event for found in DIALECT.open_parser().feed(CREATED + added + begun) for event in reader.take(found)]
    assert not any(is_content(event) for event in events)


@pytest.mark.parametrize(
    ("frames", "failure"),
    [
        (b"", FailureClass.STREAM_BROKEN),
        (b"data: [DONE]\n\n", FailureClass.STREAM_BROKEN),
        (b'data: {"type":"resp', FailureClass.STREAM_BROKEN),
        (b"data: nonsense\n\n", FailureClass.MALFORMED_RESPONSE),
        (b"data: 5\n\n", FailureClass.MALFORMED_RESPONSE),
        (b"data: " + b"[" * 100_000 + b"\n\n", FailureClass.MALFORMED_RESPONSE),
        (frame("error", code="server_error", message="x"), FailureClass.ERROR_IN_STREAM),
        (frame("error", code=None, message="x"), FailureClass.ERROR_IN_STREAM),
        (frame("error", error={"type": "x", "code": "rate_limit_exceeded"}), FailureClass.RATE_LIMITED),
        (b'data: {"error":{"code":"insufficient_quota"}}\n\n', FailureClass.QUOTA_EXHAUSTED),
        (b'event: error\ndata: {"message":"x"}\n\n', FailureClass.ERROR_IN_STREAM),
        (frame("response.failed", response={"error": {"code": "server_error"}}), FailureClass.ERROR_IN_STREAM),
        (frame("response.failed", response={"error": {"code": "rate_limit_exceeded"}}), FailureClass.RATE_LIMITED),
        (frame("response.failed", response={"error": {"code": "invalid_prompt"}}), FailureClass.CONTENT_FILTERED),
        (frame("response.failed", response=None), FailureClass.ERROR_IN_STREAM),
        (
            frame("error", code="context_length_exceeded", message="too long"),
            FailureClass.CONTEXT_LENGTH_EXCEEDED,
        ),
    ],
)
def test_a_stream_without_its_end_fails_by_its_class(frames: bytes, failure: FailureClass) -> None:
    with pytest.raises(UpstreamFailure) as failed:
        read(CREATED + frames)
    assert failed.value.failure is failure


@pytest.mark.parametrize(
    ("data", "text_bytes"),
    [
        ({"delta": "hello", "obfuscation": "xyz"}, 5),
        ({"delta": 'a"b\\', "item_id": "x"}, 6),
        ({"delta": ""}, 0),
        ({"item_id": "x"}, None),
        ({"delta": None}, None),
    ],
)
def test_a_frame_of_text_is_known_by_its_looks(data: dict[str, Any], text_bytes: int | None) -> None:
    for separators in ((",", ":"), (", ", ": ")):
        event = json.dumps({"type": "response.output_text.delta", **data}, separators=separators).encode()
        found = Event(b"", event, b"response.output_text.delta")
        assert DIALECT.text_bytes_of(found) == text_bytes


@pytest.mark.parametrize(
    "found",
    [
        Event(b"", None, b"response.output_text.delta"),
        Event(b"", b'{"type":"response.completed","delta":"x"}', b"response.completed"),
        Event(b"", b'{"type":"error","delta":"x"}', b"response.output_text.delta"),
        Event(b"", b'{"delta":"\\"type\\":\\"response.output_text.delta\\""}', b"response.output_text.delta"),
        Event(b"", b'{"type":"response.output_text.delta","delta":"x"}', b"response.output_text.delta", whole=False),
    ],
)
def test_any_other_frame_must_be_read(found: Event) -> None:
    assert DIALECT.text_bytes_of(found) is None


@pytest.mark.parametrize(
    ("status", "kind", "stream"),
    [
        (200, "text/event-stream; charset=utf-8", True),
        (200, "", True),
        (200, "application/json", False),
        (500, "text/event-stream", False),
    ],
)
def test_a_stream_is_known_by_its_head(status: int, kind: str, stream: bool) -> None:
    assert DIALECT.is_stream(status, (("content-type", kind),)) is stream
    assert not OpenAIInputTokens().is_stream(status, (("content-type", kind),))
