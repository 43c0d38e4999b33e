"""Conversations, written as requests in Anthropic's form: what is said, in which order, and what is lost."""

import base64
import json
from typing import Any

import pytest

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.anthropic.dialect import AnthropicCount, AnthropicMessages
from fairlead_proxy.dialects.speakers import GO_ON
from fairlead_proxy.exchange.conversation import (
    CacheHint,
    Citation,
    Conversation,
    Media,
    MediaKind,
    Part,
    Reasoning,
    Refusal,
    Role,
    Seal,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)

OWN = DialectName.ANTHROPIC
BUDGET_MODEL, EITHER_MODEL, ADAPTIVE_MODEL = "claude-sonnet-4-5-20250929", "claude-opus-4-6", "claude-opus-4-7"
HELLO = Turn(Role.USER, (Text("hello"),))
TOOLS = (Tool("look"), Tool("listen"))


def write(conversation: Conversation, model: str = BUDGET_MODEL) -> tuple[dict[str, Any], tuple[str, ...]]:
    written = AnthropicMessages().write_request(conversation, model=model)
    body: dict[str, Any] = json.loads(written.body)
    return body, written.lost


def written_blocks(part: Part, role: Role = Role.USER) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Return what a part becomes beside a text that is there anyway."""
    body, lost = write(Conversation((HELLO, Turn(role, (Text("see:"), part)))))
    blocks = body["messages"][-1]["content"]
    return [block for block in blocks if block.get("text") not in ("see:", "hello")], lost


def test_a_plain_question_needs_little() -> None:
    body, lost = write(Conversation((HELLO,)))
    assert body == {
        "model": BUDGET_MODEL,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
        "max_tokens": 4096,
    }
    assert lost == ()


@pytest.mark.parametrize(
    ("part", "blocks", "lost"),
    [
        (
            Text("hi", CacheHint("1h")),
            [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
            (),
        ),
        (Text(" \n"), [], ()),
        (Text("hi", citations=(Citation("https://a.example"),)), [{"type": "text", "text": "hi"}], ("citations",)),
        (
            Media(MediaKind.IMAGE, "image/png", data="iVBOR", detail="low"),
            [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBOR"}}],
            ("detail of an image",),
        ),
        (
            Media(MediaKind.IMAGE, url="https://cat.example", cache=CacheHint()),
            [
                {
                    "type": "image",
                    "source": {"type": "url", "url": "https://cat.example"},
                    "cache_control": {"type": "ephemeral"},
                }
            ],
            (),
        ),
        (
            Media(MediaKind.IMAGE, file_id="file_1", origin=OWN),
            [{"type": "image", "source": {"type": "file", "file_id": "file_1"}}],
            (),
        ),
        (
            Media(MediaKind.IMAGE, file_id="file-1", origin=DialectName.OPENAI_RESPONSES),
            [],
            ("files kept at the provider (openai-responses)",),
        ),
        (Media(MediaKind.AUDIO, "audio/wav", data="UklG"), [], ("audio",)),
        (
            Media(MediaKind.FILE, "application/pdf", data="JVBERi0", name="a.pdf"),
            [
                {
                    "type": "document",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0"},
                    "title": "a.pdf",
                }
            ],
            (),
        ),
        (
            Media(MediaKind.FILE, "text/plain; charset=utf-8", data=base64.b64encode("grüße".encode()).decode()),
            [{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "grüße"}}],
            (),
        ),
        (
            Media(MediaKind.FILE, "text/plain", data="/w=="),
            [{"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": "/w=="}}],
            (),
        ),
        (
            Media(MediaKind.FILE, "text/csv", data="YSxi"),
            [{"type": "document", "source": {"type": "base64", "media_type": "text/csv", "data": "YSxi"}}],
            (),
        ),
        (
            Media(MediaKind.FILE, url="https://a.example"),
            [{"type": "document", "source": {"type": "url", "url": "https://a.example"}}],
            (),
        ),
        (
            ToolResult("call.1", "look", (Text("a cat"), Text("")), True, CacheHint()),
            [
                {
                    "type": "tool_result",
                    "tool_use_id": "call_1_e8b7b7b3",
                    "content": [{"type": "text", "text": "a cat"}],
                    "is_error": True,
                    "cache_control": {"type": "ephemeral"},
                }
            ],
            (),
        ),
        (ToolResult("call_1"), [{"type": "tool_result", "tool_use_id": "call_1"}], ()),
    ],
)  # fmt: skip
def test_each_part_of_the_users_is_written(part: Part, blocks: list[dict[str, Any]], lost: tuple[str, ...]) -> None:
    assert written_blocks(part) == (blocks, lost)


@pytest.mark.parametrize(
    ("part", "blocks", "lost"),
    [
        (
            ToolCall("call_1", "look", '{"at": 1}', cache=CacheHint()),
            [
                {
                    "type": "tool_use",
                    "id": "call_1",
                    "name": "look",
                    "input": {"at": 1},
                    "cache_control": {"type": "ephemeral"},
                }
            ],
            (),
        ),
        (
            ToolCall("functions.look:0", "look", ""),
            [{"type": "tool_use", "id": "functions_look_0_ec000204", "name": "look", "input": {}}],
            (),
        ),
        (
            ToolCall("call_1", "look", '{"at"', Seal(DialectName.GEMINI, "x")),
            [{"type": "tool_use", "id": "call_1", "name": "look", "input": {"arguments": '{"at"'}}],
            (
                "arguments of a tool call that are not a JSON object",
                "signature of a tool call of another provider",
            ),
        ),
        (
            Reasoning("hm", Seal(OWN, "EqQB")),
            [{"type": "thinking", "thinking": "hm", "signature": "EqQB"}],
            (),
        ),
        (Reasoning("", Seal(OWN, "EqQB")), [{"type": "thinking", "thinking": "", "signature": "EqQB"}], ()),
        (Reasoning(seal=Seal(OWN, "redacted:EmwK")), [{"type": "redacted_thinking", "data": "EmwK"}], ()),
        (Reasoning("hm"), [], ("reasoning of another provider",)),
        (Reasoning("hm", Seal(DialectName.BEDROCK, "x")), [], ("reasoning of another provider",)),
        (
            Reasoning("hm", Seal(OWN, "EqQB"), cache=CacheHint()),
            [{"type": "thinking", "thinking": "hm", "signature": "EqQB"}],
            ("cache hint",),
        ),
        (Refusal("no."), [{"type": "text", "text": "no."}], ()),
        (Media(MediaKind.IMAGE, "image/png", data="iVBOR"), [], ("an image or file of the assistant's",)),
    ],
)
def test_each_part_of_the_assistants_is_written(
    part: Part, blocks: list[dict[str, Any]], lost: tuple[str, ...]
) -> None:
    assert written_blocks(part, Role.ASSISTANT) == (blocks, lost)


def test_turns_alternate_and_results_come_first() -> None:
    conversation = Conversation(
        (
            HELLO,
            Turn(Role.ASSISTANT, (Text("let me see"),)),
            Turn(Role.ASSISTANT, (ToolCall("call_1", "look"), ToolCall("call_2", "listen"))),
            Turn(Role.USER, (Text("here"), ToolResult("call_1", "look", (Text("a cat"),)))),
            Turn(Role.USER, (ToolResult("call_2", "listen", (Text("meow"),)),)),
        )
    )
    body, lost = write(conversation)
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert [block["type"] for block in body["messages"][2]["content"]] == ["tool_result", "tool_result", "text"]
    assert lost == ()


@pytest.mark.parametrize(
    ("turns", "messages", "lost"),
    [
        (
            (Turn(Role.ASSISTANT, (Text("how can I help?"),)), HELLO),
            [("user", "(continued)"), ("assistant", "how can I help?"), ("user", "hello")],
            ("first turn is the assistant's",),
        ),
        ((Turn(Role.SYSTEM, (Text("be kind"),)),), [("user", "(continued)")], ("no turn of the user's",)),
        (
            (HELLO, Turn(Role.ASSISTANT, (Text("The answer is \n"),))),
            [("user", "hello"), ("assistant", "The answer is")],
            (),
        ),
        (
            (HELLO, Turn(Role.ASSISTANT, (Text("The answer is "), ToolCall("call_1", "look")))),
            [("user", "hello"), ("assistant", "The answer is")],
            (),
        ),
        (
            (HELLO, Turn(Role.ASSISTANT, (Reasoning("hm"),)), Turn(Role.USER, (Text("again"),), "Ann")),
            [("user", "hello again")],
            ("name of a message", "reasoning of another provider"),
        ),
    ],
)
def test_the_vendors_order_is_kept(
    turns: tuple[Turn, ...], messages: list[tuple[str, str]], lost: tuple[str, ...]
) -> None:
    body, told = write(Conversation(turns))
    texts = [
        (message["role"], " ".join(block["text"] for block in message["content"] if "text" in block))
        for message in body["messages"]
    ]
    assert (texts, told) == (messages, lost)


def test_instructions_are_gathered_in_the_system_prompt() -> None:
    conversation = Conversation(
        (
            Turn(Role.SYSTEM, (Text("be kind", CacheHint()),)),
            HELLO,
            Turn(Role.DEVELOPER, (Text("be brief"), Media(MediaKind.IMAGE, url="https://a.example"))),
        )
    )
    body, lost = write(conversation)
    assert body["system"] == [
        {"type": "text", "text": "be kind", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "be brief"},
    ]
    assert lost == ("a part of a system message that is not text", "position of a system message")


BEGUN = Turn(Role.ASSISTANT, (Text("The answer is \n"),))


@pytest.mark.parametrize("model", [EITHER_MODEL, ADAPTIVE_MODEL, "claude-of-tomorrow"])
@pytest.mark.parametrize("dialect", [AnthropicMessages(), AnthropicCount()])
def test_a_model_that_takes_no_prefilled_answer_is_asked_to_go_on(
    dialect: AnthropicMessages | AnthropicCount, model: str
) -> None:
    written = dialect.write_request(Conversation((HELLO, BEGUN)), model=model)
    assert json.loads(written.body)["messages"][-1] == {"role": "user", "content": [{"type": "text", "text": GO_ON}]}
    assert written.lost == ("prefilled answer",)


def test_calls_that_nobody_has_answered_are_no_prefilled_answer() -> None:
    body, lost = write(Conversation((HELLO, Turn(Role.ASSISTANT, (ToolCall("call_1", "look"),)))), ADAPTIVE_MODEL)
    assert [message["role"] for message in body["messages"]] == ["user", "assistant"]
    assert lost == ()
