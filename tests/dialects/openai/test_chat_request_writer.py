"""A conversation is written as a chat request: what chat has words for is said, and the rest is named as lost."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.contract.names import DialectName, Mode
from fairlead_proxy.dialects.dialect import ReadRequest
from fairlead_proxy.dialects.openai.conversation import read_chat_conversation
from fairlead_proxy.dialects.openai.request_writer import without_stream_options, write_chat_request
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

HELLO = Turn(Role.USER, (Text("hello"),))
TOOLS = (Tool("f", "d", {"type": "object"}, True), Tool("g"))
ANTHROPIC, CHAT = DialectName.ANTHROPIC, DialectName.OPENAI_CHAT


def written(conversation: Conversation) -> tuple[dict[str, Any], tuple[str, ...]]:
    found = write_chat_request(conversation, model="gpt")
    return json.loads(found.body), found.lost


def body_of(**members: Any) -> dict[str, Any]:
    return written(Conversation(turns=(HELLO,), **members))[0]


def messages_of(*turns: Turn) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    body, lost = written(Conversation(turns=turns))
    return body["messages"], lost


def test_a_request_says_no_more_than_was_said() -> None:
    assert body_of() == {"model": "gpt", "messages": [{"role": "user", "content": "hello"}]}


@pytest.mark.parametrize(
    ("turn", "messages", "lost"),
    [
        (Turn(Role.SYSTEM, (Text("a"), Text("b"))), [{"role": "system", "content": "a\n\nb"}], ()),
        (Turn(Role.DEVELOPER, (Text("a"),)), [{"role": "system", "content": "a"}], ()),
        (Turn(Role.USER, (Text("a"),), "ann"), [{"role": "user", "content": "a", "name": "ann"}], ()),
        (Turn(Role.USER, ()), [{"role": "user", "content": ""}], ()),
        (Turn(Role.USER, (Text("a", CacheHint("5m")),)), [{"role": "user", "content": "a"}], ("cache hint",)),
        (
            Turn(Role.USER, (Text("see"), Media(MediaKind.IMAGE, "image/png", "QUJD", detail="low"))),
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "see"},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD", "detail": "low"}},
                    ],
                }
            ],
            (),
        ),
        (
            Turn(Role.USER, (Media(MediaKind.AUDIO, "audio/mpeg", "QUJD"),)),
            [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}}]}],
            (),
        ),
        (
            Turn(Role.USER, (Media(MediaKind.FILE, "application/pdf", "QUJD"),)),
            [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "file",
                            "file": {"filename": "file.pdf", "file_data": "data:application/pdf;base64,QUJD"},
                        }
                    ],
                }
            ],
            (),
        ),
        (
            Turn(Role.USER, (Media(MediaKind.VIDEO, "video/mp4", "QUJD"), Text("see"))),
            [{"role": "user", "content": "see"}],
            ("videos as base64",),
        ),
        (
            Turn(Role.USER, (Text("and?"), ToolResult("c", "f", (Text("1"), Text("2")), is_error=True))),
            [{"role": "tool", "tool_call_id": "c", "content": "1\n\n2"}, {"role": "user", "content": "and?"}],
            ("is_error of a tool result",),
        ),
        (
            Turn(Role.USER, (ToolResult("c", "f", (Media(MediaKind.IMAGE, url="https://x.test"),)),)),
            [{"role": "tool", "tool_call_id": "c", "content": ""}],
            ("images or files in tool results",),
        ),
        (
            Turn(
                Role.ASSISTANT,
                (
                    Reasoning("hm", Seal(ANTHROPIC, "s")),
                    Text("a", citations=(Citation("https://x.test"),)),
                    Text("b"),
                    ToolCall("c", "f", '{"x":1}', Seal(CHAT, "own")),
                    Text("after"),
                    ToolCall("d", "g", seal=Seal(DialectName.GEMINI, "other")),
                ),
            ),
            [
                {
                    "role": "assistant",
                    "content": "ab\n\nafter",
                    "tool_calls": [
                        {
                            "id": "c",
                            "type": "function",
                            "function": {"name": "f", "arguments": '{"x":1}'},
                            "extra_content": {"google": {"thought_signature": "own"}},
                        },
                        {"id": "d", "type": "function", "function": {"name": "g", "arguments": "{}"}},
                    ],
                }
            ],
            ("citations", "reasoning of another provider", "signature of a tool call of another provider"),
        ),
        (
            Turn(Role.ASSISTANT, (Refusal("no"),)),
            [{"role": "assistant", "content": None, "refusal": "no"}],
            (),
        ),
        (
            Turn(Role.ASSISTANT, (Reasoning("hm"),)),
            [{"role": "assistant", "content": ""}],
            ("reasoning of another provider",),
        ),
    ],
)
def test_turns_become_messages(turn: Turn, messages: list[dict[str, Any]], lost: tuple[str, ...]) -> None:
    assert messages_of(turn) == (messages, lost)


@pytest.mark.parametrize(
    ("members", "expected", "lost"),
    [
        ({"max_tokens": 5}, {"max_completion_tokens": 5}, ()),
        ({"stop": ("x",)}, {"stop": ["x"]}, ()),
        ({"choices": 2}, {"n": 2}, ()),
        (
            {"sampling": Sampling(2.5, 0.5, 3, 4, 0.1, -0.1, 25)},
            {
                "temperature": 2.0,
                "top_p": 0.5,
                "seed": 4,
                "frequency_penalty": 0.1,
                "presence_penalty": -0.1,
                "logprobs": True,
                "top_logprobs": 20,
            },
            ("alternatives of each token beyond 20", "temperature above 2", "top_k"),
        ),
        ({"form": AnswerForm()}, {"response_format": {"type": "json_object"}}, ()),
        (
            {"form": AnswerForm({"type": "object"}, None, "d", True)},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {
                        "name": "answer",
                        "schema": {"type": "object"},
                        "description": "d",
                        "strict": True,
                    },
                }
            },
            (),
        ),
        ({"thinking": Thinking("high")}, {"reasoning_effort": "high"}, ()),
        ({"thinking": Thinking(adaptive=True)}, {}, ()),
        ({"thinking": Thinking("none")}, {}, ("reasoning off",)),
        ({"thinking": Thinking(budget_tokens=1024)}, {"reasoning_effort": "low"}, ("budget of reasoning tokens",)),
        ({"thinking": Thinking(budget_tokens=8192)}, {"reasoning_effort": "medium"}, ("budget of reasoning tokens",)),
        ({"thinking": Thinking(budget_tokens=8193)}, {"reasoning_effort": "high"}, ("budget of reasoning tokens",)),
        ({"user": "u", "service_tier": "flex"}, {"user": "u", "service_tier": "flex"}, ()),
        ({"service_tier": "standard_only"}, {}, ("service_tier",)),
        ({"tool_choice": ToolChoice(ToolChoiceMode.ANY), "parallel_tools": True}, {}, ()),
        ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}, ()),
        ({"left_out": ("metadata",)}, {}, ()),
    ],
)
def test_members_are_written(members: dict[str, Any], expected: dict[str, Any], lost: tuple[str, ...]) -> None:
    body, named = written(Conversation(turns=(HELLO,), **members))
    assert {name: value for name, value in body.items() if name not in ("model", "messages")} == expected
    assert named == lost


F = {
    "type": "function",
    "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
}
G = {"type": "function", "function": {"name": "g"}}


@pytest.mark.parametrize(
    ("choice", "tools", "written_choice"),
    [
        (None, [F, G], None),
        (ToolChoice(ToolChoiceMode.AUTO), [F, G], "auto"),
        (ToolChoice(ToolChoiceMode.NONE), [F, G], "none"),
        (ToolChoice(ToolChoiceMode.ANY), [F, G], "required"),
        (ToolChoice(ToolChoiceMode.ANY, ("g",)), [G], "required"),
        (ToolChoice(ToolChoiceMode.AUTO, ("f",)), [F], "auto"),
        (ToolChoice(ToolChoiceMode.NAMED, ("g",)), [F, G], {"type": "function", "function": {"name": "g"}}),
    ],
)
def test_only_allowed_tools_are_offered(choice: ToolChoice | None, tools: list[Any], written_choice: object) -> None:
    body = body_of(tools=TOOLS, tool_choice=choice, parallel_tools=False)
    assert (body["tools"], body.get("tool_choice"), body["parallel_tool_calls"]) == (tools, written_choice, False)


def test_a_cache_hint_on_a_tool_is_lost_by_name() -> None:
    assert written(Conversation((HELLO,), tools=(Tool("f", cache=CacheHint()),)))[1] == ("cache hint",)


def test_the_question_for_usage_can_be_taken_out_again() -> None:
    asking = write_chat_request(Conversation((Turn(Role.USER, (Text('"stream_options":'),)),), stream=True), model="m")
    quiet = without_stream_options(asking.body)
    assert json.loads(quiet) == {
        key: value for key, value in json.loads(asking.body).items() if key != "stream_options"
    }
    assert without_stream_options(quiet) == quiet


TEXTS = st.text(min_size=1, max_size=8)
PLACES = st.sampled_from(("https://x.test/a", "https://x.test/b?c=d"))
IMAGES = st.builds(Media, st.just(MediaKind.IMAGE), st.just("image/png"), st.just("QUJD"), detail=st.none() | TEXTS) | (
    st.builds(Media, st.just(MediaKind.IMAGE), url=PLACES)
)
FILES = st.builds(Media, st.just(MediaKind.FILE), st.just("application/pdf"), st.just("QUJD"), name=TEXTS)
SOUNDS = st.builds(Media, st.just(MediaKind.AUDIO), st.sampled_from(("audio/wav", "audio/mp3")), st.just("QUJD"))
NAMES = st.none() | TEXTS
CALLS = st.builds(
    ToolCall, TEXTS, TEXTS, st.sampled_from(("{}", '{"a":1}')), st.none() | st.builds(Seal, st.just(CHAT), st.just("s"))
)


@st.composite
def exchanges(draw: st.DrawFn) -> tuple[Turn, ...]:
    """A question, which may show something, and an answer, whose calls are all answered in turn."""
    shown: list[Part] = [*draw(st.lists(IMAGES | FILES | SOUNDS, max_size=2)), Text(draw(TEXTS))]
    calls = draw(st.lists(CALLS, max_size=2, unique_by=lambda call: call.id))
    said: list[Part] = [Text(draw(TEXTS))] if not calls or draw(st.booleans()) else []
    results = (Turn(Role.USER, (ToolResult(call.id, call.name, (Text(draw(TEXTS)),)),)) for call in calls)
    return (
        Turn(Role.USER, tuple(shown), draw(NAMES)),
        Turn(Role.ASSISTANT, (*said, *calls), draw(NAMES)),
        *results,
    )


CONVERSATIONS = st.builds(
    Conversation,
    turns=st.builds(
        lambda system, exchanged: (*system, *(turn for turns in exchanged for turn in turns)),
        st.lists(st.builds(Turn, st.just(Role.SYSTEM), st.tuples(st.builds(Text, TEXTS))), max_size=1),
        st.lists(exchanges(), min_size=1, max_size=3),
    ),
    tools=st.sampled_from(((), TOOLS)),
    max_tokens=st.none() | st.integers(1, 10**6),
    stop=st.lists(TEXTS, max_size=3).map(tuple),
    sampling=st.builds(
        Sampling,
        temperature=st.none() | st.floats(0, 2),
        top_p=st.none() | st.floats(0, 1),
        seed=st.none() | st.integers(-(2**63), 2**63 - 1),
        frequency_penalty=st.none() | st.floats(-2, 2),
        presence_penalty=st.none() | st.floats(-2, 2),
        logprobs=st.none() | st.integers(0, 20),
    ),
    choices=st.integers(1, 4),
    form=st.none()
    | st.just(AnswerForm())
    | st.builds(AnswerForm, st.just({"type": "object"}), TEXTS, NAMES, st.none() | st.booleans()),
    thinking=st.none() | st.builds(Thinking, st.sampled_from(("minimal", "low", "medium", "high", "xhigh"))),
    user=NAMES,
    service_tier=st.none() | st.just("flex"),
    stream=st.booleans(),
)


@given(CONVERSATIONS)
def test_what_is_written_is_read_again_as_it_was(conversation: Conversation) -> None:
    found = write_chat_request(conversation, model="m")
    assert found.lost == ()
    mode = Mode.STREAM if conversation.stream else Mode.PLAIN
    assert read_chat_conversation(ReadRequest("m", mode, found.body)) == conversation
