"""What a conversation asks for beside its turns, in Anthropic's form: tools, thinking, sampling and the rest."""

import json
from typing import Any

import pytest

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.anthropic.dialect import AnthropicCount, AnthropicMessages
from fairlead_proxy.exchange.conversation import (
    AnswerForm,
    CacheHint,
    Conversation,
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

OWN = DialectName.ANTHROPIC
BUDGET_MODEL, EITHER_MODEL, ADAPTIVE_MODEL = "claude-sonnet-4-5-20250929", "claude-opus-4-6", "claude-opus-4-7"
HELLO = Turn(Role.USER, (Text("hello"),))
TOOLS = (Tool("look"), Tool("listen"))


def write(conversation: Conversation, model: str = BUDGET_MODEL) -> tuple[dict[str, Any], tuple[str, ...]]:
    written = AnthropicMessages().write_request(conversation, model=model)
    body: dict[str, Any] = json.loads(written.body)
    return body, written.lost


@pytest.mark.parametrize(
    ("conversation", "members", "lost"),
    [
        (
            Conversation(
                (HELLO,),
                tools=(
                    Tool("look", "look around", {"type": "object", "required": ["a"]}, True, CacheHint("5m")),
                    Tool("listen", parameters={"properties": {}}),
                ),
            ),
            {
                "tools": [
                    {
                        "name": "look",
                        "description": "look around",
                        "input_schema": {"type": "object", "required": ["a"]},
                        "strict": True,
                        "cache_control": {"type": "ephemeral", "ttl": "5m"},
                    },
                    {"name": "listen", "input_schema": {"type": "object", "properties": {}}},
                ],
                "tool_choice": None,
            },
            (),
        ),
        (
            Conversation((HELLO,), tools=TOOLS, tool_choice=ToolChoice(ToolChoiceMode.ANY), parallel_tools=False),
            {"tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
            (),
        ),
        (
            Conversation((HELLO,), tools=TOOLS, tool_choice=ToolChoice(ToolChoiceMode.NAMED, ("look",))),
            {"tool_choice": {"type": "tool", "name": "look"}},
            (),
        ),
        (
            Conversation((HELLO,), tools=TOOLS, tool_choice=ToolChoice(ToolChoiceMode.AUTO, ("look",))),
            {
                "tools": [{"name": "look", "input_schema": {"type": "object", "properties": {}}}],
                "tool_choice": {"type": "auto"},
            },
            (),
        ),
        (
            Conversation((HELLO,), tools=TOOLS, tool_choice=ToolChoice(ToolChoiceMode.NONE), parallel_tools=False),
            {"tool_choice": {"type": "none"}},
            (),
        ),
        (
            Conversation((HELLO,), tools=TOOLS, parallel_tools=False),
            {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
            (),
        ),
        (Conversation((HELLO,), tool_choice=ToolChoice(ToolChoiceMode.ANY)), {"tool_choice": None, "tools": None}, ()),
        (
            Conversation((HELLO,), stop=("a", " \n"), user="u1", service_tier="default", stream=True, max_tokens=9),
            {
                "stop_sequences": ["a"],
                "metadata": {"user_id": "u1"},
                "service_tier": "standard_only",
                "stream": True,
                "max_tokens": 9,
            },
            ("a stop sequence of white space",),
        ),
        (
            Conversation((HELLO,), service_tier="flex", choices=2),
            {"service_tier": None},
            ("more than one choice", "service_tier"),
        ),
        (
            Conversation((HELLO,), sampling=Sampling(1.4, None, 5, 7, 0.1, 0.2, 3)),
            {"temperature": 1.0, "top_k": 5},
            ("frequency_penalty", "log probabilities", "presence_penalty", "seed", "temperature above 1"),
        ),
        (
            Conversation((HELLO,), sampling=Sampling(0.5, 0.5)),
            {"temperature": 0.5, "top_p": None},
            ("top_p",),
        ),
        (
            Conversation((HELLO,), form=AnswerForm({"type": "object", "properties": {}}, "n", "d")),
            {
                "output_config": {
                    "format": {
                        "type": "json_schema",
                        "schema": {"type": "object", "properties": {}, "additionalProperties": False},
                    }
                }
            },
            ("description of the JSON schema",),
        ),
        (
            Conversation((HELLO,), form=AnswerForm()),
            {"output_config": None},
            ("JSON answers without a schema",),
        ),
    ],
)
def test_each_setting_is_written(conversation: Conversation, members: dict[str, Any], lost: tuple[str, ...]) -> None:
    body, told = write(conversation)
    assert {name: body.get(name) for name in members} == members
    assert told == lost


@pytest.mark.parametrize(
    ("thinking", "model", "members", "lost"),
    [
        (Thinking("none"), BUDGET_MODEL, {"thinking": {"type": "disabled"}, "max_tokens": 4096}, ()),
        (Thinking("none"), "claude-3-5-haiku-latest", {"thinking": None}, ()),
        (Thinking("high"), "claude-3-5-haiku-latest", {"thinking": None}, ("reasoning",)),
        (
            Thinking(budget_tokens=2000),
            BUDGET_MODEL,
            {"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 4096},
            (),
        ),
        (
            Thinking(budget_tokens=8000, shown=True),
            BUDGET_MODEL,
            {"thinking": {"type": "enabled", "budget_tokens": 8000, "display": "summarized"}, "max_tokens": 12096},
            (),
        ),
        (Thinking(budget_tokens=5), BUDGET_MODEL, {"thinking": {"type": "enabled", "budget_tokens": 1024}}, ()),
        (Thinking("minimal"), BUDGET_MODEL, {"thinking": {"type": "enabled", "budget_tokens": 1024}}, ()),
        (
            Thinking(adaptive=True),
            BUDGET_MODEL,
            {"thinking": {"type": "enabled", "budget_tokens": 8192}, "output_config": None},
            (),
        ),
        (
            Thinking("minimal"),
            EITHER_MODEL,
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}, "max_tokens": 5120},
            (),
        ),
        (
            Thinking("xhigh", shown=False),
            EITHER_MODEL,
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "high"}},
            ("reasoning effort above high",),
        ),
        (Thinking("xhigh"), ADAPTIVE_MODEL, {"output_config": {"effort": "xhigh"}}, ()),
        (Thinking("max"), "claude-of-tomorrow", {"output_config": {"effort": "max"}}, ()),
        (Thinking("strange"), EITHER_MODEL, {"output_config": None}, ("reasoning effort",)),
        (
            Thinking(budget_tokens=2000),
            EITHER_MODEL,
            {"thinking": {"type": "enabled", "budget_tokens": 2000}, "output_config": None},
            (),
        ),
        (
            Thinking(budget_tokens=8000),
            ADAPTIVE_MODEL,
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}},
            ("budget of reasoning tokens",),
        ),
        (Thinking(adaptive=True), ADAPTIVE_MODEL, {"thinking": {"type": "adaptive"}, "output_config": None}, ()),
    ],
)
def test_thinking_is_asked_for_in_the_models_own_form(
    thinking: Thinking, model: str, members: dict[str, Any], lost: tuple[str, ...]
) -> None:
    body, told = write(Conversation((HELLO,), thinking=thinking), model)
    assert {name: body.get(name) for name in members} == members
    assert told == lost


