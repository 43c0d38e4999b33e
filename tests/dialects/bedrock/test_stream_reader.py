"""Streamed answers of Converse: what each frame says, and how a stream may end."""

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import pytest
from doubles.event_frames import event, exception
from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.contract.names import DialectName, FailureClass
from fairlead_proxy.dialects.bedrock.dialect import BedrockConverse
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
    is_content,
)
from fairlead_proxy.exchange.conversation import Citation, Media, MediaKind, Reasoning, Seal, Text, ToolCall
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.exchange.usage import Usage

START = event("messageStart", role="assistant")
USAGE = event(
    "metadata", usage={"inputTokens": 7, "outputTokens": 3, "cacheReadInputTokens": 1}, metrics={"latencyMs": 1}
)
TOLD = UsageTold(Usage(8, 3, cached_input_tokens=1))


def begin(index: int, **start: object) -> bytes:
    return event("contentBlockStart", contentBlockIndex=index, start=start)


def delta(index: int, **grown: object) -> bytes:
    return event("contentBlockDelta", contentBlockIndex=index, delta=grown)


def end(index: int) -> bytes:
    return event("contentBlockStop", contentBlockIndex=index)


def stop(reason: str = "end_turn", **more: object) -> bytes:
    return event("messageStop", stopReason=reason, **more)


def read(*frames: bytes) -> list[StreamEvent]:
    dialect = BedrockConverse()
    parser, reader = dialect.open_parser(), dialect.open_reader()
    events: list[StreamEvent] = []
    for chunk in frames:
        for frame in parser.feed(chunk):
            events += reader.take(frame)
    for frame in parser.finish():
        events += reader.take(frame)
    events += reader.finish()
    assert reader.ended
    return events


def failure_of(*frames: bytes) -> UpstreamFailure:
    with pytest.raises(UpstreamFailure) as failed:
        read(*frames)
    return failed.value


def parts_of(*frames: bytes) -> list[StreamEvent]:
    """Return what a stream says between its beginning and its end."""
    events = read(START, *frames, stop(), USAGE)
    assert (events[0], events[-3:]) == (Began(), [ChoiceEnded(Stop.END), TOLD, Ended()])
    return events[1:-3]


def reasoning(**said: str) -> bytes:
    return delta(0, reasoningContent=said)


def test_text_begins_without_saying_so() -> None:
    assert parts_of(delta(0, text="he"), delta(0, text=""), delta(0, text="llo"), end(0)) == [
        PartBegan(0, Text("")),
        PartGrew(0, "he"),
        PartGrew(0, "llo"),
        PartEnded(0),
    ]


def test_tools_are_called_one_after_the_other() -> None:
    assert parts_of(
        delta(0, text="I look."),
        end(0),
        begin(1, toolUse={"toolUseId": "tooluse_1", "name": "weather"}),
        delta(1, toolUse={"input": ""}),
        delta(1, toolUse={"input": '{"city"'}),
        delta(1, toolUse={"input": ':"Rome"}'}),
        end(1),
        begin(2, toolUse={"name": "clock"}),
        end(2),
    ) == [
        PartBegan(0, Text("")),
        PartGrew(0, "I look."),
        PartEnded(0),
        PartBegan(1, ToolCall("tooluse_1", "weather", "")),
        PartGrew(1, '{"city"'),
        PartGrew(1, ':"Rome"}'),
        PartEnded(1),
        PartBegan(2, ToolCall("call_2", "clock", "")),
        PartGrew(2, "{}"),
        PartEnded(2),
    ]


SIGNED = Seal(DialectName.BEDROCK, "c2ln")
REDACTED = Reasoning("", Seal(DialectName.BEDROCK, "redacted:YWJjZGVm"))


