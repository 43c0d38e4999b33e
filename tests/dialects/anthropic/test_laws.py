"""Laws that hold for every request, answer and stream of Anthropic's form, however odd."""

import base64
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.anthropic.dialect import AnthropicCount, AnthropicMessages
from fairlead_proxy.dialects.anthropic.foreign import without_foreign_seals
from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.dialects.sse import Event
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
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.exchange.usage import Usage

MESSAGES, COUNT = AnthropicMessages(), AnthropicCount()
OWN = DialectName.ANTHROPIC
NOW = 1_800_000_000.0
MODEL = "claude-opus-4-6"

words = st.text(min_size=1, max_size=12).map(lambda text: f"w{text}w")
names = st.text("abcXYZ09_-", min_size=1, max_size=8)
packed = st.binary(max_size=8).map(lambda data: base64.b64encode(data).decode())
signatures = st.binary(min_size=3, max_size=9).map(lambda data: "E" + base64.b64encode(data).decode())
hints = st.none() | st.sampled_from([CacheHint(), CacheHint("5m"), CacheHint("1h")])
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


@st.composite
def exchanges(draw: st.DrawFn, number: int) -> tuple[Turn, Turn]:
    """A turn of the assistant's, and the user's after it with the results of its calls."""
    calls = [
        ToolCall(f"call_{number}_{place}", draw(names), draw(arguments), cache=draw(hints))
        for place in range(draw(st.integers(0, 2)))
    ]
    said = draw(st.lists(thoughts, max_size=2)) + [draw(texts)]
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
    tools = draw(
        st.lists(st.builds(Tool, names, st.none() | words, schemas, st.none() | st.booleans(), hints), max_size=2)
    )
    choices = [
        ToolChoice(ToolChoiceMode.AUTO),
        ToolChoice(ToolChoiceMode.ANY),
        *(ToolChoice(ToolChoiceMode.NAMED, (each.name,)) for each in tools),
    ]
    choice = draw(st.none() | st.sampled_from(choices)) if tools else None
    forced = choice is not None and choice.mode is not ToolChoiceMode.AUTO
    thinking = (
        None
        if forced
        else draw(
            st.none()
            | st.builds(
                Thinking,
                st.sampled_from([None, "low", "high"]),
                adaptive=st.just(True),
                shown=st.none() | st.booleans(),
            )
        )
    )
    closed = {"type": "object", "properties": {}, "additionalProperties": False}
    return Conversation(
        turns=(*([Turn(Role.SYSTEM, tuple(system))] if system else []), *turns),
        tools=tuple(tools),
        tool_choice=choice,
        parallel_tools=draw(st.none() | st.booleans()) if choice is not None else None,
        max_tokens=draw(st.integers(1, 10**6)),
        stop=tuple(draw(st.lists(words, max_size=2))),
        sampling=Sampling() if thinking is not None else draw(st.builds(Sampling, st.none() | st.floats(0, 1), top_k=st.none() | st.integers(0, 99))),
        form=draw(st.none() | st.just(AnswerForm(closed, strict=True))),
        thinking=thinking,
        user=draw(st.none() | words),
        service_tier=draw(st.sampled_from([None, "auto", "default"])),
        stream=draw(st.booleans()),
    )  # fmt: skip


@given(conversations())
@settings(max_examples=150, deadline=None)
def test_a_conversation_that_is_written_is_read_as_it_was(conversation: Conversation) -> None:
    written = MESSAGES.write_request(conversation, model=MODEL)
    assert written.lost == ()
    assert MESSAGES.read_request(written.body).conversation == conversation


@given(conversations())
@settings(max_examples=50, deadline=None)
def test_a_request_that_is_written_passes_untouched(conversation: Conversation) -> None:
    body = MESSAGES.write_request(conversation, model=MODEL).body
    assert without_foreign_seals(body) is body
    assert (
        COUNT.read_request(COUNT.write_request(conversation, model=MODEL).body).conversation.turns == conversation.turns
    )