def test_a_forced_tool_goes_without_thinking() -> None:
    conversation = Conversation(
        (HELLO,), tools=TOOLS, tool_choice=ToolChoice(ToolChoiceMode.ANY), thinking=Thinking("high")
    )
    body, lost = write(conversation)
    assert body["thinking"] == {"type": "disabled"}
    assert lost == ("reasoning together with a forced tool",)


def test_a_budget_is_not_given_between_calls_of_another_providers_tools() -> None:
    turns = (
        HELLO,
        Turn(Role.ASSISTANT, (Reasoning("hm"), ToolCall("call_1", "look"))),
        Turn(Role.USER, (ToolResult("call_1", "look", (Text("a cat"),)),)),
    )
    body, lost = write(Conversation(turns, tools=TOOLS, thinking=Thinking("high")))
    assert body["thinking"] == {"type": "disabled"}
    assert lost == ("reasoning between the calls of another provider's tools", "reasoning of another provider")
    body, lost = write(Conversation(turns, tools=TOOLS, thinking=Thinking("high")), EITHER_MODEL)
    assert body["thinking"] == {"type": "adaptive"}
    assert lost == ("reasoning of another provider",)


def test_reasoning_is_left_out_of_the_last_turn_where_none_is_asked_for() -> None:
    thought = Reasoning("hm", Seal(OWN, "EqQB"))
    turns = (HELLO, Turn(Role.ASSISTANT, (thought, Text("yes"))), HELLO, Turn(Role.ASSISTANT, (thought, Text("no"))))
    body, lost = write(Conversation(turns, thinking=Thinking("none")))
    assert [[block["type"] for block in message["content"]] for message in body["messages"]] == [
        *(["text"], ["thinking", "text"], ["text"], ["text"]),
    ]
    assert lost == ("reasoning, where none is asked for",)