@pytest.mark.parametrize(
    ("frames", "events"),
    [
        (
            [reasoning(text="H"), reasoning(text="m."), reasoning(signature="c2"), reasoning(signature="ln"), end(0)],
            [PartBegan(0, Reasoning()), PartGrew(0, "H"), PartGrew(0, "m."), PartGrew(0, seal=SIGNED), PartEnded(0)],
        ),
        ([reasoning(text="H"), end(0)], [PartBegan(0, Reasoning()), PartGrew(0, "H"), PartEnded(0)]),
        (
            [reasoning(text=""), reasoning(signature="c2ln"), end(0)],
            [PartBegan(0, Reasoning(seal=SIGNED)), PartEnded(0)],
        ),
        ([reasoning(redactedContent="YWJjZGVm"), end(0)], [PartBegan(0, REDACTED), PartEnded(0)]),
        (
            [reasoning(redactedContent="YWJj"), reasoning(redactedContent="ZGVm"), end(0)],
            [PartBegan(0, REDACTED), PartEnded(0)],
        ),
        (
            [reasoning(text="H"), reasoning(redactedContent="YWJjZGVm"), end(0)],
            [PartBegan(0, Reasoning()), PartGrew(0, "H"), PartEnded(0), PartBegan(1, REDACTED), PartEnded(1)],
        ),
        ([reasoning(text=""), end(0)], []),
        (
            [begin(0, image={"format": "webp"}), delta(0, image={"source": {"bytes": "YWJj"}}),
             delta(0, image={"source": {"bytes": "ZGVm"}}), end(0)],
            [PartBegan(0, Media(MediaKind.IMAGE, "image/webp", "YWJjZGVm")), PartEnded(0)],
        ),
        ([begin(0, image={"format": "png"}), delta(0, image={"error": {"message": "no"}}), end(0)], []),
        (
            [delta(0, citation={"title": "T", "sourceContent": [{"text": "q"}], "location": {"web": {"url": "https://a"}}}),
             delta(0, text="so"), delta(0, citation={"location": {}}), end(0)],
            [PartBegan(0, Text("")), PartGrew(0, citation=Citation("https://a", "T", "q")), PartGrew(0, "so"),
             PartEnded(0)],
        ),
        (
            [delta(0, text="a"), delta(1, text="b")],
            [PartBegan(0, Text("")), PartGrew(0, "a"), PartEnded(0), PartBegan(1, Text("")), PartGrew(1, "b"),
             PartEnded(1)],
        ),
        (
            [begin(0, toolUse={"toolUseId": "t", "name": "nova_grounding", "type": "server_tool_use"}),
             delta(0, toolUse={"input": "{}"}), end(0), begin(1, toolResult={"toolUseId": "t"}),
             delta(1, toolResult=[{"text": "x"}]), end(1), delta(2, text="a"), end(2)],
            [PartBegan(0, Text("")), PartGrew(0, "a"), PartEnded(0)],
        ),
        ([event("somethingNew", a=1), begin(0), delta(0), delta(0, somethingNew=1), end(0), event("", a=1)], []),
        ([event("contentBlockDelta", delta={"text": "a"}), end(7)],
         [PartBegan(0, Text("")), PartGrew(0, "a"), PartEnded(0)]),
    ],
)  # fmt: skip
def test_blocks_of_every_kind(frames: Iterable[bytes], events: list[StreamEvent]) -> None:
    assert parts_of(*frames) == events


def test_hidden_reasoning_is_content_and_what_comes_before_it_is_not() -> None:
    events = read(START, reasoning(redactedContent="YWJj"), end(0), stop(), USAGE)
    assert [is_content(each) for each in events] == [False, True, False, True, False, False]


def test_the_counts_end_the_stream_and_what_follows_is_ignored() -> None:
    events = read(START, delta(0, text="a"), stop("max_tokens"), USAGE, exception("internalServerException"), b"\x00")
    assert events[-4:] == [PartEnded(0), ChoiceEnded(Stop.LENGTH), TOLD, Ended()]


def test_without_counts_a_clean_end_is_the_end() -> None:
    assert read(START, delta(0, text="a"), end(0), stop("stop_sequence", additionalModelResponseFields={
        "stop_sequence": "X"
    }))[-2:] == [ChoiceEnded(Stop.SEQUENCE, "X"), Ended()]  # fmt: skip


def test_counts_that_come_early_end_nothing() -> None:
    assert read(START, USAGE, delta(0, text="a"), stop())[1:] == [
        TOLD,
        PartBegan(0, Text("")),
        PartGrew(0, "a"),
        PartEnded(0),
        ChoiceEnded(Stop.END),
        Ended(),
    ]


def test_a_filtered_stream_is_told_as_such() -> None:
    assert read(START, stop("guardrail_intervened"), USAGE)[1] == ChoiceEnded(Stop.FILTERED)


@pytest.mark.parametrize("kept", [[], [START], [START, delta(0, text="a")], [START, delta(0, text="a"), end(0)]])
@pytest.mark.parametrize("cut", [b"", stop()[:-1], stop()[:5]])
def test_a_stream_that_is_cut_is_broken(kept: list[bytes], cut: bytes) -> None:
    assert failure_of(*kept, cut).failure is FailureClass.STREAM_BROKEN


