"""Requests in Anthropic's form, read into the neutral vocabulary."""

import base64
import json
from typing import Any

import pytest

from fairlead_proxy.contract.names import DialectName, Feature
from fairlead_proxy.dialects.anthropic.dialect import AnthropicMessages
from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.exchange.conversation import (
    AnswerForm,
    CacheHint,
    Citation,
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

DIALECT = AnthropicMessages()
OWN = DialectName.ANTHROPIC
PACKED = base64.b64encode(b"some text").decode()


def read(**members: object) -> Conversation:
    body: dict[str, Any] = {"model": "smart", "messages": [{"role": "user", "content": "hello"}], **members}
    return DIALECT.read_request(json.dumps(body).encode()).conversation


def read_block(block: dict[str, Any], role: str = "user") -> tuple[Part, ...]:
    return read(messages=[{"role": role, "content": [block]}]).turns[0].parts


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "text", "text": "hello"}, Text("hello")),
        (
            {"type": "text", "text": "hello", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            Text("hello", CacheHint("1h")),
        ),
        (
            {
                "type": "text",
                "text": "the sky is blue",
                "citations": [
                    {
                        "type": "char_location",
                        "cited_text": "blue",
                        "document_index": 0,
                        "document_title": "Skies",
                        "start_char_index": 0,
                        "end_char_index": 4,
                    },
                    {
                        "type": "web_search_result_location",
                        "url": "https://sky.example",
                        "title": "Sky",
                        "cited_text": "blue",
                        "encrypted_index": "x",
                    },
                ],
            },
            Text(
                "the sky is blue",
                citations=(Citation(None, "Skies", "blue"), Citation("https://sky.example", "Sky", "blue")),
            ),
        ),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBOR"}},
            Media(MediaKind.IMAGE, "image/png", data="iVBOR"),
        ),
        (
            {"type": "image", "source": {"type": "url", "url": "https://cat.example"}},
            Media(MediaKind.IMAGE, url="https://cat.example"),
        ),
        (
            {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
            Media(MediaKind.IMAGE, file_id="file_1", origin=OWN),
        ),
        (
            {
                "type": "document",
                "title": "Report",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0"},
            },
            Media(MediaKind.FILE, "application/pdf", data="JVBERi0", name="Report"),
        ),
        (
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "some text"}},
            Media(MediaKind.FILE, "text/plain", data=PACKED),
        ),
        (
            {"type": "document", "source": {"type": "url", "url": "https://report.example"}},
            Media(MediaKind.FILE, "application/pdf", url="https://report.example"),
        ),
        (
            {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
            Media(MediaKind.FILE, file_id="file_1", origin=OWN),
        ),
        (
            {"type": "document", "source": {"type": "content", "content": "some text"}},
            Media(MediaKind.FILE, "text/plain", data=PACKED),
        ),
        (
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "some text"}]}},
            Text("some text"),
        ),
        ({"type": "thinking", "thinking": "hm", "signature": "EqQB"}, Reasoning("hm", Seal(OWN, "EqQB"))),
        ({"type": "thinking", "thinking": "", "signature": "EqQB"}, Reasoning("", Seal(OWN, "EqQB"))),
        ({"type": "thinking", "thinking": "hm", "signature": ""}, Reasoning("hm")),
        ({"type": "redacted_thinking", "data": "EmwK"}, Reasoning(seal=Seal(OWN, "redacted:EmwK"))),
        (
            {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": ["é", 1.50]}},
            ToolCall("toolu_1", "look", '{"at": ["\\u00e9", 1.5]}'),
        ),
        ({"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}, ToolCall("toolu_1", "look")),
        ({"type": "tool_result", "tool_use_id": "toolu_1"}, ToolResult("toolu_1")),
        (
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": "a cat", "is_error": True},
            ToolResult("toolu_1", "", (Text("a cat"),), True),
        ),
        (
            {
                "type": "tool_result",
                "tool_use_id": "toolu_1",
                "content": [
                    {"type": "text", "text": "a cat"},
                    {"type": "image", "source": {"type": "url", "url": "https://cat.example"}},
                ],
            },
            ToolResult("toolu_1", "", (Text("a cat"), Media(MediaKind.IMAGE, url="https://cat.example"))),
        ),
    ],
)
def test_each_block_is_read_as_its_part(block: dict[str, Any], part: Part) -> None:
    assert read_block(block) == (part,)


def test_order_of_instructions_and_turns_is_kept() -> None:
    conversation = read(
        system=[{"type": "text", "text": "be kind"}, {"type": "text", "text": "be brief"}],
        messages=[
            {"role": "user", "content": "hello"},
            {"role": "system", "content": "be loud"},
            {"role": "assistant", "content": [{"type": "text", "text": "HELLO"}]},
        ],
    )
    assert conversation.turns == (
        Turn(Role.SYSTEM, (Text("be kind"), Text("be brief"))),
        Turn(Role.USER, (Text("hello"),)),
        Turn(Role.SYSTEM, (Text("be loud"),)),
        Turn(Role.ASSISTANT, (Text("HELLO"),)),
    )


def test_a_result_bears_the_name_of_the_tool_that_was_called() -> None:
    conversation = read(
        messages=[
            {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "a cat"}]},
        ]
    )
    assert conversation.turns[1].parts == (ToolResult("toolu_1", "look", (Text("a cat"),)),)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (
            {
                "tools": [
                    {
                        "name": "look",
                        "description": "look around",
                        "input_schema": {"type": "object"},
                        "strict": True,
                        "type": "custom",
                        "cache_control": {"type": "ephemeral"},
                    }
                ]
            },
            {"tools": (Tool("look", "look around", {"type": "object"}, True, CacheHint()),)},
        ),
        ({"tool_choice": {"type": "auto"}}, {"tool_choice": ToolChoice(ToolChoiceMode.AUTO)}),
        ({"tool_choice": {"type": "none"}}, {"tool_choice": ToolChoice(ToolChoiceMode.NONE)}),
        (
            {"tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
            {"tool_choice": ToolChoice(ToolChoiceMode.ANY), "parallel_tools": False},
        ),
        (
            {"tool_choice": {"type": "tool", "name": "look"}},
            {"tool_choice": ToolChoice(ToolChoiceMode.NAMED, ("look",)), "parallel_tools": None},
        ),
        ({"thinking": {"type": "disabled"}}, {"thinking": Thinking("none")}),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, {"thinking": Thinking(budget_tokens=2000)}),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "max"}},
            {"thinking": Thinking("xhigh", adaptive=True, shown=False)},
        ),
        ({"output_config": {"effort": "low"}}, {"thinking": Thinking("low")}),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
            {"form": AnswerForm({"type": "object"}, strict=True)},
        ),
        (
            {"output_format": {"type": "json_schema", "schema": {"type": "object"}}},
            {"form": AnswerForm({"type": "object"}, strict=True), "left_out": ()},
        ),
        ({"stop_sequences": ["a", "b"]}, {"stop": ("a", "b")}),
        ({"temperature": 1, "top_p": 0.5, "top_k": 3}, {"sampling": Sampling(1.0, 0.5, 3)}),
        ({"metadata": {"user_id": "u1"}}, {"user": "u1", "left_out": ()}),
        ({"service_tier": "standard_only"}, {"service_tier": "default"}),
        ({"service_tier": "auto"}, {"service_tier": "auto"}),
        ({"max_tokens": 7, "stream": True}, {"max_tokens": 7, "stream": True}),
        ({}, {"max_tokens": None, "stream": False, "thinking": None, "form": None, "tool_choice": None}),
    ],
)
def test_each_setting_is_read(members: dict[str, Any], expected: dict[str, Any]) -> None:
    conversation = read(**members)
    assert {name: getattr(conversation, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("members", "bound_to"),
    [
        (
            {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
            "the tool web_search, which Anthropic itself runs",
        ),
        ({"tools": [{"type": "x", "name": "a b\n"}]}, "the tool (odd name), which Anthropic itself runs"),
        ({"container": "container_1"}, "a container, which Anthropic itself runs"),
        ({"mcp_servers": [{"url": "https://x.example"}]}, "MCP servers, which Anthropic itself calls"),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "server_tool_use", "id": "s", "name": "w"}]}]},
            "content of the type server_tool_use",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "search_result", "content": [], "source": "x"}]}]},
            "content of the type search_result",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "a b"}]}]},
            "content of an unknown type",
        ),
        (
            {
                "messages": [
                    {
                        "role": "assistant",
                        "content": [
                            {"type": "tool_use", "id": "a", "name": "b", "caller": {"type": "code_execution_20250825"}}
                        ],
                    }
                ]
            },
            "a tool call by code that Anthropic itself runs",
        ),
        ({"inference_geo": "us"}, "inference_geo, a place that Anthropic itself keeps to"),
    ],
)
def test_what_would_change_the_answer_binds_to_the_dialect(members: dict[str, Any], bound_to: str) -> None:
    conversation = read(**members)
    assert conversation.bound_to == (bound_to,)
    assert conversation.left_out == ()


