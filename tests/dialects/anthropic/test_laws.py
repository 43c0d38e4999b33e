"""Laws of Anthropic's form: what is written is read as it was, wherever a stream is cut."""

import base64
import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.anthropic.cache_marks import MOST_MARKS
from fairlead_proxy.dialects.anthropic.dialect import AnthropicCount, AnthropicMessages
from fairlead_proxy.dialects.anthropic.foreign import without_foreign_seals
from fairlead_proxy.exchange.completion import (
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
    UsageTold,
)
from fairlead_proxy.exchange.conversation import (
    AnswerForm,
    CacheHint,
    Conversation,
    Media,
    MediaKind,
    Reasoning,
    Role,
    Sampling,
    Seal,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    Turn,
)
from fairlead_proxy.exchange.usage import Usage

MESSAGES, COUNT = AnthropicMessages(), AnthropicCount()
OWN = DialectName.ANTHROPIC
NOW = 1_800_000_000.0
MODEL = "claude-opus-4-6"

words = st.text(min_size=1, max_size=12).map(lambda text: f"w{text}w")
names = st.text("abcXYZ09_-", min_size=1, max_size=8)
packed = st.binary(max_size=8).map(lambda data: base64.b64encode(data).decode())
signatures = st.binary(min_size=3, max_size=9).map(lambda data: "E" + base64.b64encode(data).decode())
hints = st.sampled_from([*[None] * 9, CacheHint(), CacheHint("5m"), CacheHint("1h")])
arguments = st.dictionaries(names, st.integers() | st.text(max_size=4), max_size=2).map(json.dumps)
schemas = st.fixed_dictionaries({"type": st.just("object"), "properties": st.just({})})

texts = st.builds(Text, words, hints)
images = st.builds(
    Media, st.just(MediaKind.IMAGE), st.just("image/png"), data=packed, cache=hints
) | st.builds(Media, st.just(MediaKind.IMAGE), url=words, cache=hints)  # fmt: skip
files = st.builds(
    Media, st.just(MediaKind.FILE), st.just("application/pdf"), data=packed, name=st.none() | words, cache=hints
) | st.builds(
    Media,
    st.just(MediaKind.FILE),
    st.just("text/plain"),
    data=words.map(lambda text: base64.b64encode(text.encode()).decode()),
    cache=hints,
)
thoughts = st.builds(Reasoning, st.text(max_size=8), st.builds(Seal, st.just(OWN), signatures)) | st.builds(
    Reasoning, seal=signatures.map(lambda data: Seal(OWN, f"redacted:{data}"))
)

offered = st.builds(Tool, names, st.none() | words, schemas, st.none() | st.booleans(), hints)
samplings = st.builds(Sampling, st.none() | st.floats(0, 1), top_k=st.none() | st.integers(0, 99))
thinkings = st.builds(
    Thinking, st.sampled_from([None, "low", "high"]), adaptive=st.just(True), shown=st.none() | st.booleans()
)
CLOSED = {"type": "object", "properties": {}, "additionalProperties": False}


@st.composite
def exchanges(draw: st.DrawFn, number: int) -> tuple[Turn, Turn]:
    """A turn of the assistant's, and the user's after it with the results of its calls."""
    calls = [
        ToolCall(f"call_{number}_{place}", draw(names), draw(arguments), cache=draw(hints))
        for place in range(draw(st.integers(0, 2)))
    ]
    said: list[Text | Reasoning] = [*draw(st.lists(thoughts, max_size=2)), draw(texts)]
    results = [
        ToolResult(
            call.id,
            call.name,
            tuple(draw(st.lists(texts | images | files, max_size=2))),
            draw(st.booleans()),
            draw(hints),
        )
        for call in calls
    ]
    asked = draw(st.lists(texts | images | files, min_size=1, max_size=2))
    return Turn(Role.ASSISTANT, (*said, *calls)), Turn(Role.USER, (*results, *asked))


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    """What this dialect expresses without loss, in the form that it is read in."""
    turns = [Turn(Role.USER, (draw(texts),))]
    for number in range(draw(st.integers(0, 2))):
        turns += draw(exchanges(number))
    system = draw(st.lists(texts, max_size=2))
    tools = draw(st.lists(offered, max_size=2))
    choice = draw(st.none() | st.sampled_from(_choices_of(tools))) if tools else None
    forced = choice is not None and choice.mode is not ToolChoiceMode.AUTO
    thinking = None if forced else draw(st.none() | thinkings)
    return Conversation(
        turns=(*([Turn(Role.SYSTEM, tuple(system))] if system else []), *turns),
        tools=tuple(tools),
        tool_choice=choice,
        parallel_tools=draw(st.none() | st.booleans()) if choice is not None else None,
        max_tokens=draw(st.integers(1, 10**6)),
        stop=tuple(draw(st.lists(words, max_size=2))),
        sampling=Sampling() if thinking is not None else draw(samplings),
        form=draw(st.none() | st.just(AnswerForm(CLOSED, strict=True))),
        thinking=thinking,
        user=draw(st.none() | words),
        service_tier=draw(st.sampled_from([None, "auto", "default"])),
        stream=draw(st.booleans()),
    )


def _choices_of(tools: list[Tool]) -> list[ToolChoice]:
    named = [ToolChoice(ToolChoiceMode.NAMED, (tool.name,)) for tool in tools]
    return [ToolChoice(ToolChoiceMode.AUTO), ToolChoice(ToolChoiceMode.ANY), *named]


