"""Whatever conversation is written, what comes out keeps the rules by which Anthropic refuses requests."""

import json

from doubles.scripted.anthropic_rules import read_messages
from doubles.scripted.seals import sign
from doubles.scripted.turn import Place
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.anthropic.dialect import AnthropicCount, AnthropicMessages
from fairlead_proxy.exchange.conversation import (
    AnswerForm,
    CacheHint,
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

MODELS = ("claude-3-haiku-20240307", "claude-sonnet-4-5", "claude-opus-4-6", "claude-opus-4-7", "of-tomorrow")
OWN = DialectName.ANTHROPIC


def sealed(text: str) -> Reasoning:
    return Reasoning(text, Seal(OWN, sign(OWN, text)))


words = st.sampled_from(["", " ", "hello", "a b ", "line\n"])
hints = st.sampled_from([None, None, CacheHint(), CacheHint("1h")])
texts = st.builds(Text, words, hints)
media = st.sampled_from(
    [
        Media(MediaKind.IMAGE, "image/png", data="iVBO"),
        Media(MediaKind.IMAGE, url="https://cat.example"),
        Media(MediaKind.FILE, "text/plain", data="YWJj"),
        Media(MediaKind.FILE, "application/pdf", data="JVBE", name="a.pdf"),
        Media(MediaKind.AUDIO, "audio/wav", data="UklG"),
    ]
)
thoughts = st.sampled_from(
    [
        *(sealed("hm"), sealed(""), Reasoning("hm"), Reasoning(seal=Seal(DialectName.GEMINI, "CoQB"))),
        Reasoning(seal=Seal(OWN, "redacted:" + sign(OWN))),
    ]
)
shown = st.lists(texts | media, max_size=3)
tools = st.lists(
    st.builds(
        Tool,
        st.sampled_from(["look", "listen"]),
        st.none() | words,
        st.sampled_from([None, {}, {"type": "object"}]),
        st.sampled_from([None, True]),
        hints,
    ),
    max_size=2,
    unique_by=lambda tool: tool.name,
)
thinkings = st.builds(
    Thinking,
    st.sampled_from([None, "none", "minimal", "low", "xhigh", "max"]),
    st.sampled_from([None, -1, 0, 1, 5000]),
    st.booleans(),
    st.sampled_from([None, True, False]),
)
samplings = st.builds(
    Sampling, st.none() | st.floats(-1, 2), st.none() | st.floats(0, 1), st.none() | st.integers(1, 9), st.none()
)


@st.composite
def turns(draw: st.DrawFn) -> tuple[Turn, ...]:
    """Turns in any order, of whatever parts; only that a call has its result right after it is kept."""
    spoken: list[Turn] = []
    for number in range(draw(st.integers(0, 5))):
        role = draw(st.sampled_from(list(Role)))
        parts: list[Part] = [*draw(shown)]
        if role is not Role.ASSISTANT:
            spoken.append(Turn(role, tuple(parts)))
            continue
        calls = [
            ToolCall(f"call{draw(st.sampled_from(['_', ':', ' ']))}{number}{place}", "look", arguments)
            for place, arguments in enumerate(draw(st.lists(st.sampled_from(["", "{}", "[1]", "no"]), max_size=2)))
        ]
        spoken.append(Turn(role, (*draw(st.lists(thoughts, max_size=1)), *parts, *calls)))
        results = [ToolResult(call.id, "look", tuple(draw(shown)), False, draw(hints)) for call in calls]
        if draw(st.booleans()):
            spoken.append(Turn(Role.USER, (*draw(shown), *results)))
        else:
            spoken += [Turn(Role.USER, (result,)) for result in results]
    return tuple(spoken)


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    offered = tuple(draw(tools))
    choices = [None, *(ToolChoice(mode) for mode in ToolChoiceMode if mode is not ToolChoiceMode.NAMED)]
    choices += [ToolChoice(ToolChoiceMode.NAMED, (tool.name,)) for tool in offered]
    return Conversation(
        turns=draw(turns()),
        tools=offered,
        tool_choice=draw(st.sampled_from(choices)),
        parallel_tools=draw(st.sampled_from([None, True, False])),
        max_tokens=draw(st.none() | st.integers(1, 9000)),
        stop=tuple(draw(st.lists(words, max_size=2))),
        sampling=draw(samplings),
        form=draw(st.sampled_from([None, AnswerForm(), AnswerForm({"type": "object"})])),
        thinking=draw(st.none() | thinkings),
        user=draw(st.none() | words),
        service_tier=draw(st.sampled_from([None, "auto", "flex"])),
        stream=draw(st.booleans()),
    )


@given(conversations(), st.sampled_from(MODELS))
@settings(max_examples=150, deadline=None)
def test_what_is_written_keeps_the_vendors_rules(conversation: Conversation, model: str) -> None:
    asked = json.loads(AnthropicMessages().write_request(conversation, model=model).body)
    assert read_messages(Place(OWN, "Anthropic"), asked).model == model
    counted = json.loads(AnthropicCount().write_request(conversation, model=model).body)
    assert read_messages(Place(OWN, "Anthropic", counts=True), counted).model == model