parts = st.lists(
    st.builds(Text, words) | thoughts | st.builds(ToolCall, names, names, arguments.filter(lambda text: text != "{}")),
    max_size=4,
)  # fmt: skip
usages = st.builds(
    lambda plain, cached, written, output, thought: Usage(plain + cached + written, output, cached, written, thought),
    *[st.integers(0, 10**9)] * 5,
)
stops = st.sampled_from([Stop.END, Stop.LENGTH, Stop.SEQUENCE, Stop.TOOL_CALLS, Stop.REFUSED, Stop.PAUSED])
requests = st.just(MESSAGES.read_request(b'{"model":"smart","messages":[]}'))


@given(parts, usages, stops, st.none() | words)
@settings(max_examples=100, deadline=None)
def test_an_answer_that_is_written_is_read_as_it_was(
    said: list[Any], usage: Usage, stop: Stop, sequence: str | None
) -> None:
    completion = Completion("msg_1", "claude", (Choice(tuple(said), stop, sequence),), usage)
    request = MESSAGES.read_request(b'{"model":"smart","messages":[]}')
    again = MESSAGES.read_completion(MESSAGES.write_completion(completion, request=request, now=NOW))
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
    writer = MESSAGES.open_writer(MESSAGES.read_request(b'{"model":"smart","messages":[]}'), now=NOW)
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


@given(streams(), st.data())
@settings(max_examples=100, deadline=None)
def test_text_that_shows_by_looks_is_what_is_read(events: list[StreamEvent], data: st.DataObject) -> None:
    reader = MESSAGES.open_reader()
    for frame in MESSAGES.open_parser().feed(_write(events)):
        length = MESSAGES.text_bytes_of(frame)
        said = reader.take(frame)
        if length is not None:
            assert [type(event) for event in said] == [PartGrew]
            assert all(isinstance(event, PartGrew) and event.seal is None and event.text for event in said)


# The members and types that the readers look for, in every shape that JSON allows.
_WORDS = st.sampled_from(
    [
        *(
            "type",
            "text",
            "thinking",
            "signature",
            "data",
            "redacted_thinking",
            "tool_use",
            "tool_result",
            "id",
            "name",
        ),
        *("input", "content", "source", "image", "document", "base64", "url", "file", "file_id", "media_type", "title"),
        *("tool_use_id", "is_error", "cache_control", "ttl", "citations", "messages", "role", "user", "assistant"),
        *(
            "system",
            "tools",
            "input_schema",
            "tool_choice",
            "auto",
            "any",
            "tool",
            "enabled",
            "adaptive",
            "budget_tokens",
        ),
        *("output_config", "effort", "format", "json_schema", "schema", "stop_sequences", "temperature", "max_tokens"),
        *(
            "model",
            "stream",
            "metadata",
            "user_id",
            "message",
            "message_start",
            "content_block_start",
            "index",
            "delta",
        ),
        *("content_block", "content_block_delta", "content_block_stop", "message_delta", "message_stop", "text_delta"),
        *("thinking_delta", "input_json_delta", "partial_json", "signature_delta", "citations_delta", "citation"),
        *("stop_reason", "stop_sequence", "usage", "input_tokens", "output_tokens", "error", "details", "error_code"),
        *("caller", "fairlead.gemini.!", "fairlead-call.!", "fairlead.unsigned", "redacted:", "http://x"),
    ]
)
_scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6) | _WORDS | st.just(10**400)
)  # fmt: skip
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS, inner, max_size=6), max_leaves=20
)
_types = st.sampled_from(["text", "image", "document", "thinking", "redacted_thinking", "tool_use", "tool_result", "x"])
_blocks = st.builds(lambda kind, rest: {**rest, "type": kind}, _types, st.dictionaries(_WORDS, _values, max_size=6))
_odd_messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "system"]), "content": st.lists(_blocks, max_size=3) | _values}
    )
    | _values,
    max_size=3,
)
_odd_requests = st.builds(
    lambda members, messages: {**members, "model": "smart", "messages": messages},
    st.dictionaries(_WORDS, _values, max_size=5),
    _odd_messages,
)
_bytes = st.binary(max_size=40) | _values.map(lambda value: json.dumps(value).encode())