def _bears_few_marks(conversation: Conversation) -> bool:
    return msgspec.json.encode(conversation).count(b'"ttl"') <= MOST_MARKS


@given(conversations().filter(_bears_few_marks))
@settings(max_examples=100, deadline=None)
def test_a_conversation_that_is_written_is_read_as_it_was(conversation: Conversation) -> None:
    written = MESSAGES.write_request(conversation, model=MODEL)
    assert written.lost == ()
    assert MESSAGES.read_request(written.body).conversation == conversation


@given(conversations())
@settings(max_examples=30, deadline=None)
def test_a_request_that_is_written_passes_untouched(conversation: Conversation) -> None:
    body = MESSAGES.write_request(conversation, model=MODEL).body
    assert without_foreign_seals(body) is body
    counted = COUNT.write_request(conversation, model=MODEL).body
    assert COUNT.read_request(counted).conversation.turns == MESSAGES.read_request(body).conversation.turns


parts = st.lists(
    st.builds(Text, words) | thoughts | st.builds(ToolCall, names, names, arguments.filter(lambda text: text != "{}")),
    max_size=4,
)  # fmt: skip
usages = st.builds(
    lambda plain, cached, written, output, thought, long: Usage(
        plain + cached + written + long, output, cached, written, thought, cache_write_long_tokens=long
    ),
    *[st.integers(0, 10**9)] * 6,
)
stops = st.sampled_from([Stop.END, Stop.LENGTH, Stop.SEQUENCE, Stop.TOOL_CALLS, Stop.REFUSED, Stop.PAUSED])
REQUEST = MESSAGES.read_request(b'{"model":"smart","messages":[]}')


@given(parts, usages, stops, st.none() | words)
@settings(max_examples=100, deadline=None)
def test_an_answer_that_is_written_is_read_as_it_was(
    said: list[Any], usage: Usage, stop: Stop, sequence: str | None
) -> None:
    completion = Completion("msg_1", "claude", (Choice(tuple(said), stop, sequence),), usage)
    again = MESSAGES.read_completion(MESSAGES.write_completion(completion, request=REQUEST, now=NOW))
    assert _plain(again) == _plain(completion)


def _plain(completion: Completion) -> Any:
    """Return an answer with its calls' arguments as values: their spaces mean nothing."""
    choice = completion.choices[0]
    told = [
        (part.id, part.name, json.loads(part.arguments)) if isinstance(part, ToolCall) else part
        for part in choice.parts
    ]
    return completion.id, completion.model, told, choice.stop, choice.sequence, completion.usage


@st.composite
def streams(draw: st.DrawFn) -> list[StreamEvent]:
    """The events of a stream as this dialect's reader tells them."""
    events: list[StreamEvent] = [Began("msg_1", "claude"), UsageTold(draw(usages))]
    for index, part in enumerate(draw(parts)):
        match part:
            case Text():
                events += (PartBegan(index, Text("")), PartGrew(index, part.text))
            case ToolCall():
                events += (PartBegan(index, ToolCall(part.id, part.name, "")), PartGrew(index, part.arguments))
            case Reasoning(text="", seal=Seal(value=value)) if value.startswith("redacted:"):
                events.append(PartBegan(index, part))
            case Reasoning():
                events.append(PartBegan(index, Reasoning()))
                if part.text:
                    events.append(PartGrew(index, part.text))
                events.append(PartGrew(index, seal=part.seal))
        events.append(PartEnded(index))
    events += (UsageTold(draw(usages)), ChoiceEnded(draw(stops), draw(st.none() | words)), Ended())
    return events


def _write(events: list[StreamEvent]) -> bytes:
    writer = MESSAGES.open_writer(REQUEST, now=NOW)
    return b"".join(writer.write(event) for event in events)


def _read(chunks: list[bytes]) -> list[StreamEvent]:
    parser, reader = MESSAGES.open_parser(), MESSAGES.open_reader()
    events: list[StreamEvent] = []
    for chunk in chunks:
        for frame in parser.feed(chunk):
            events += reader.take(frame)
    for frame in parser.finish():
        events += reader.take(frame)
    return events + reader.finish()


@given(streams(), st.data())
@settings(max_examples=100, deadline=None)
def test_a_stream_is_read_as_it_was_written_wherever_it_is_cut(events: list[StreamEvent], data: st.DataObject) -> None:
    body = _write(events)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=6)))
    chunks = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    read = _read(chunks)
    # A count of nothing says nothing new; thinking tokens are told with the other counts.
    assert [event for event in read if not isinstance(event, UsageTold)] == [
        event for event in events if not isinstance(event, UsageTold)
    ]
    last = [event for event in events if isinstance(event, UsageTold)][-1].usage
    told = [event for event in read if isinstance(event, UsageTold)][-1].usage
    assert (told.input_tokens, told.output_tokens, told.cached_input_tokens) == (
        last.input_tokens, last.output_tokens, last.cached_input_tokens,
    )  # fmt: skip


@given(streams())
@settings(max_examples=50, deadline=None)
def test_text_that_shows_by_looks_is_what_is_read(events: list[StreamEvent]) -> None:
    reader = MESSAGES.open_reader()
    for frame in MESSAGES.open_parser().feed(_write(events)):
        length = MESSAGES.text_bytes_of(frame)
        said = reader.take(frame)
        if length is not None:
            assert [type(event) for event in said] == [PartGrew]
            assert all(isinstance(event, PartGrew) and event.seal is None and event.text for event in said)