@pytest.mark.parametrize(
    ("type_", "message", "failure"),
    [
        ("throttlingException", "Too many requests", FailureClass.RATE_LIMITED),
        ("internalServerException", "x", FailureClass.ERROR_IN_STREAM),
        ("modelStreamErrorException", "x", FailureClass.ERROR_IN_STREAM),
        ("serviceUnavailableException", "x", FailureClass.OVERLOADED),
        ("modelTimeoutException", "x", FailureClass.TIMEOUT),
        ("validationException", "x", FailureClass.INVALID_REQUEST),
        ("validationException", "Input is too long for requested model.", FailureClass.CONTEXT_LENGTH_EXCEEDED),
        ("somethingNewException", "x", FailureClass.ERROR_IN_STREAM),
    ],
)
def test_an_exception_in_a_stream_has_its_class(type_: str, message: str, failure: FailureClass) -> None:
    failed = failure_of(START, delta(0, text="a"), exception(type_, message))
    assert (failed.failure, message in failed.detail) == (failure, False)
    blameless = failure in (FailureClass.INVALID_REQUEST, FailureClass.CONTEXT_LENGTH_EXCEEDED)
    assert (failed.relayed is not None) == blameless


@pytest.mark.parametrize(
    "frames",
    [
        [Event(b"x", b"<html>", b"messageStart")],
        [Event(b"x", b"[]", b"messageStart")],
        [Event(b"x", None, b"messageStart")],
        [Event(b"x", b'{"delta":{"toolUse":{"input":"{}"}}}', b"contentBlockDelta")],
        [Event(b"x", b'{"start":{"toolUse":{"toolUseId":"t"}}}', b"contentBlockStart")],
        [Event(b"x", b'{"stopReason":"malformed_tool_use"}', b"messageStop")],
        [
            Event(b"x", json.dumps({"delta": {"reasoningContent": {"redactedContent": text}}}).encode(), name)
            for text, name in (("YWJj", b"contentBlockDelta"), ("ä", b"contentBlockDelta"), ("", b"contentBlockStop"))
        ],
    ],
)
def test_frames_that_say_what_cannot_be(frames: list[Event]) -> None:
    *before, last = frames
    reader = BedrockConverse().open_reader()
    for frame in before:
        reader.take(frame)
    with pytest.raises(UpstreamFailure, match="MalformedResponse"):
        reader.take(last)


kinds = st.sampled_from(
    ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata", "x"]
)
NAMES = ["contentBlockIndex", "start", "delta", "text", "toolUse", "input", "name", "stopReason", "usage",
         "reasoningContent", "redactedContent", "signature", "image", "source", "bytes", "citation"]  # fmt: skip
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=10,
)


@given(st.lists(st.tuples(kinds, st.dictionaries(st.sampled_from(NAMES), values, max_size=4)), max_size=6))
def test_no_frames_raise_anything_else(frames: list[tuple[str, dict[str, Any]]]) -> None:
    with suppress(UpstreamFailure):
        read(*(event(kind, **said) for kind, said in frames))


blocks = st.lists(
    st.tuples(
        st.sampled_from(["text", "call", "thought", "redacted"]), st.lists(st.text(min_size=1, max_size=4), max_size=3)
    ),
    max_size=5,
)


@given(blocks)
def test_parts_are_begun_grown_and_ended_in_order(told: list[tuple[str, list[str]]]) -> None:
    frames: list[bytes] = []
    for index, (kind, pieces) in enumerate(told):
        if kind == "call":
            frames.append(begin(index, toolUse={"toolUseId": f"t{index}", "name": "n"}))
        for piece in pieces:
            grown: dict[str, object] = {
                "text": {"text": piece},
                "call": {"toolUse": {"input": piece}},
                "thought": {"reasoningContent": {"text": piece}},
                "redacted": {"reasoningContent": {"redactedContent": "YWJj"}},
            }[kind]  # type: ignore[assignment]
            frames.append(delta(index, **grown))
        frames.append(end(index))
    open_part: int | None = None
    ended = 0
    for each in parts_of(*frames):
        match each:
            case PartBegan(index=index):
                assert (open_part, index) == (None, ended)
                open_part = index
            case PartGrew(index=index):
                assert index == open_part
            case PartEnded(index=index):
                assert index == open_part
                open_part, ended = None, ended + 1
            case _:
                pytest.fail(f"not between the parts: {each}")
    assert open_part is None
    assert ended == sum(kind == "call" or bool(pieces) for kind, pieces in told)


@pytest.mark.parametrize("empty", [{"reasoningContent": {}}, {"toolUse": {}}, {"image": {}}, {}])
def test_what_says_nothing_leaves_the_open_part_as_it_is(empty: dict[str, object]) -> None:
    assert parts_of(delta(0, text="he"), delta(1, **empty), delta(0, text="llo"), end(0)) == [
        PartBegan(0, Text("")),
        PartGrew(0, "he"),
        PartGrew(0, "llo"),
        PartEnded(0),
    ]


def test_half_a_surrogate_pair_spoils_no_frame() -> None:
    half = Event(b"", rb'{"contentBlockIndex":0,"delta":{"text":"\ud83d"}}', name=b"contentBlockDelta")
    assert BedrockConverse().open_reader().take(half)[-1] == PartGrew(0, "\ufffd")
