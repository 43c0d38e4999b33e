"""A stream is written so that the openai SDK puts the same answer together that a plain call would have given."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from fairlead_proxy.contract.names import DialectName, Mode
from fairlead_proxy.dialects.dialect import ReadRequest
from fairlead_proxy.dialects.openai.completion_writer import write_chat_completion
from fairlead_proxy.dialects.openai.stream_reader import ChatStreamReader
from fairlead_proxy.dialects.openai.stream_writer import ChatStreamWriter
from fairlead_proxy.dialects.sse import SseParser
from fairlead_proxy.exchange.completion import (
    AnswerPart,
    Began,
    Choice,
    ChoiceEnded,
    Completion,
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
from fairlead_proxy.exchange.usage import Usage

ANTHROPIC = DialectName.ANTHROPIC
BODY = b'{"model":"virtual","messages":[]}'
REQUEST = ReadRequest("virtual", Mode.STREAM, BODY)
CURIOUS = ReadRequest("virtual", Mode.STREAM, BODY, wants_usage=True)
LEGACY = ReadRequest("virtual", Mode.STREAM, b'{"functions":[{"name":"f"}]}')
BEGAN = Began("msg_1", "claude")
DONE = "[DONE]"


def streamed(completion: Completion) -> list[StreamEvent]:
    """Return a completion as the events that it would have come in, each text in two pieces."""
    events: list[StreamEvent] = [Began(completion.id, completion.model, completion.created)]
    for place, choice in enumerate(completion.choices):
        for index, part in enumerate(choice.parts):
            events += _streamed_part(part, index, place)
        events.append(ChoiceEnded(choice.stop, choice.sequence, place))
    return [*events, *([UsageTold(completion.usage)] if completion.usage else []), Ended()]


def _streamed_part(part: AnswerPart, index: int, place: int) -> list[StreamEvent]:
    ended = PartEnded(index, place)
    match part:
        case Text():
            cited = (PartGrew(index, choice=place, citation=citation) for citation in part.citations)
            return [PartBegan(index, Text(""), place), *_pieces(part.text, index, place), *cited, ended]
        case Refusal():
            return [PartBegan(index, Refusal(""), place), *_pieces(part.text, index, place), ended]
        case Reasoning() if part.text:
            sealed = [PartGrew(index, choice=place, seal=part.seal)] if part.seal else []
            return [PartBegan(index, Reasoning(), place), *_pieces(part.text, index, place), *sealed, ended]
        case ToolCall():
            sealed = [PartGrew(index, choice=place, seal=part.seal)] if part.seal else []
            begun = PartBegan(index, ToolCall(part.id, part.name, ""), place)
            return [begun, *_pieces(part.arguments, index, place), *sealed, ended]
        case _:
            return [PartBegan(index, part, place), ended]


def _pieces(text: str, index: int, place: int) -> list[StreamEvent]:
    half = len(text) // 2
    return [PartGrew(index, piece, place) for piece in (text[:half], text[half:]) if piece]


def written(events: list[StreamEvent], request: ReadRequest = REQUEST) -> list[str]:
    writer = ChatStreamWriter(request, now=99.9)
    parser = SseParser()
    frames = parser.feed(b"".join(writer.write(event) for event in events))
    assert parser.finish() == []
    return [(frame.data or b"").decode() for frame in frames]


def chunks_of(events: list[StreamEvent], request: ReadRequest = REQUEST) -> list[dict[str, Any]]:
    *frames, last = written(events, request)
    assert last == DONE
    return [json.loads(frame) for frame in frames]


def deltas_of(events: list[StreamEvent], request: ReadRequest = REQUEST) -> list[dict[str, Any]]:
    return [chunk["choices"][0]["delta"] for chunk in chunks_of(events, request)]


def accumulated(events: list[StreamEvent], request: ReadRequest = REQUEST) -> dict[str, Any]:
    """Return what the SDK puts together, without what it adds of its own."""
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for chunk in chunks_of(events, request):
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk, strict=True))
    return state.current_completion_snapshot.to_dict(mode="json")


def told(completion: object) -> Any:
    """Leave out the difference between an answer without text and one whose text is empty."""
    found: Any = without_places(completion)
    for choice in found["choices"]:
        choice["message"]["content"] = choice["message"].get("content") or None
    return found


def without_places(value: object) -> object:
    """Leave out nulls, and the places of a stream's list entries, which its plain twin has no need of."""
    if isinstance(value, dict):
        kept = {key: without_places(inner) for key, inner in value.items() if key not in ("index", "parsed", "object")}
        return {key: inner for key, inner in kept.items() if inner is not None}
    return [without_places(inner) for inner in value] if isinstance(value, list) else value


