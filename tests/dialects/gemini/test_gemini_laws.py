"""What holds for every request and answer, whatever stands in it."""

import json
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.contract.names import DialectName, Mode
from fairlead_proxy.dialects.dialect import InvalidCall, ReadRequest
from fairlead_proxy.dialects.gemini.dialect import GeminiCount, GeminiGenerate
from fairlead_proxy.dialects.sse import Event
from fairlead_proxy.exchange.call import Named
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
    Conversation,
    Media,
    MediaKind,
    Part,
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

GENERATE, COUNT = GeminiGenerate(), GeminiCount()
NAMED = Named("smart", Mode.PLAIN)
ASKED = ReadRequest("smart", Mode.STREAM, b"{}")
KNOWN = [
    *("contents", "parts", "role", "text", "thought", "thoughtSignature", "inlineData", "mimeType", "data", "fileData"),
    *("fileUri", "functionCall", "functionResponse", "name", "args", "id", "response", "tools", "functionDeclarations"),
    *("parameters", "properties", "items", "type", "anyOf", "nullable", "generationConfig", "temperature", "topK"),
    *("maxOutputTokens", "stopSequences", "responseSchema", "responseMimeType", "thinkingConfig", "thinkingBudget"),
    *("thinkingLevel", "toolConfig", "functionCallingConfig", "mode", "allowedFunctionNames", "systemInstruction"),
    *("candidates", "content", "finishReason", "index", "usageMetadata", "promptTokenCount", "promptFeedback"),
    *("blockReason", "citationMetadata", "citationSources", "startIndex", "endIndex", "groundingMetadata", "segment"),
    *("groundingChunks", "groundingSupports", "groundingChunkIndices", "logprobsResult", "chosenCandidates", "token"),
    *("topCandidates", "logProbability", "error", "code", "status", "message", "details", "reason", "retryDelay"),
    *("violations", "quotaId", "fieldViolations", "field", "totalTokens", "createTime", "responseId", "modelVersion"),
    *("generateContentRequest", "generation_config", "max_output_tokens", "inline_data", "mime_type", "web", "uri"),
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**4000, -(2**63), 1e308, 0.5, -1])
    | st.text(max_size=6)
    | st.sampled_from(
        ["STOP", "SAFETY", "user", "model", "ANY", "LOW", "AA==", "image/png", "9" * 30, "18s", "\ud83d", "OBJECT"]
    )
)
JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KNOWN), inner, max_size=5),
    max_leaves=25,
)
OBJECTS = st.dictionaries(st.sampled_from(KNOWN), JSON_VALUES, max_size=6)