@pytest.mark.parametrize(
    ("sampling", "model", "kept", "lost"),
    [
        (Sampling(0.5, None, 3), BUDGET_MODEL, {}, ("temperature", "top_k")),
        (Sampling(1.0, 0.97), BUDGET_MODEL, {"temperature": 1.0, "top_p": 0.97}, ()),
        (Sampling(None, 0.5), BUDGET_MODEL, {}, ("top_p",)),
        (Sampling(0.5, 0.97, 3), ADAPTIVE_MODEL, {}, ("temperature", "top_k", "top_p")),
    ],
)
def test_sampling_keeps_to_what_goes_with_thinking(
    sampling: Sampling, model: str, kept: dict[str, float], lost: tuple[str, ...]
) -> None:
    body, told = write(Conversation((HELLO,), sampling=sampling, thinking=Thinking("high")), model)
    assert {name: body[name] for name in ("temperature", "top_p", "top_k") if name in body} == kept
    assert told == lost


@pytest.mark.parametrize(
    ("schema", "written", "lost"),
    [
        (
            {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}, "additionalProperties": True},
            {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": False},
            ("constraints of the JSON schema",),
        ),
        (
            {
                "$defs": {"minimum": {"type": "object", "properties": {"pattern": {"type": "string"}}}},
                "oneOf": [{"$ref": "#/$defs/minimum"}, {"type": "array", "minItems": 1, "items": {"type": "object"}}],
            },
            {
                "$defs": {
                    "minimum": {
                        "type": "object",
                        "properties": {"pattern": {"type": "string"}},
                        "additionalProperties": False,
                    }
                },
                "anyOf": [
                    {"$ref": "#/$defs/minimum"},
                    {"type": "array", "minItems": 1, "items": {"type": "object", "additionalProperties": False}},
                ],
            },
            (),
        ),
        (
            {"type": "array", "minItems": 2, "items": {"type": "string", "format": "date", "maxLength": 3}},
            {"type": "array", "items": {"type": "string", "format": "date"}},
            ("constraints of the JSON schema",),
        ),
        (
            {"type": "string", "format": {"odd": 1}},
            {"type": "string"},
            ("constraints of the JSON schema",),
        ),
    ],
)
def test_a_schema_is_written_in_the_subset_that_is_taken(
    schema: dict[str, Any], written: dict[str, Any], lost: tuple[str, ...]
) -> None:
    body, told = write(Conversation((HELLO,), form=AnswerForm(schema)))
    assert body["output_config"]["format"]["schema"] == written
    assert told == lost


def test_a_request_to_count_holds_only_what_has_tokens() -> None:
    conversation = Conversation(
        (HELLO,),
        tools=(Tool("look"),),
        max_tokens=5,
        stop=("x",),
        sampling=Sampling(1.5, seed=4),
        user="u1",
        service_tier="flex",
        stream=True,
        thinking=Thinking(budget_tokens=2000),
    )
    written = AnthropicCount().write_request(conversation, model=BUDGET_MODEL)
    assert json.loads(written.body) == {
        "model": BUDGET_MODEL,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "tools": [{"name": "look", "input_schema": {"type": "object", "properties": {}}}],
    }
    assert written.lost == ()


def test_the_last_four_cache_hints_are_kept() -> None:
    hint = CacheHint()
    turns = (
        Turn(Role.SYSTEM, (Text("be kind", hint), Text("be brief", hint))),
        Turn(Role.USER, (Text("hello", hint), Text("there", hint), Text("and here", hint))),
    )
    body, lost = write(Conversation(turns, tools=(Tool("look", cache=hint),)))
    assert "cache_control" not in body["tools"][0]
    assert ["cache_control" in block for block in body["system"]] == [False, True]
    assert ["cache_control" in block for block in body["messages"][0]["content"]] == [True, True, True]
    assert lost == ("cache hints beyond 4",)