@given(_bytes | _odd_requests.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=400, deadline=None)
def test_any_request_is_read_or_refused(body: bytes) -> None:
    for dialect in (MESSAGES, COUNT):
        try:
            request = dialect.read_request(body)
            assert body[request.model_start : request.model_end].strip()
            assert request.prompt_tokens >= 0
            without_foreign_seals(body)
            conversation = request.conversation
        except InvalidCall as invalid:
            assert invalid.answer.status == 400
            continue
        for target in ("claude-3-haiku-20240307", "claude-sonnet-4-5", MODEL, "claude-opus-4-7", "other"):
            dialect.write_request(conversation, model=target)


_answers = st.builds(
    lambda members, content: {**members, "content": content},
    st.dictionaries(_WORDS, _values, max_size=5),
    st.lists(_blocks | _values, max_size=4),
)


@given(_bytes | _answers.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=300, deadline=None)
def test_any_answer_is_read_or_a_failure(body: bytes) -> None:
    request = MESSAGES.read_request(b'{"model":"smart","messages":[]}')
    for dialect in (MESSAGES, COUNT):
        assert isinstance(dialect.classify(400, (), body, NOW), UpstreamFailure)
        assert isinstance(dialect.classify(200, (), body, NOW), UpstreamFailure)
        dialect.read_refusal(body)
        try:
            completion = dialect.read_completion(body)
        except UpstreamFailure:
            continue
        json.loads(dialect.write_completion(completion, request=request, now=NOW))


_kinds = st.sampled_from(
    [
        *("message_start", "content_block_start", "content_block_delta", "content_block_stop"),
        *("message_delta", "message_stop", "error", "ping"),
    ]
)
_frames = st.builds(
    lambda kind, rest, block, index: {**rest, "type": kind, "content_block": block, "index": index},
    _kinds,
    st.dictionaries(_WORDS, _values, max_size=4),
    _blocks,
    st.integers(0, 2) | _values,
)


@given(st.lists(_frames.map(lambda value: json.dumps(value).encode()) | _bytes | st.none(), max_size=6))
@settings(max_examples=300, deadline=None)
def test_any_frames_are_read_or_a_failure(frames: list[bytes | None]) -> None:
    reader = MESSAGES.open_reader()
    writer = MESSAGES.open_writer(MESSAGES.read_request(b'{"model":"smart","messages":[]}'), now=NOW)
    try:
        for data in frames:
            frame = Event(b"", data)
            MESSAGES.text_bytes_of(frame)
            for event in reader.take(frame):
                writer.write(event)
        for event in reader.finish():
            writer.write(event)
    except UpstreamFailure:
        return
    assert reader.ended


def test_depth_is_no_way_to_break_a_reader() -> None:
    for depth in (200, 990, 5_000, 100_000):
        nest = b"[" * depth + b"]" * depth
        for body in (
            nest,
            b'{"model":"m","messages":' + nest + b"}",
            b'{"content":[{"type":"tool_use","id":"a","name":"b","input":{"a":' + nest + b"}}]}",
            b'{"content":[{"type":"tool_use","id":"a\\ud83d","name":"b","input":{"a":' + nest + b"}}]}",
        ):
            _refused_or_read(body)


def _refused_or_read(body: bytes) -> None:
    try:
        MESSAGES.read_request(body)
    except InvalidCall:
        pass
    MESSAGES.classify(400, (), body, NOW)
    try:
        MESSAGES.read_completion(body)
    except UpstreamFailure:
        pass
    try:
        MESSAGES.open_reader().take(Event(b"", body.replace(b"tool_use", b"message_start")))
    except UpstreamFailure:
        pass