def contents_of(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    content = st.fixed_dictionaries({"parts": st.lists(parts, max_size=3)}, optional={"role": SCALARS})
    return st.fixed_dictionaries({"contents": st.lists(content, min_size=1, max_size=3)})


REQUESTS = st.builds(lambda some, other: {**some, **other}, OBJECTS, contents_of(OBJECTS))
ANSWERS = st.builds(
    lambda some, candidates: {**some, "candidates": candidates},
    OBJECTS,
    st.lists(
        st.builds(
            lambda some, parts: {**some, "content": {"parts": parts}}, OBJECTS, st.lists(JSON_VALUES, max_size=3)
        ),
        max_size=3,
    ),
)


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


@given(st.binary() | st.builds(encoded, JSON_VALUES | OBJECTS | REQUESTS))
def test_a_request_is_read_or_refused(body: bytes) -> None:
    for dialect in (GENERATE, COUNT):
        try:
            request = dialect.read_request(body, NAMED)
        except InvalidCall as invalid:
            dialect.render_error(invalid.answer)
            continue
        assert request.prompt_tokens >= 0
        assert request.features is not None
        try:
            conversation = request.conversation
        except InvalidCall as invalid:
            dialect.render_error(invalid.answer)
            continue
        assert json.loads(dialect.write_request(conversation, model="gemini-3-flash").body)["contents"] is not None


@given(st.builds(encoded, REQUESTS))
def test_needs_at_a_glance_are_those_of_the_whole(body: bytes) -> None:
    request = GENERATE.read_request(body, NAMED)
    try:
        _ = request.conversation
    except InvalidCall:
        return
    whole = ReadRequest("smart", Mode.PLAIN, body, read_conversation=request.read_conversation)
    assert request.needs == whole.needs


@given(st.binary() | st.builds(encoded, JSON_VALUES | OBJECTS | ANSWERS))
def test_an_answer_is_read_or_is_a_failure(body: bytes) -> None:
    for dialect in (GENERATE, COUNT):
        try:
            completion = dialect.read_completion(body)
        except UpstreamFailure:
            continue
        dialect.write_completion(completion, request=ASKED, now=0.0)


@given(
    st.integers(200, 599), st.binary() | st.builds(encoded, JSON_VALUES | st.builds(lambda x: {"error": x}, OBJECTS))
)
def test_every_error_is_classified(status: int, body: bytes) -> None:
    headers = (("content-type", "application/json"),)
    assert GENERATE.classify(status, headers, body, 0.0).failure
    GENERATE.read_refusal(body)


@given(st.lists(st.binary(max_size=30) | st.builds(encoded, JSON_VALUES | ANSWERS), max_size=4))
def test_a_stream_is_read_or_is_a_failure(datas: list[bytes]) -> None:
    reader, writer = GENERATE.open_reader(), GENERATE.open_writer(ASKED, now=0.0)
    try:
        for data in datas:
            frame = Event(b"data: " + data + b"\n\n", data)
            GENERATE.text_bytes_of(frame)
            for event in reader.take(frame):
                writer.write(event)
        for event in reader.finish():
            writer.write(event)
    except UpstreamFailure:
        return
    assert reader.ended


SEALS = st.builds(Seal, st.just(DialectName.GEMINI), st.sampled_from(["U0lH", "AAAA"]))
TEXTS = st.text(min_size=1, max_size=8)
NAMES = st.sampled_from(["f", "g"])
ARGUMENTS = st.sampled_from(["{}", '{"a":1}', '{"b":{"c":[null,"ä"]}}'])
MEDIA = st.builds(
    lambda type_, data: Media(
        {"image": MediaKind.IMAGE, "audio": MediaKind.AUDIO, "video": MediaKind.VIDEO}.get(
            type_.partition("/")[0], MediaKind.FILE
        ),
        type_,
        data=data,
    ),
    st.sampled_from(["image/png", "audio/wav", "video/mp4", "application/pdf"]),
    st.sampled_from(["AA==", "/+8="]),
)


@st.composite
def answers(draw: st.DrawFn) -> tuple[Part, ...]:
    """A model's parts: a thought, a text with or without a signature, and calls; each may be missing."""
    parts: list[Part] = []
    if draw(st.booleans()):
        parts.append(Reasoning(draw(TEXTS), draw(st.none() | SEALS)))
    if draw(st.booleans()):
        parts.append(Text(draw(TEXTS)))
        if draw(st.booleans()):
            parts.append(Reasoning(seal=draw(SEALS)))
    parts += [
        ToolCall("", draw(NAMES), draw(ARGUMENTS), draw(st.none() | SEALS)) for _ in range(draw(st.integers(0, 2)))
    ]
    return tuple(parts) or (Text("x"),)


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    """What the dialect can express in full; ids of calls are those that it derives."""
    turns: list[Turn] = []
    if draw(st.booleans()):
        turns.append(Turn(Role.SYSTEM, tuple(Text(text) for text in draw(st.lists(TEXTS, min_size=1, max_size=2)))))
    count = 0
    open_calls: list[ToolCall] = []
    for _ in range(draw(st.integers(1, 3))):
        heard: list[Part] = [
            ToolResult(
                call.id,
                call.name,
                (
                    Text(draw(st.sampled_from(["sunny", '{"a":1}', "[1]", '{"output":"x"}', "5"]))),
                    *draw(st.lists(MEDIA, max_size=1)),
                ),
                draw(st.booleans()),
            )
            for call in open_calls
        ]
        heard += [Text(text) for text in draw(st.lists(TEXTS, max_size=2))] + draw(st.lists(MEDIA, max_size=1))
        turns.append(Turn(Role.USER, tuple(heard or [Text("y")])))
        said = []
        for part in draw(answers()):
            if isinstance(part, ToolCall):
                part = ToolCall(f"call_{count}", part.name, part.arguments, part.seal)
                count += 1
            said.append(part)
        turns.append(Turn(Role.ASSISTANT, tuple(said)))
        open_calls = [part for part in said if isinstance(part, ToolCall)]
    tools = tuple(draw(st.lists(st.builds(Tool, NAMES, st.none() | TEXTS, st.just({"type": "object"})), max_size=2)))
    choice = st.none() | st.sampled_from(
        [
            ToolChoice(ToolChoiceMode.AUTO),
            ToolChoice(ToolChoiceMode.NONE),
            ToolChoice(ToolChoiceMode.ANY, ("f", "g")),
            ToolChoice(ToolChoiceMode.NAMED, ("f",)),
            ToolChoice(ToolChoiceMode.AUTO, ("f",)),
        ]
    )
    return Conversation(
        tuple(turns),
        tools,
        draw(choice) if tools else None,
        max_tokens=draw(st.none() | st.integers(1, 10**6)),
        stop=tuple(draw(st.lists(TEXTS, max_size=5))),
        sampling=draw(
            st.builds(
                Sampling,
                temperature=st.none() | st.floats(0, 2),
                top_p=st.none() | st.floats(0, 1),
                top_k=st.none() | st.integers(1, 100),
                seed=st.none() | st.integers(-(2**31), 2**31 - 1),
                logprobs=st.none() | st.integers(0, 20),
            )
        ),
        choices=draw(st.integers(1, 8)),
        form=draw(st.none() | st.sampled_from([AnswerForm(), AnswerForm({"type": "object"})])),
        thinking=draw(
            st.none()
            | st.sampled_from(
                [
                    Thinking(budget_tokens=512, shown=True),
                    Thinking(adaptive=True, shown=False),
                    Thinking(budget_tokens=0),
                ]
            )
        ),
    )


@given(conversations())
def test_what_is_written_is_read_again(conversation: Conversation) -> None:
    written = GENERATE.write_request(conversation, model="gemini-x")
    assert written.lost == ()
    assert GENERATE.read_request(written.body, NAMED).conversation == conversation


def chunks_of(parts: tuple[Part, ...], cuts: list[int]) -> list[StreamEvent]:
    """An answer as events, each text in two pieces."""
    events: list[StreamEvent] = [Began("abc", "m")]
    for index, part in enumerate(parts):
        cut = cuts[index % len(cuts)]
        match part:
            case Text():
                events += [
                    PartBegan(index, Text("")),
                    PartGrew(index, part.text[:cut]),
                    PartGrew(index, part.text[cut:]),
                ]
            case Reasoning() if part.text:
                events += [PartBegan(index, Reasoning()), PartGrew(index, part.text, seal=part.seal)]
            case ToolCall():
                events += [PartBegan(index, ToolCall(part.id, part.name, ""))]
                events += [PartGrew(index, part.arguments[:cut]), PartGrew(index, part.arguments[cut:], seal=part.seal)]
            case Reasoning():
                events += [PartBegan(index, part)]
            case _:
                pass
        events.append(PartEnded(index))
    return [*events, UsageTold(Usage(3, 4)), ChoiceEnded(Stop.END), Ended()]


def told_by(events: list[StreamEvent]) -> tuple[list[Part], Stop | None, Usage | None]:
    """Put an answer together again from its events."""
    parts: list[Part] = []
    stop, usage = None, None
    for event in events:
        match event:
            case PartBegan():
                assert event.index == len(parts)
                parts.append(event.part)
            case PartGrew():
                part = parts[event.index]
                match part:
                    case Text():
                        parts[event.index] = Text(part.text + event.text)
                    case Reasoning():
                        parts[event.index] = Reasoning(part.text + event.text, event.seal or part.seal)
                    case ToolCall():
                        grown = part.arguments + event.text
                        parts[event.index] = ToolCall(part.id, part.name, grown, event.seal or part.seal)
                    case _:
                        pass
            case ChoiceEnded():
                stop = event.stop
            case UsageTold():
                usage = event.usage
            case _:
                pass
    return parts, stop, usage


def with_ids(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    return tuple(
        ToolCall(f"id{index}", part.name, part.arguments, part.seal) if isinstance(part, ToolCall) else part
        for index, part in enumerate(parts)
    )


@given(answers(), st.lists(st.integers(0, 8), min_size=1, max_size=4))
def test_a_stream_that_is_written_is_read_again(answer: tuple[Part, ...], cuts: list[int]) -> None:
    parts = with_ids(answer)
    writer, reader = GENERATE.open_writer(ASKED, now=0.0), GENERATE.open_reader()
    parser = GENERATE.open_parser()
    stream = b"".join(writer.write(event) for event in chunks_of(parts, cuts))
    events = [event for frame in parser.feed(stream) for event in reader.take(frame)] + reader.finish()
    has_calls = any(isinstance(part, ToolCall) for part in parts)
    assert told_by(events) == (list(parts), Stop.TOOL_CALLS if has_calls else Stop.END, Usage(3, 4))


@given(answers())
def test_an_answer_that_is_written_is_read_again(answer: tuple[Part, ...]) -> None:
    parts = with_ids(answer)
    has_calls = any(isinstance(part, ToolCall) for part in parts)
    choice = Choice(parts, Stop.TOOL_CALLS if has_calls else Stop.END)  # type: ignore[arg-type]
    completion = Completion("abc", "m", (choice,), Usage(3, 4))
    assert GENERATE.read_completion(GENERATE.write_completion(completion, request=ASKED, now=0.0)) == completion


@given(answers(), st.lists(st.integers(0, 400), max_size=6))
def test_a_streams_bytes_may_be_cut_anywhere(parts: tuple[Part, ...], cuts: list[int]) -> None:
    writer = GENERATE.open_writer(ASKED, now=0.0)
    stream = b"".join(writer.write(event) for event in chunks_of(with_ids(parts), [3]))
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    assert events_of([stream]) == events_of([stream[a:b] for a, b in pairwise(places)])


def events_of(pieces: list[bytes]) -> list[StreamEvent]:
    parser, reader = GENERATE.open_parser(), GENERATE.open_reader()
    frames = [frame for piece in pieces for frame in parser.feed(piece)] + parser.finish()
    return [event for frame in frames for event in reader.take(frame)] + reader.finish()