RICH = Completion(
    "msg_1",
    "claude",
    (
        Choice(
            (
                Reasoning("first"),
                Reasoning("hmm", Seal(ANTHROPIC, "sig")),
                Reasoning(seal=Seal(ANTHROPIC, "hidden")),
                Text("It is "),
                Text(
                    "sunny.", citations=(Citation("https://x.test"), Citation("https://y.test"), Citation(quoted="q"))
                ),
                ToolCall("c1", "f", '{"a":1}', Seal(DialectName.GEMINI, "t")),
                ToolCall("c2", "g", "{}"),
                Text("Bye."),
                Media(MediaKind.IMAGE, "image/png", "QUJD"),
                Media(MediaKind.IMAGE, url="https://x.test/a.png"),
            ),
            Stop.TOOL_CALLS,
        ),
    ),
    Usage(10, 5, 3, 0, 1),
)


@pytest.mark.parametrize(
    "completion",
    [
        RICH,
        Completion("x", "m", (Choice((Text("hello"),)),)),
        Completion("x", "m", (Choice((Refusal("no way"),), Stop.REFUSED),)),
        Completion("x", "m", (Choice((ToolCall("c", "f"),), Stop.TOOL_CALLS),)),
        Completion("x", "m", (Choice((Reasoning("ab"), Reasoning("cd")), Stop.LENGTH),)),
        Completion("x", "m", (Choice((Text("one"),)), Choice((Text("two"),), Stop.LENGTH), Choice((Text("three"),)))),
    ],
)
def test_the_sdk_puts_together_what_a_plain_answer_says(completion: Completion) -> None:
    plain = ChatCompletion.model_validate_json(write_chat_completion(completion, request=CURIOUS, now=99.9))
    assert told(accumulated(streamed(completion), CURIOUS)) == told(plain.to_dict(mode="json"))


def test_a_stream_of_text_looks_like_openais() -> None:
    head = {"id": "chatcmpl-msg_1", "object": "chat.completion.chunk", "created": 99, "model": "claude"}
    rest = {"index": 0, "logprobs": None, "finish_reason": None}
    assert chunks_of(
        [BEGAN, PartBegan(0, Text("")), PartGrew(0, "hi"), PartEnded(0), ChoiceEnded(Stop.END), Ended()]
    ) == [
        head | {"choices": [rest | {"delta": {"role": "assistant", "content": ""}}]},
        head | {"choices": [rest | {"delta": {"content": "hi"}}]},
        head | {"choices": [rest | {"delta": {}, "finish_reason": "stop"}]},
    ]


