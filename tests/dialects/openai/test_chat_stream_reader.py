"""A streamed chat answer is read into events, in order, whichever server wrote it and however its bytes are cut."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.contract.names import DialectName, FailureClass
from fairlead_proxy.dialects.openai.stream_reader import ChatStreamReader, text_bytes_of
from fairlead_proxy.dialects.sse import Event, SseParser
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
from fairlead_proxy.exchange.conversation import Citation, Media, MediaKind, Reasoning, Refusal, Seal, Text, ToolCall
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.exchange.usage import Usage

CHAT = DialectName.OPENAI_CHAT
DONE = b"data: [DONE]\n\n"
BEGAN = Began("c", "gpt", 7)


def event(**members: object) -> bytes:
    return b"data: " + json.dumps(members).encode() + b"\n\n"


def chunk(*choices: dict[str, Any], **members: object) -> bytes:
    return event(id="c", object="chat.completion.chunk", created=7, model="gpt", choices=list(choices), **members)


def delta(finish: str | None = None, index: int = 0, **content: object) -> bytes:
    return chunk({"index": index, "delta": content, "logprobs": None, "finish_reason": finish})


def call(index: int | None = 0, id: str | None = None, **function: object) -> bytes:
    entry = {"index": index, "id": id, "type": "function", "function": function}
    return delta(tool_calls=[{key: value for key, value in entry.items() if value is not None}])


ROLE = delta(role="assistant", content="", refusal=None)


def frames_of(body: bytes, cuts: list[int] | None = None) -> list[Event]:
    parser = SseParser()
    frames: list[Event] = []
    places = [0, *sorted(cuts or []), len(body)]
    for start, end in pairwise(places):
        frames += parser.feed(body[start:end])
    return frames + parser.finish()


def events_of(*frames: bytes, cuts: list[int] | None = None) -> list[StreamEvent]:
    reader = ChatStreamReader()
    events: list[StreamEvent] = []
    for frame in frames_of(b"".join(frames), cuts):
        events += reader.take(frame)
    events += reader.finish()
    assert reader.ended
    return events


def failure_of(*frames: bytes) -> UpstreamFailure:
    with pytest.raises(UpstreamFailure) as failed:
        events_of(*frames)
    return failed.value


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (
            [ROLE, delta(content="Hel"), delta(content="lo"), delta("stop")],
            [
                PartBegan(0, Text("")),
                PartGrew(0, "Hel"),
                PartGrew(0, "lo"),
                PartEnded(0),
                ChoiceEnded(Stop.END),
            ],
        ),
        (
            [ROLE, delta(content="a"), delta("length", content="b")],
            [PartBegan(0, Text("")), PartGrew(0, "a"), PartGrew(0, "b"), PartEnded(0), ChoiceEnded(Stop.LENGTH)],
        ),
        (
            [delta(reasoning_content="hm"), delta(content="a"), delta(reasoning="again"), delta("stop", content="b")],
            [
                PartBegan(0, Reasoning()),
                PartGrew(0, "hm"),
                PartEnded(0),
                PartBegan(1, Text("")),
                PartGrew(1, "a"),
                PartEnded(1),
                PartBegan(2, Reasoning()),
                PartGrew(2, "again"),
                PartEnded(2),
                PartBegan(3, Text("")),
                PartGrew(3, "b"),
                PartEnded(3),
                ChoiceEnded(Stop.END),
            ],
        ),
        (
            # OpenRouter writes the text twice, then the signature by itself.
            [
                delta(reasoning="hm", reasoning_details=[{"type": "reasoning.text", "text": "hm", "index": 0}]),
                delta(reasoning_details=[{"type": "reasoning.text", "signature": "s", "index": 0}]),
                delta(reasoning_details=[{"type": "reasoning.text", "text": "on", "index": 1}]),
                delta("stop", reasoning_details=[{"type": "reasoning.encrypted", "data": "e", "id": "r"}]),
            ],
            [
                PartBegan(0, Reasoning()),
                PartGrew(0, "hm"),
                PartGrew(0, seal=Seal(CHAT, "s")),
                PartEnded(0),
                PartBegan(1, Reasoning()),
                PartGrew(1, "on"),
                PartEnded(1),
                PartBegan(2, Reasoning(seal=Seal(CHAT, "e"), id="r")),
                PartEnded(2),
                ChoiceEnded(Stop.END),
            ],
        ),
        (
            [delta(refusal="I "), delta(refusal="can't"), delta("stop")],
            [
                PartBegan(0, Refusal("")),
                PartGrew(0, "I "),
                PartGrew(0, "can't"),
                PartEnded(0),
                ChoiceEnded(Stop.REFUSED),
            ],
        ),
        (
            [
                call(0, "c1", name="f", arguments=""),
                call(0, arguments='{"a"'),
                call(0, arguments=":1}"),
                call(1, "c2", name="g", arguments="{}"),
                call(0, arguments=""),
                delta("tool_calls"),
            ],
            [
                PartBegan(0, ToolCall("c1", "f", "")),
                PartGrew(0, '{"a"'),
                PartGrew(0, ":1}"),
                PartBegan(1, ToolCall("c2", "g", "")),
                PartGrew(1, "{}"),
                PartEnded(0),
                PartEnded(1),
                ChoiceEnded(Stop.TOOL_CALLS),
            ],
        ),
        (
            # Two calls side by side, and a text behind them.
            [
                call(0, "c1", name="f"),
                call(1, "c2", name="g", arguments='{"b"'),
                call(0, arguments='{"a":1}'),
                call(1, arguments=":2}"),
                delta(content="so"),
                delta("tool_calls"),
            ],
            [
                PartBegan(0, ToolCall("c1", "f", "")),
                PartBegan(1, ToolCall("c2", "g", "")),
                PartGrew(1, '{"b"'),
                PartGrew(0, '{"a":1}'),
                PartGrew(1, ":2}"),
                PartEnded(0),
                PartEnded(1),
                PartBegan(2, Text("")),
                PartGrew(2, "so"),
                PartEnded(2),
                ChoiceEnded(Stop.TOOL_CALLS),
            ],
        ),
        (
            # No index at all, and one that is always 0; the second call has no id.
            [
                call(None, "c1", name="f", arguments="{}"),
                call(None, None, arguments=" "),
                delta("stop"),
            ],
            [
                PartBegan(0, ToolCall("c1", "f", "")),
                PartGrew(0, "{}"),
                PartGrew(0, " "),
                PartEnded(0),
                ChoiceEnded(Stop.TOOL_CALLS),
            ],
        ),
        (
            [
                call(0, "c1", name="f", arguments="{}"),
                call(0, "c2", name="f", arguments='{"b"'),
                call(0, arguments=":2}"),
                delta("stop"),
            ],
            [
                PartBegan(0, ToolCall("c1", "f", "")),
                PartGrew(0, "{}"),
                PartEnded(0),
                PartBegan(1, ToolCall("c2", "f", "")),
                PartGrew(1, '{"b"'),
                PartGrew(1, ":2}"),
                PartEnded(1),
                ChoiceEnded(Stop.TOOL_CALLS),
            ],
        ),
        (
            # The name comes late, the id never; an empty entry says nothing.
            [call(0, arguments="{"), call(0, name="f", arguments="}"), delta(tool_calls=[{}]), delta("tool_calls")],
            [
                PartBegan(0, ToolCall("call_0", "f", "")),
                PartGrew(0, "{}"),
                PartEnded(0),
                ChoiceEnded(Stop.TOOL_CALLS),
            ],
        ),
        (
            [
                delta(
                    tool_calls=[
                        {
                            "index": 0,
                            "id": "c1",
                            "function": {"name": "f", "arguments": {"a": 1}},
                            "extra_content": {"google": {"thought_signature": "s"}},
                        }
                    ]
                ),
                delta("stop"),
            ],
            [
                PartBegan(0, ToolCall("c1", "f", "")),
                PartGrew(0, '{"a":1}', seal=Seal(CHAT, "s")),
                PartEnded(0),
                ChoiceEnded(Stop.TOOL_CALLS),
            ],
        ),
        (
            [delta(function_call={"name": "f"}), delta(function_call={"arguments": "{}"}), delta("function_call")],
            [
                PartBegan(0, ToolCall("call_0", "f", "")),
                PartGrew(0, "{}"),
                PartEnded(0),
                ChoiceEnded(Stop.TOOL_CALLS),
            ],
        ),
        (
            [
                delta(index=1, content="b"),
                delta(index=0, content="a"),
                delta("stop", index=0),
                delta(index=1, content="B"),
                delta("length", index=1),
            ],
            [
                PartBegan(0, Text(""), 1),
                PartGrew(0, "b", 1),
                PartBegan(0, Text("")),
                PartGrew(0, "a"),
                PartEnded(0),
                ChoiceEnded(Stop.END),
                PartGrew(0, "B", 1),
                PartEnded(0, 1),
                ChoiceEnded(Stop.LENGTH, None, 1),
            ],
        ),
        (
            [
                delta(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]),
                delta("stop", content=[{"type": "text", "text": "a"}]),
            ],
            [
                PartBegan(0, Reasoning()),
                PartGrew(0, "hm"),
                PartEnded(0),
                PartBegan(1, Text("")),
                PartGrew(1, "a"),
                PartEnded(1),
                ChoiceEnded(Stop.END),
            ],
        ),
        (
            [
                delta(content="a"),
                delta(annotations=[{"type": "url_citation", "url_citation": {"url": "https://x.test"}}]),
                delta("stop", images=[{"image_url": {"url": "data:image/png;base64,QUJD"}}]),
            ],
            [
                PartBegan(0, Text("")),
                PartGrew(0, "a"),
                PartGrew(0, citation=Citation("https://x.test")),
                PartEnded(0),
                PartBegan(1, Media(MediaKind.IMAGE, "image/png", "QUJD")),
                PartEnded(1),
                ChoiceEnded(Stop.END),
            ],
        ),
        (
            [
                chunk(
                    {
                        "index": 0,
                        "delta": {"content": "a"},
                        "logprobs": {"content": [{"token": "a", "logprob": -1, "top_logprobs": []}]},
                    }
                ),
                delta("stop"),
            ],
            [
                PartBegan(0, Text("")),
                PartGrew(0, "a", chances=(TokenChance("a", -1),)),
                PartEnded(0),
                ChoiceEnded(Stop.END),
            ],
        ),
        (
            [chunk({"index": 0, "delta": {"content": "a"}, "finish_reason": "stop", "stop_reason": "#"})],
            [PartBegan(0, Text("")), PartGrew(0, "a"), PartEnded(0), ChoiceEnded(Stop.SEQUENCE, "#")],
        ),
        ([ROLE, delta("content_filter")], [ChoiceEnded(Stop.FILTERED)]),
        (
            [delta(content="a"), delta("stop"), delta(content="after"), delta("stop")],
            [PartBegan(0, Text("")), PartGrew(0, "a"), PartEnded(0), ChoiceEnded(Stop.END)],
        ),
    ],
)
@pytest.mark.parametrize("end", [DONE, b""], ids=["done", "clean"])
def test_chunks_become_events(frames: list[bytes], expected: list[StreamEvent], end: bytes) -> None:
    assert events_of(*frames, end) == [BEGAN, *expected, Ended()]


def test_usage_is_told_once_for_each_count() -> None:
    counts = {"prompt_tokens": 3, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 2}}
    frames = (delta("stop", content="a"), chunk(usage=counts), chunk(usage=counts), DONE)
    found = [told for told in events_of(*frames) if isinstance(told, UsageTold)]
    assert found == [UsageTold(Usage(3, 4, 2))]


def test_azures_words_about_the_prompt_begin_nothing() -> None:
    first = event(id="", model="", created=0, choices=[], prompt_filter_results=[{"prompt_index": 0}])
    assert events_of(first, delta("stop", content="a"), DONE)[0] == BEGAN


def test_comments_unknown_frames_and_what_follows_the_end_say_nothing() -> None:
    odd = b": ping\n\n" + event(object="ping") + chunk({"index": 0, "delta": None}) + chunk({"index": 0, "odd": {}})
    assert events_of(odd, delta("stop", content="a"), DONE, b"data: {rubbish\n\n")[1:] == [
        PartBegan(0, Text("")),
        PartGrew(0, "a"),
        PartEnded(0),
        ChoiceEnded(Stop.END),
        Ended(),
    ]


def test_done_ends_a_choice_that_did_not_say_why() -> None:
    assert events_of(delta(content="a"), DONE)[-3:] == [PartEnded(0), ChoiceEnded(Stop.END), Ended()]
    assert events_of(call(0, "c", name="f"), DONE)[-3:] == [PartEnded(0), ChoiceEnded(Stop.TOOL_CALLS), Ended()]


@pytest.mark.parametrize(
    ("frames", "failure"),
    [
        ([], FailureClass.STREAM_BROKEN),
        ([ROLE], FailureClass.STREAM_BROKEN),
        ([delta(content="a")], FailureClass.STREAM_BROKEN),
        ([delta(content="a"), delta("stop"), delta(index=1, content="b")], FailureClass.STREAM_BROKEN),
        ([delta(content="a"), b'data: {"choi'], FailureClass.STREAM_BROKEN),
        ([delta(content="a"), b"data: {rubbish\n\n"], FailureClass.MALFORMED_RESPONSE),
        ([b"data: 3\n\n"], FailureClass.MALFORMED_RESPONSE),
        ([DONE], FailureClass.MALFORMED_RESPONSE),
        ([ROLE, DONE], FailureClass.MALFORMED_RESPONSE),
        ([call(0, "c", arguments="{}"), DONE], FailureClass.MALFORMED_RESPONSE),
        (
            [call(0, "c", name="f"), delta(content="so"), call(0, arguments="{}")],
            FailureClass.MALFORMED_RESPONSE,
        ),
        ([b'data: {"error":{"message":"x"}}\n\n'], FailureClass.ERROR_IN_STREAM),
        ([b'data: {"error":{"code":"rate_limit_exceeded"}}\n\n'], FailureClass.RATE_LIMITED),
        ([b"event: error\ndata: overloaded\n\n"], FailureClass.ERROR_IN_STREAM),
        ([b'data: {"object":"error","message":"x"}\n\n'], FailureClass.ERROR_IN_STREAM),
        ([chunk({"index": 0, "error": {"code": 502, "message": "x"}})], FailureClass.ERROR_IN_STREAM),
        ([delta(content="a"), delta("error")], FailureClass.ERROR_IN_STREAM),
    ],
)
def test_a_stream_that_fails_says_how(frames: list[bytes], failure: FailureClass) -> None:
    assert failure_of(*frames).failure is failure


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (delta(content="héllo"), 6),
        (ROLE, None),
        (delta("stop", content="a"), None),
        (delta(content="a", reasoning_content="b"), None),
        (delta(content="a", annotations=[{}]), None),
        (delta(tool_calls=[{"index": 0}]), None),
        (chunk({"index": 0, "delta": {"content": "a"}}, usage={"prompt_tokens": 1}), None),
        (chunk({"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {"content": "b"}}), None),
        (DONE, None),
        (b": ping\n\n", None),
        (b'event: error\ndata: {"choices":[{"delta":{"content":"a"}}]}\n\n', None),
    ],
)
def test_only_text_is_told_by_its_looks(frame: bytes, expected: int | None) -> None:
    assert text_bytes_of(frames_of(frame)[0]) == expected


WHOLE = b"".join(
    [
        ROLE,
        delta(reasoning_content="hm…"),
        delta(content="Héllo \U0001f600"),
        b": ping\r\n\r\n",
        call(0, "c1", name="f", arguments='{"a":'),
        call(0, arguments="1}"),
        delta("tool_calls"),
        chunk(usage={"prompt_tokens": 3, "completion_tokens": 4}),
        DONE,
    ]
)


@given(st.lists(st.integers(0, len(WHOLE)), max_size=8))
def test_a_stream_cut_anywhere_says_the_same(cuts: list[int]) -> None:
    assert events_of(WHOLE, cuts=cuts) == events_of(WHOLE)


NAMES = st.sampled_from(
    (
        *("delta", "content", "tool_calls", "function", "name", "id", "arguments", "finish_reason", "index", "error"),
        *("reasoning_content", "reasoning_details", "type", "signature", "images", "image_url", "url", "refusal"),
        *("logprobs", "token", "logprob", "annotations", "url_citation", "function_call", "text", "thinking"),
    )
)
KNOWN = st.recursive(
    st.sampled_from(("stop", "x", "", None, 0, 1, -1, 1e300, 10**30, True, "reasoning.text", "data:,")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
DELTAS = st.builds(
    lambda delta, odd: {"index": 0, "delta": delta} | odd, *[st.dictionaries(NAMES, KNOWN, max_size=4)] * 2
)


@given(
    st.lists(
        st.lists(DELTAS | KNOWN, max_size=2).map(lambda choices: event(choices=choices)) | st.just(DONE), max_size=6
    )
)
def test_any_chunks_are_read_in_order_or_are_a_failure(frames: list[bytes]) -> None:
    try:
        events = events_of(*frames)
    except UpstreamFailure:
        return
    assert isinstance(events[0], Began)
    assert [event for event in events if isinstance(event, Ended)] == events[-1:]
    open_parts: set[tuple[int, int]] = set()
    for said in events:
        match said:
            case PartBegan():
                assert not {part for part in open_parts if part[0] == said.choice}
                open_parts.add((said.choice, said.index))
            case PartGrew():
                assert (said.choice, said.index) in open_parts
            case PartEnded():
                open_parts.remove((said.choice, said.index))
            case _:
                pass
    assert not open_parts


@given(st.binary())
def test_any_bytes_are_a_failure(body: bytes) -> None:
    assert failure_of(body).failure
