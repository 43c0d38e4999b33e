"""A streamed answer as it is written for a caller: the whole grammar of events, as the openai SDK puts it together."""

import json
from collections.abc import Iterable
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.dialects.responses.dialect import OpenAIInputTokens, OpenAIResponses
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
from fairlead_proxy.exchange.errors import Answer
from fairlead_proxy.exchange.usage import Usage

DIALECT = OpenAIResponses()
NOW = 1_800_000_000.0
GEMINI = Seal(DialectName.GEMINI, "signature")
ANTHROPIC = Seal(DialectName.ANTHROPIC, "sig==")
REQUEST = DIALECT.read_request(b'{"model":"virtual","input":"hi","stream":true,"instructions":"Be brief."}')
EVENTS: list[StreamEvent] = [
    Began("msg_01", "claude"),
    PartBegan(0, Reasoning()),
    PartGrew(0, "hm"),
    PartGrew(0, "m"),
    PartGrew(0, seal=ANTHROPIC),
    PartEnded(0),
    PartBegan(1, Text("")),
    PartGrew(1, "Größe", chances=(TokenChance("G", -0.5, (("H", -2.0),)),)),
    PartGrew(1, "."),
    PartGrew(1, citation=Citation("https://e.org", "t")),
    PartEnded(1),
    PartBegan(2, Text("")),
    PartGrew(2, "More."),
    PartEnded(2),
    UsageTold(Usage(1, 1)),
    PartBegan(3, ToolCall("call_1", "f", "")),
    PartBegan(4, ToolCall("call_2", "g", "")),
    PartGrew(3, '{"a"'),
    PartGrew(4, seal=GEMINI),
    PartGrew(3, ":1}"),
    PartEnded(4),
    PartEnded(3),
    ChoiceEnded(Stop.TOOL_CALLS),
    UsageTold(Usage(30, 9, 20, 4, 5)),
    Ended(),
]


def write(events: Iterable[StreamEvent]) -> bytes:
    writer = DIALECT.open_writer(REQUEST, now=NOW)
    return b"".join(writer.write(event) for event in events)


def frames_of(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(frame.data or b"") for frame in DIALECT.open_parser().feed(body)]


def types_of(body: bytes) -> list[str]:
    return [frame["type"].removeprefix("response.") for frame in frames_of(body)]


def final_of(body: bytes) -> dict[str, Any]:
    response: dict[str, Any] = frames_of(body)[-1]["response"]
    return response


def client_of(body: bytes) -> openai.OpenAI:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    return openai.OpenAI(api_key="k", max_retries=0, http_client=httpx2.Client(transport=httpx2.MockTransport(answer)))


def streamed(part: AnswerPart, index: int) -> list[StreamEvent]:
    """Return a part as the events that bring it."""
    match part:
        case Text() | Refusal():
            return [PartBegan(index, type(part)("")), PartGrew(index, part.text), PartEnded(index)]
        case Reasoning():
            grown = [PartGrew(index, part.text), PartGrew(index, seal=part.seal)]
            return [PartBegan(index, Reasoning()), *grown, PartEnded(index)]
        case ToolCall():
            grew = PartGrew(index, part.arguments, seal=part.seal)
            return [PartBegan(index, ToolCall(part.id, part.name, "")), grew, PartEnded(index)]
        case Media():
            return [PartBegan(index, part), PartEnded(index)]


def test_the_sdk_puts_the_stream_together() -> None:
    with client_of(write(EVENTS)) as client, client.responses.stream(model="virtual", input="hi") as stream:
        response = stream.get_final_response()
    assert response.output_text == "Größe.More."
    assert [item.type for item in response.output] == [
        "reasoning", "message", "function_call", "reasoning", "function_call",
    ]  # fmt: skip
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.input_tokens_details.cached_tokens) == (30, 20)
    assert (response.id, response.model, response.status) == ("resp_msg_01", "claude", "completed")
    assert response.instructions == "Be brief."


def test_every_event_is_one_of_the_vendors() -> None:
    events: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    for frame in frames_of(write(EVENTS)):
        assert events.validate_python(frame).type == frame["type"]


def test_events_are_numbered_and_named() -> None:
    frames = DIALECT.open_parser().feed(write(EVENTS))
    data = [json.loads(frame.data or b"") for frame in frames]
    assert [event["sequence_number"] for event in data] == list(range(len(frames)))
    assert [event["type"].encode() for event in data] == [frame.name for frame in frames]


def test_the_grammar_is_the_vendors() -> None:
    assert types_of(write(EVENTS)) == [
        "created", "in_progress",
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "reasoning_summary_text.delta", "reasoning_summary_text.done", "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_text.annotation.added", "output_text.done", "content_part.done",
        "content_part.added", "output_text.delta", "output_text.done", "content_part.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.delta",
        "output_item.added", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done",
        "function_call_arguments.done", "output_item.done",
        "completed",
    ]  # fmt: skip


def test_nothing_comes_of_a_call_before_its_first_arguments() -> None:
    """So the seal that comes with them stands before the call, as reasoning does."""
    writer = DIALECT.open_writer(REQUEST, now=NOW)
    writer.write(Began())
    assert writer.write(PartBegan(0, ToolCall("c", "f", ""))) == b""
    grown = types_of(writer.write(PartGrew(0, "{}", seal=GEMINI)))
    assert grown == ["output_item.added", "output_item.done", "output_item.added", "function_call_arguments.delta"]