def test_a_call_comes_with_its_name_first_and_ends_as_json() -> None:
    events: list[StreamEvent] = [
        BEGAN,
        PartBegan(0, ToolCall("c1", "f", "")),
        PartBegan(1, ToolCall("c2", "g", "")),
        PartGrew(0, '{"a":1}'),
        PartEnded(0),
        PartEnded(1),
        ChoiceEnded(Stop.TOOL_CALLS),
        Ended(),
    ]
    assert deltas_of(events) == [
        {"role": "assistant", "content": None},
        {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "id": "c2", "type": "function", "function": {"name": "g", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":1}'}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
        {},
    ]


def test_usage_is_told_only_to_who_asked() -> None:
    events: list[StreamEvent] = [BEGAN, UsageTold(Usage(1)), ChoiceEnded(Stop.END), UsageTold(Usage(3, 4)), Ended()]
    assert all("usage" not in chunk for chunk in chunks_of(events))
    *others, last = chunks_of(events, CURIOUS)
    assert [chunk["usage"] for chunk in others] == [None, None]
    assert last["choices"] == []
    assert (last["usage"]["prompt_tokens"], last["usage"]["total_tokens"]) == (3, 7)


def test_choices_begin_in_order_even_if_a_later_one_speaks_first() -> None:
    events: list[StreamEvent] = [BEGAN, PartBegan(0, Text(""), 1), PartGrew(0, "b", 1), ChoiceEnded(Stop.END, None, 1)]
    events += [PartBegan(0, Text("")), PartGrew(0, "a"), ChoiceEnded(Stop.END), Ended()]
    assert [chunk["choices"][0]["index"] for chunk in chunks_of(events)] == [0, 1, 1, 1, 0, 0]
    assert [choice["message"]["content"] for choice in accumulated(events)["choices"]] == ["a", "b"]


def test_chances_come_with_their_text() -> None:
    chance = TokenChance("a", -0.5, (("a", -0.5),))
    events: list[StreamEvent] = [BEGAN, PartBegan(0, Text("")), PartGrew(0, "a", chances=(chance,))]
    found = accumulated([*events, PartEnded(0), ChoiceEnded(Stop.END), Ended()])
    entry = {"token": "a", "logprob": -0.5, "bytes": [97]}
    assert found["choices"][0]["logprobs"]["content"] == [entry | {"top_logprobs": [entry]}]


def test_a_caller_of_the_old_form_gets_one_function_call() -> None:
    events: list[StreamEvent] = [BEGAN]
    for index, name in enumerate("fg"):
        events += [PartBegan(index, ToolCall(name, name, "")), PartGrew(index, "{}"), PartEnded(index)]
    found = accumulated([*events, ChoiceEnded(Stop.TOOL_CALLS), Ended()], LEGACY)["choices"][0]
    assert found["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert found["finish_reason"] == "function_call"
    assert found["message"]["tool_calls"] is None


@pytest.mark.parametrize(
    ("began", "head"),
    [
        (Began("chatcmpl-9", "m", 5), ("chatcmpl-9", "m", 5)),
        (Began("gen-1", "m", 5), ("chatcmpl-gen-1", "m", 5)),
        (Began(), ("chatcmpl-99", "virtual", 99)),
    ],
)
def test_every_chunk_names_id_model_and_date(began: Began, head: tuple[str, str, int]) -> None:
    chunks = chunks_of([began, PartBegan(0, Text("")), PartGrew(0, "a"), ChoiceEnded(Stop.END), Ended()])
    assert {(chunk["id"], chunk["model"], chunk["created"]) for chunk in chunks} == {head}


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (Stop.END, "stop"),
        (Stop.SEQUENCE, "stop"),
        (Stop.LENGTH, "length"),
        (Stop.TOOL_CALLS, "tool_calls"),
        (Stop.FILTERED, "content_filter"),
        (Stop.REFUSED, "content_filter"),
        (Stop.PAUSED, "length"),
    ],
)
def test_an_end_alone_is_told_with_its_reason(stop: Stop, reason: str) -> None:
    chunks = chunks_of([BEGAN, ChoiceEnded(stop), Ended()])
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, reason]


TEXTS = st.text(min_size=1, max_size=8)
SEALS = st.builds(Seal, st.sampled_from(DialectName), TEXTS)
PARTS = st.one_of(
    st.builds(Text, TEXTS),
    st.builds(Refusal, TEXTS),
    st.builds(Reasoning, TEXTS, st.none() | SEALS),
    st.builds(Reasoning, seal=SEALS),
    st.builds(ToolCall, TEXTS, TEXTS, st.just('{"a":1}'), st.none() | SEALS),
    st.just(Media(MediaKind.IMAGE, "image/png", "QUJD")),
)
COMPLETIONS = st.builds(
    Completion,
    st.just("chatcmpl-1"),
    TEXTS,
    st.lists(st.builds(Choice, st.lists(PARTS, max_size=5).map(tuple)), min_size=1, max_size=2).map(tuple),
    st.none() | st.just(Usage(4, 3, 2, 1, 1)),
    st.just(5),
)


@given(COMPLETIONS)
def test_streamed_or_plain_the_sdk_reads_the_same(completion: Completion) -> None:
    plain = ChatCompletion.model_validate_json(write_chat_completion(completion, request=CURIOUS, now=1.0))
    assert told(accumulated(streamed(completion), CURIOUS)) == told(plain.to_dict(mode="json"))


@given(COMPLETIONS)
def test_what_is_written_is_read_again_in_order(completion: Completion) -> None:
    writer, parser, reader = ChatStreamWriter(CURIOUS, now=1.0), SseParser(), ChatStreamReader()
    found: list[StreamEvent] = []
    for event in streamed(completion):
        for frame in parser.feed(writer.write(event)):
            found += reader.take(frame)
    assert found[0] == Began(completion.id, completion.model, 5)
    assert found[-1] == Ended()
    usages = [event.usage for event in found if isinstance(event, UsageTold)]
    assert usages == ([completion.usage] if completion.usage else [])
    for place, choice in enumerate(completion.choices):
        grown = "".join(event.text for event in found if isinstance(event, PartGrew) and event.choice == place)
        said = "".join(
            part.arguments if isinstance(part, ToolCall) else part.text
            for part in choice.parts
            if not isinstance(part, Media)
        )
        assert sorted(grown.replace("\n", "")) == sorted(said.replace("\n", ""))
