"""A conversation as a Responses request: what is written, what is lost, and that it reads back as it was."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.responses.dialect import OpenAIInputTokens, OpenAIResponses
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

DIALECT = OpenAIResponses()
OWN = DialectName.OPENAI_RESPONSES
FOREIGN = Seal(DialectName.ANTHROPIC, "sig")


def write(*turns: Turn, **members: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    written = DIALECT.write_request(Conversation(turns, **members), model="gpt-x")
    return json.loads(written.body), written.lost


def user(*parts: Part) -> Turn:
    return Turn(Role.USER, parts)


def assistant(*parts: Part) -> Turn:
    return Turn(Role.ASSISTANT, parts)


def test_a_plain_request_keeps_nothing_at_the_vendor() -> None:
    body, lost = write(Turn(Role.SYSTEM, (Text("Be brief."),)), user(Text("hi")))
    assert body == {
        "model": "gpt-x",
        "input": [
            {"type": "message", "role": "system", "content": "Be brief."},
            {"type": "message", "role": "user", "content": "hi"},
        ],
        "store": False,
        "stream": False,
    }
    assert lost == ()


def test_own_reasoning_goes_back_before_its_calls_and_asks_to_come_again() -> None:
    body, lost = write(
        assistant(Reasoning("why", Seal(OWN, "gAAA"), "rs_1"), Text("Wait."), ToolCall("c", "f", '{"a":1}')),
        user(ToolResult("c", "f", (Text("42"),)), Text("so?")),
    )
    assert body["input"] == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "why"}],
            "encrypted_content": "gAAA",
        },
        {"type": "message", "role": "assistant", "content": "Wait."},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":1}'},
        {"type": "function_call_output", "call_id": "c", "output": "42"},
        {"type": "message", "role": "user", "content": "so?"},
    ]
    assert (body["include"], lost) == (["reasoning.encrypted_content"], ())


@pytest.mark.parametrize(
    ("thinking", "reasoning", "include", "lost"),
    [
        (Thinking("high", shown=True), {"effort": "high", "summary": "auto"}, ["reasoning.encrypted_content"], ()),
        (Thinking("none"), {"effort": "none"}, None, ()),
        (Thinking(budget_tokens=0), {"effort": "none"}, None, ()),
        (Thinking(adaptive=True), {}, ["reasoning.encrypted_content"], ()),
        (
            Thinking(budget_tokens=1024),
            {"effort": "low"},
            ["reasoning.encrypted_content"],
            ("budget of reasoning tokens",),
        ),
        (
            Thinking(budget_tokens=8192),
            {"effort": "medium"},
            ["reasoning.encrypted_content"],
            ("budget of reasoning tokens",),
        ),
        (
            Thinking(budget_tokens=50000),
            {"effort": "high"},
            ["reasoning.encrypted_content"],
            ("budget of reasoning tokens",),
        ),
    ],
)
def test_reasoning_is_asked_for(
    thinking: Thinking, reasoning: dict[str, str], include: list[str] | None, lost: tuple[str, ...]
) -> None:
    body, found = write(user(Text("hi")), thinking=thinking)
    assert (body["reasoning"], body.get("include"), found) == (reasoning, include, lost)


@pytest.mark.parametrize(
    ("turn", "members", "lost"),
    [
        (assistant(Reasoning("x", FOREIGN)), {}, "reasoning of another provider"),
        (assistant(Reasoning("x")), {}, "reasoning of another provider"),
        (assistant(ToolCall("c", "f", "{}", FOREIGN)), {}, "signature of a tool call of another provider"),
        (user(Text("x", CacheHint())), {}, "cache hint"),
        (user(ToolResult("c", "f", (Text("x", CacheHint()),))), {}, "cache hint"),
        (user(Text("x")), {"tools": (Tool("f", cache=CacheHint()),)}, "cache hint"),
        (user(ToolResult("c", "f", (), True)), {}, "is_error of a tool result"),
        (Turn(Role.USER, (Text("x"),), "Ann"), {}, "name of a message"),
        (assistant(Text("x", None, (Citation(quoted="q"),))), {}, "citations"),
        (assistant(Media(MediaKind.IMAGE, "image/png", data="QUJD")), {}, "an image or file of the assistant's"),
        (user(Media(MediaKind.AUDIO, "audio/wav", data="QUJD")), {}, "audio"),
        (user(Text("x")), {"sampling": Sampling(top_k=3)}, "top_k"),
        (user(Text("x")), {"sampling": Sampling(seed=3)}, "seed"),
        (user(Text("x")), {"sampling": Sampling(frequency_penalty=1.0)}, "frequency_penalty"),
        (user(Text("x")), {"sampling": Sampling(presence_penalty=1.0)}, "presence_penalty"),
        (user(Text("x")), {"sampling": Sampling(temperature=3.0)}, "temperature above 2"),
        (user(Text("x")), {"sampling": Sampling(logprobs=30)}, "alternatives of each token beyond 20"),
        (user(Text("x")), {"max_tokens": 5}, "max_tokens below 16"),
        (user(Text("x")), {"stop": ("END",)}, "stop sequences"),
        (user(Text("x")), {"choices": 2}, "more than one choice"),
        (user(Text("x")), {"service_tier": "standard_only"}, "service_tier"),
    ],
)
def test_what_is_not_written_is_named(turn: Turn, members: dict[str, Any], lost: str) -> None:
    assert write(turn, **members)[1] == (lost,)


def test_numbers_are_held_within_the_vendors_bounds() -> None:
    body, _ = write(user(Text("x")), max_tokens=5, sampling=Sampling(temperature=3.0, logprobs=30))
    assert (body["max_output_tokens"], body["temperature"], body["top_logprobs"]) == (16, 2.0, 20)


def test_tools_are_not_strict_unless_they_were() -> None:
    body, _ = write(user(Text("x")), tools=(Tool("f"), Tool("g", "d", {"type": "object"}, True)))
    assert body["tools"] == [
        {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": False},
        {"type": "function", "name": "g", "description": "d", "parameters": {"type": "object"}, "strict": True},
    ]


def test_a_long_id_of_a_call_is_shortened_alike_for_its_result() -> None:
    body, _ = write(assistant(ToolCall("x" * 65, "f")), user(ToolResult("x" * 65)))
    call, result = body["input"]
    assert call["call_id"] == result["call_id"]
    assert len(call["call_id"]) <= 64


def test_a_file_has_a_name_and_an_image_a_detail() -> None:
    body, _ = write(
        user(
            Media(MediaKind.FILE, "application/pdf", data="QUJD"),
            Media(MediaKind.IMAGE, "image/png", data="QUJD"),
            Media(MediaKind.FILE, url="https://e.org/a.pdf"),
        )
    )
    assert body["input"][0]["content"] == [
        {"type": "input_file", "filename": "file.pdf", "file_data": "data:application/pdf;base64,QUJD"},
        {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,QUJD"},
        {"type": "input_file", "file_url": "https://e.org/a.pdf"},
    ]


def test_a_request_for_a_count_holds_only_what_is_counted() -> None:
    conversation = Conversation(
        (user(Text("hi")),),
        tools=(Tool("f"),),
        max_tokens=99,
        thinking=Thinking("low"),
        user="u",
        stream=True,
    )
    body = json.loads(OpenAIInputTokens().write_request(conversation, model="m").body)
    assert set(body) == {"model", "input", "tools", "reasoning"}


WORDS = st.text(min_size=1, max_size=8)
NAMES = st.text("abc_", min_size=1, max_size=6)
IMAGES = st.one_of(
    st.just(Media(MediaKind.IMAGE, "image/png", data="QUJD", detail="auto")),
    st.just(Media(MediaKind.IMAGE, url="https://e.org/a.png", detail="low")),
)
FILES = st.one_of(
    st.just(Media(MediaKind.FILE, "application/pdf", data="QUJD", name="a.pdf")),
    st.just(Media(MediaKind.FILE, url="https://e.org/a", name=None)),
)
TEXTS = st.builds(Text, WORDS)
HEARD = st.lists(TEXTS | IMAGES | FILES, min_size=1, max_size=3).map(tuple)
CITED = st.builds(Text, WORDS, st.none(), st.just((Citation("https://e.org", "t", None, 0, 1),)))
SAID = st.one_of(
    TEXTS,
    CITED,
    st.builds(Refusal, WORDS),
    st.builds(Reasoning, WORDS, st.builds(Seal, st.just(OWN), NAMES), NAMES),
    st.builds(ToolCall, NAMES, NAMES, st.just('{"a":1}')),
)
ASKED = st.one_of(
    st.builds(Turn, st.sampled_from([Role.SYSTEM, Role.DEVELOPER]), st.tuples(TEXTS)),
    st.builds(Turn, st.just(Role.USER), HEARD),
)
RESULTS = st.builds(
    Turn,
    st.just(Role.USER),
    st.tuples(st.builds(ToolResult, st.just("unknown id"), st.just(""), HEARD | st.just(()))),
)
ANSWERED = st.builds(Turn, st.just(Role.ASSISTANT), st.lists(SAID, min_size=1, max_size=4).map(tuple))
EXCHANGES = st.tuples(ASKED, ANSWERED) | st.tuples(ANSWERED, RESULTS, ASKED) | st.tuples(ASKED)


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    exchanges = draw(st.lists(EXCHANGES, max_size=3))
    turns = [turn for exchange in exchanges for turn in exchange]
    apart = [
        turn
        for index, turn in enumerate(turns)
        if index == 0 or not (turn.role is turns[index - 1].role is Role.ASSISTANT)
    ]
    tools = draw(st.lists(st.builds(Tool, NAMES, st.none() | WORDS, st.just({"type": "object"}), st.booleans())))
    choices = st.builds(ToolChoice, st.sampled_from([ToolChoiceMode.AUTO, ToolChoiceMode.ANY]), st.tuples(NAMES))
    return Conversation(
        tuple(apart),
        tools=tuple(tools),
        tool_choice=draw(choices | st.just(ToolChoice(ToolChoiceMode.NAMED, ("f",)))) if tools else None,
        parallel_tools=draw(st.none() | st.booleans()) if tools else None,
        max_tokens=draw(st.none() | st.integers(16, 10**6)),
        sampling=Sampling(
            temperature=draw(st.none() | st.floats(0, 2)),
            top_p=draw(st.none() | st.floats(0, 1)),
            logprobs=draw(st.none() | st.integers(0, 20)),
        ),
        form=draw(st.none() | st.just(AnswerForm()) | st.builds(AnswerForm, st.just({"type": "object"}), NAMES)),
        thinking=draw(st.none() | st.just(Thinking("low", shown=True)) | st.just(Thinking("none"))),
        user=draw(st.none() | NAMES),
        service_tier=draw(st.none() | st.just("flex")),
        stream=draw(st.booleans()),
    )


@given(conversations())
def test_a_conversation_that_was_written_reads_back_as_it_was(conversation: Conversation) -> None:
    written = DIALECT.write_request(conversation, model="m")
    known = {part.id: part.name for turn in conversation.turns for part in turn.parts if isinstance(part, ToolCall)}
    assert "unknown id" not in known
    assert DIALECT.read_request(written.body).conversation == conversation
    assert written.lost == ()