def test_a_seal_that_comes_late_is_kept_behind_its_call() -> None:
    call = PartBegan(0, ToolCall("c", "f", ""))
    events: list[StreamEvent] = [Began(), call, PartGrew(0, "{}"), PartGrew(0, seal=GEMINI)]
    output = final_of(write([*events, ChoiceEnded(Stop.TOOL_CALLS), Ended()]))["output"]
    assert [item["type"] for item in output] == ["function_call", "reasoning"]
    turn = DIALECT.read_request(json.dumps({"model": "m", "input": output}).encode()).conversation.turns[0]
    assert turn.parts == (ToolCall("c", "f", "{}", GEMINI),)


@pytest.mark.parametrize(
    ("stop", "status", "reason"),
    [
        (Stop.END, "completed", None),
        (Stop.LENGTH, "incomplete", "max_output_tokens"),
        (Stop.FILTERED, "incomplete", "content_filter"),
        (Stop.REFUSED, "incomplete", "content_filter"),
    ],
)
def test_the_last_event_says_why_the_answer_ends(stop: Stop, status: str, reason: str | None) -> None:
    body = write([Began(), PartBegan(0, Text("")), PartGrew(0, "x"), ChoiceEnded(stop), Ended()])
    response = final_of(body)
    assert types_of(body)[-1] == response["status"] == response["output"][0]["status"] == status
    assert (response["incomplete_details"] or {}).get("reason") == reason


def test_a_refusal_is_a_complete_answer() -> None:
    body = write([Began(), *streamed(Refusal("No."), 0), ChoiceEnded(Stop.REFUSED), Ended()])
    assert types_of(body)[2:] == [
        "output_item.added", "content_part.added", "refusal.delta", "refusal.done", "content_part.done",
        "output_item.done", "completed",
    ]  # fmt: skip


def test_reasoning_without_anything_is_no_item() -> None:
    body = write([Began(), PartBegan(0, Reasoning()), PartEnded(0), ChoiceEnded(Stop.END), Ended()])
    assert types_of(body) == ["created", "in_progress", "completed"]


def test_a_second_choice_is_not_written() -> None:
    events: list[StreamEvent] = [
        Began(),
        PartBegan(0, Text(""), 1),
        PartGrew(0, "x", 1),
        ChoiceEnded(Stop.END, None, 1),
        Ended(),
    ]
    assert final_of(write(events))["output"] == []


def test_nothing_is_written_after_the_end() -> None:
    writer = DIALECT.open_writer(REQUEST, now=NOW)
    for event in (Began(), ChoiceEnded(Stop.END), Ended()):
        writer.write(event)
    assert writer.write(Ended()) == b""


PARTS = st.one_of(
    st.builds(Text, st.text(min_size=1, max_size=5)),
    st.builds(Refusal, st.text(min_size=1, max_size=5)),
    st.builds(Reasoning, st.text(min_size=1, max_size=5), st.just(ANTHROPIC)),
    st.builds(ToolCall, st.text("abc", min_size=1), st.just("f"), st.just('{"a":1}'), st.none() | st.just(GEMINI)),
    st.just(Media(MediaKind.IMAGE, "image/png", data="QUJD")),
)


@given(st.lists(PARTS, max_size=5), st.sampled_from([Stop.END, Stop.LENGTH]))
def test_a_stream_ends_with_what_the_whole_answer_would_be(parts: list[AnswerPart], stop: Stop) -> None:
    """All but the status of an item that a break came after: it was told before the break was known."""
    events = [event for index, part in enumerate(parts) for event in streamed(part, index)]
    told = final_of(write([Began("x", "claude"), *events, UsageTold(Usage(3, 2)), ChoiceEnded(stop), Ended()]))
    completion = Completion("x", "claude", (Choice(tuple(parts), stop),), Usage(3, 2))
    whole = json.loads(DIALECT.write_completion(completion, request=REQUEST, now=NOW))
    Response.model_validate(told)
    for response in (told, whole):
        for item in response["output"]:
            item.pop("status", None)
    assert told == whole


@given(st.lists(PARTS, max_size=5))
def test_a_stream_that_was_written_reads_back(parts: list[AnswerPart]) -> None:
    events = [event for index, part in enumerate(parts) for event in streamed(part, index)]
    body = write([Began("resp_x", "claude", 7), *events, UsageTold(Usage(3, 2)), ChoiceEnded(Stop.END), Ended()])
    reader = DIALECT.open_reader()
    found = [event for frame in DIALECT.open_parser().feed(body) for event in reader.take(frame)]
    texts = [event.text for event in found if isinstance(event, PartGrew) and event.text]
    assert texts == [event.text for event in events if isinstance(event, PartGrew) and event.text]
    assert (found[0], found[-1], reader.finish()) == (Began("resp_x", "claude", 7), Ended(), [])


def test_the_sdk_raises_on_the_event_that_ends_a_broken_stream() -> None:
    answer = Answer(502, "upstream_failed", "the provider broke off")
    body = write(EVENTS[:9]) + DIALECT.render_stream_error(answer)
    with client_of(body) as client, pytest.raises(openai.APIError, match="the provider broke off") as raised:
        list(client.responses.create(model="virtual", input="hi", stream=True))
    assert raised.value.code == "upstream_failed"


def test_the_error_event_is_the_vendors_by_its_type() -> None:
    body = DIALECT.render_stream_error(Answer(502, "upstream_failed", 'say "x"'))
    frame = DIALECT.open_parser().feed(body)[0]
    event = TypeAdapter[Any](ResponseStreamEvent).validate_python(json.loads(frame.data or b""))
    assert (frame.name, event.type, event.code, event.message) == (b"error", "error", "upstream_failed", 'say "x"')


def test_counts_of_tokens_are_not_streamed() -> None:
    with pytest.raises(InvalidCall):
        OpenAIInputTokens().open_writer(REQUEST, now=NOW)
