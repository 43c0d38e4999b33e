"""Conversations and answers in neutral words, of every shape, for the laws of translation."""

import json

from hypothesis import strategies as st
from msgspec.structs import replace

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.exchange.completion import AnswerPart, Choice, Completion, Stop, TokenChance
from fairlead_proxy.exchange.conversation import (
    AnswerForm,
    CacheHint,
    Citation,
    Conversation,
    Media,
    MediaKind,
    Part,
    Reasoning,
    Refusal,
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

NAMES = ("weather", "now", "map_2")
words = st.text('abc äé€😀,.{}"\\\n', min_size=1, max_size=10).map(lambda text: f"w{text}w")
pictures = st.sampled_from(["iVBORw0KGgo=", "iVBORw0KGgoA"]).map(
    lambda data: Media(MediaKind.IMAGE, "image/png", data=data)
)
arguments = st.dictionaries(
    st.sampled_from(["a", "é"]), st.integers() | st.text(max_size=4) | st.none(), max_size=2
).map(lambda given: json.dumps(given, separators=(",", ":"), ensure_ascii=False))
_objects = st.fixed_dictionaries({"type": st.just("object"), "properties": st.just({"a": {"type": "string"}})})
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


@st.composite
def common_conversations(draw: st.DrawFn) -> Conversation:
    """What every dialect has words for, in the form that each reads it in: ids of calls are those that Gemini gives."""
    turns: list[Turn] = []
    if draw(st.booleans()):
        turns.append(Turn(Role.SYSTEM, (Text(draw(words)),)))
    tools = tuple(
        Tool(name, draw(st.none() | words), draw(_objects))
        for name in draw(st.lists(st.sampled_from(NAMES), unique=True))
    )
    count = 0
    open_calls: list[ToolCall] = []
    for _ in range(draw(st.integers(1, 3))):
        results = [ToolResult(call.id, call.name, (Text(draw(words)),)) for call in open_calls]
        heard: list[Part] = [*results, *draw(st.lists(pictures, max_size=2)), Text(draw(words))]
        turns.append(Turn(Role.USER, tuple(heard)))
        said: list[Part] = [Text(draw(words))]
        open_calls = []
        for _ in range(draw(st.integers(0, 2)) if tools else 0):
            open_calls.append(ToolCall(f"call_{count}", draw(st.sampled_from(tools)).name, draw(arguments)))
            count += 1
        turns.append(Turn(Role.ASSISTANT, (*said, *open_calls)))
    turns.append(
        Turn(Role.USER, (*(ToolResult(call.id, call.name, (Text(draw(words)),)) for call in open_calls), Text("go on")))
    )
    return Conversation(
        tuple(turns),
        tools,
        draw(st.none() | st.sampled_from(_choices_of(tools))) if tools else None,
        max_tokens=draw(st.integers(16, 4000)),
        sampling=Sampling(temperature=draw(st.none() | st.sampled_from([0.0, 0.25, 1.0]))),
        form=draw(st.none() | st.just(AnswerForm(SCHEMA, "answer"))),
        stream=draw(st.booleans()),
    )


def _choices_of(tools: tuple[Tool, ...]) -> list[ToolChoice]:
    named = [ToolChoice(ToolChoiceMode.NAMED, (tool.name,)) for tool in tools]
    return [ToolChoice(ToolChoiceMode.AUTO), ToolChoice(ToolChoiceMode.NONE), ToolChoice(ToolChoiceMode.ANY), *named]


_origins = st.sampled_from(DialectName)
_seals = st.builds(Seal, _origins, st.sampled_from(["U0lH", "AAAA", "E+/="]))
_hints = st.none() | st.builds(CacheHint, st.none() | st.sampled_from(["5m", "1h", "9d"]))
_citations = st.builds(Citation, st.none() | st.just("https://example.com/é"), st.none() | words, st.none() | words)
_media = st.builds(
    Media,
    st.sampled_from(MediaKind),
    st.sampled_from(["image/png", "application/pdf", "text/plain", "audio/wav", "video/mp4", "odd"]),
    data=st.sampled_from(["iVBORw0KGgo=", "JVBERi0xLjQK", "YQ=="]),
    name=st.none() | words,
    detail=st.sampled_from([None, "low", "auto", "odd"]),
    cache=_hints,
) | st.builds(
    Media,
    st.sampled_from(MediaKind),
    st.sampled_from(["image/png", ""]),
    url=st.sampled_from(["https://example.com/a.png", "s3://bucket/a.mp4", "https://example.com/a?b#c"]),
)
_texts = st.builds(Text, st.text(min_size=1, max_size=6), _hints) | st.builds(
    Text, words, _hints, st.lists(_citations, max_size=1).map(tuple)
)
_ids = st.sampled_from(["call_1", "call_2", "odd id!", "x" * 80])
_wild_arguments = arguments | st.sampled_from(["", "[1]", "{", '{"a":1e999}', '{"n":123456789012345678901}'])
_results = st.builds(
    ToolResult,
    _ids,
    st.sampled_from(["", *NAMES]),
    st.lists(_texts | _media, max_size=2).map(tuple),
    st.booleans(),
    _hints,
)
_heard: st.SearchStrategy[Part] = _texts | _media | _results
_said: st.SearchStrategy[Part] = st.one_of(
    _texts,
    _media,
    st.builds(Reasoning, st.text(max_size=5), st.none() | _seals, st.none() | st.just("rs_1"), _hints),
    st.builds(ToolCall, _ids, st.sampled_from(NAMES), _wild_arguments, st.none() | _seals, _hints),
    st.builds(Refusal, words),
)
_turns = st.one_of(
    *(
        st.builds(Turn, st.just(role), st.lists(parts, max_size=3).map(tuple), st.none() | st.just("ann"))
        for role, parts in (
            (Role.SYSTEM, _texts | _media),
            (Role.DEVELOPER, _texts),
            (Role.USER, _heard),
            (Role.ASSISTANT, _said),
        )
    )
)
_LAST = Turn(Role.USER, (Text("go on"),))


def _choosing_among_its_tools(conversation: Conversation) -> Conversation:
    choice, names = conversation.tool_choice, {tool.name for tool in conversation.tools}
    if choice is None or names.issuperset(choice.names):
        return conversation
    return replace(conversation, tool_choice=None)


wild_conversations = st.builds(
    Conversation,
    st.lists(_turns, max_size=5).map(lambda turns: (*turns, _LAST)),
    st.lists(
        st.builds(
            Tool,
            st.sampled_from(NAMES),
            st.none() | words,
            st.none() | _objects | st.just({}),
            st.none() | st.booleans(),
            _hints,
        ),
        max_size=2,
        unique_by=lambda tool: tool.name,
    ).map(tuple),
    st.none()
    | st.builds(ToolChoice, st.sampled_from(ToolChoiceMode), st.just(("weather",)))
    | st.sampled_from([ToolChoice(mode) for mode in ToolChoiceMode if mode is not ToolChoiceMode.NAMED]),
    st.none() | st.booleans(),
    st.none() | st.integers(1, 10**6),
    st.lists(st.sampled_from(["END", " ", "\n"]), max_size=6).map(tuple),
    st.builds(
        Sampling,
        st.none() | st.floats(0, 2),
        st.none() | st.floats(0, 1),
        st.none() | st.integers(1, 100),
        st.none() | st.integers(0, 2**40),
        st.none() | st.floats(-2, 2),
        st.none() | st.floats(-2, 2),
        st.none() | st.integers(0, 20),
    ),
    st.integers(1, 3),
    st.none() | st.sampled_from([AnswerForm(), AnswerForm(SCHEMA, "a", "b", True), AnswerForm({"oneOf": [{}]})]),
    st.none()
    | st.builds(
        Thinking,
        st.sampled_from([None, "none", "minimal", "low", "high", "xhigh"]),
        st.none() | st.integers(0, 40_000),
        st.booleans(),
        st.none() | st.booleans(),
    ),
    st.none() | words,
    st.sampled_from([None, "auto", "default", "flex", "odd"]),
    st.booleans(),
).map(_choosing_among_its_tools)
"""Whatever the vocabulary can say, sensible or not."""

usages = st.builds(
    lambda plain, cached, written, said, thought: Usage(
        plain + cached + written, said + thought, cached, written, thought
    ),
    *[st.integers(0, 10**6)] * 5,
)
_chances = st.builds(
    TokenChance, st.sampled_from(["a", "é"]), st.sampled_from([-0.5, -2.0]), st.just((("b", -1.0),)) | st.just(())
)


@st.composite
def answers(draw: st.DrawFn, *, choices: int = 1) -> Completion:
    """What providers answer: reasoning, texts with their sources, an image, calls; or a refusal."""
    made = tuple(draw(_choices()) for _ in range(choices))
    return Completion("abc123", "model-1", made, draw(st.none() | usages), 1_700_000_000)


@st.composite
def _choices(draw: st.DrawFn) -> Choice:
    if draw(st.integers(0, 9)) == 0:
        return Choice((Refusal(draw(words)),), Stop.REFUSED)
    parts: list[AnswerPart] = []
    for _ in range(draw(st.integers(0, 2))):
        parts.append(Reasoning(draw(words), draw(st.none() | _seals)))
    if draw(st.booleans()):
        parts.append(Text(draw(words)))
    calls = draw(st.integers(0, 2))
    for number in range(calls):
        parts.append(
            ToolCall(f"call_{number}", draw(st.sampled_from(NAMES)), draw(arguments), draw(st.none() | _seals))
        )
    if calls:
        return Choice(tuple(parts), Stop.TOOL_CALLS)
    if not any(isinstance(part, Text) for part in parts):
        parts.append(Text(draw(words)))
    stop = draw(st.sampled_from([Stop.END, Stop.LENGTH, Stop.SEQUENCE, Stop.FILTERED]))
    chances = tuple(draw(st.lists(_chances, max_size=2)))
    return Choice(tuple(parts), stop, "END" if stop is Stop.SEQUENCE else None, chances)