def test_what_has_no_word_is_left_out_by_its_path() -> None:
    conversation = read(
        context_management={"edits": []},
        inference_geo="global",
        betas=None,
        metadata={"user_id": "u", "trace": "x"},
        thinking={"type": "between_tools"},
        tools=[{"name": "a", "input_schema": {}, "defer_loading": True}],
        messages=[
            {
                "role": "user",
                "content": [
                    {
                        "type": "document",
                        "context": "old",
                        "citations": {"enabled": True},
                        "source": {"type": "url", "url": "https://x.example"},
                    }
                ],
            }
        ],
        **{"odd\nname": 1},
    )
    assert conversation.left_out == (
        "(odd name)",
        "context_management",
        "messages.content.citations",
        "messages.content.context",
        "metadata.trace",
        "thinking",
        "tools.defer_loading",
    )
    assert conversation.bound_to == ()


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"messages": [5]}, "messages.0"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [{"content": "hello"}]}, "messages.0.role"),
        ({"messages": [{"role": "tool", "content": "hello"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": ["hello"]}]}, "messages.0.content.0"),
        ({"messages": [{"role": "user", "content": [{"text": "hello"}]}]}, "messages.0.content.0.type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages.0.content.0.text"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages.0.content.0.source"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "s3"}}]}]},
            "messages.0.content.0.source.type",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_use", "id": "a", "name": "b", "input": "{}"}]}]},
            "messages.0.content.0.input",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "tool_use", "id": "", "name": "b"}]}]}, None),
        ({"system": [{"type": "image"}]}, "system.0"),
        ({"system": {}}, "system"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"name": 5}]}, "tools.0.name"),
        ({"tools": [{"name": "a", "input_schema": []}]}, "tools.0.input_schema"),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"thinking": {"type": "enabled", "budget_tokens": "many"}}, "thinking.budget_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_k": 0.5}, "top_k"),
        ({"stop_sequences": ["a", 1]}, "stop_sequences.1"),
        ({"max_tokens": True}, "max_tokens"),
        ({"output_config": {"format": {"type": "text"}}}, "output_config.format.type"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
    ],
)
def test_a_wrong_type_is_refused_by_its_path(members: dict[str, Any], param: str | None) -> None:
    with pytest.raises(InvalidCall) as raised:
        read(**members)
    assert raised.value.answer.param == (param or raised.value.answer.param)
    assert raised.value.answer.status == 400


def test_features_tell_what_another_dialect_needs_words_for() -> None:
    body = {
        "model": "smart",
        "stop_sequences": ["x"],
        "thinking": {"type": "adaptive"},
        "messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}],
    }
    features = DIALECT.read_request(json.dumps(body).encode()).features
    assert features == {
        Feature.STOP,
        Feature.REASONING,
        "files kept at the provider (anthropic-messages)",
    }
