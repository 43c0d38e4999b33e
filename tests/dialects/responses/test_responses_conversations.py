"""A caller's Responses request in neutral words: what is kept, what is left out, what nobody else can serve."""

import json
from typing import Any

import pytest

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.dialects.responses.dialect import OpenAIResponses
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
from fairlead_proxy.exchange.seals import write_seal

OWN = DialectName.OPENAI_RESPONSES
WEATHER = {"type": "function", "name": "get_weather", "description": "Weather", "parameters": {"type": "object"}}


def read(**members: Any) -> Conversation:
    return OpenAIResponses().read_request(json.dumps({"model": "m", "input": "hi", **members}).encode()).conversation


def part_of(content: dict[str, Any], role: str = "user") -> Part:
    return read(input=[{"type": "message", "role": role, "content": [content]}]).turns[0].parts[0]


def test_a_text_is_what_the_user_says_after_the_instructions() -> None:
    assert read(instructions="Be brief.").turns == (
        Turn(Role.SYSTEM, (Text("Be brief."),)),
        Turn(Role.USER, (Text("hi"),)),
    )


def test_a_conversation_with_reasoning_and_parallel_calls_keeps_its_order() -> None:
    conversation = read(
        input=[
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "content": [{"type": "input_text", "text": "Paris and Rome?"}]},
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "one"}, {"type": "summary_text", "text": "two"}],
                "encrypted_content": "gAAA",
            },
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
             "content": [{"type": "output_text", "text": "I look.", "annotations": []}]},
            {"type": "function_call", "id": "fc_1", "call_id": "a", "name": "get_weather", "arguments": '{"c":1}'},
            {"type": "function_call", "id": "fc_2", "call_id": "b", "name": "get_time", "arguments": ""},
            {"type": "function_call_output", "call_id": "a", "output": "rain"},
            {"type": "function_call_output", "call_id": "b", "output": [{"type": "input_text", "text": "noon"}]},
            {"role": "user", "content": "And?"},
        ]
    )  # fmt: skip
    assert conversation.turns == (
        Turn(Role.DEVELOPER, (Text("Be kind."),)),
        Turn(Role.USER, (Text("Paris and Rome?"),)),
        Turn(
            Role.ASSISTANT,
            (
                Reasoning("one\n\ntwo", Seal(OWN, "gAAA"), "rs_1"),
                Text("I look."),
                ToolCall("a", "get_weather", '{"c":1}'),
                ToolCall("b", "get_time", "{}"),
            ),
        ),
        Turn(
            Role.USER,
            (ToolResult("a", "get_weather", (Text("rain"),)), ToolResult("b", "get_time", (Text("noon"),))),
        ),
        Turn(Role.USER, (Text("And?"),)),
    )
    assert (conversation.left_out, conversation.bound_to) == ((), ())


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ({"type": "input_text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}}, Text("x", CacheHint())),
        (
            {"type": "input_image", "image_url": "https://e.org/a.png", "detail": "low"},
            Media(MediaKind.IMAGE, url="https://e.org/a.png", detail="low"),
        ),
        (
            {"type": "input_image", "image_url": "data:image/svg+xml,%3Csvg/%3E"},
            Media(MediaKind.IMAGE, "image/svg+xml", data="PHN2Zy8+"),
        ),
        (
            {"type": "input_image", "image_url": "data:image/jpeg;base64,QUJD"},
            Media(MediaKind.IMAGE, "image/jpeg", data="QUJD"),
        ),
        ({"type": "input_image", "file_id": "file-1"}, Media(MediaKind.IMAGE, file_id="file-1", origin=OWN)),
        (
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"},
            Media(MediaKind.FILE, "application/pdf", data="QUJD", name="a.pdf"),
        ),
        (
            {"type": "input_file", "filename": "a.txt", "file_data": "QUJD"},
            Media(MediaKind.FILE, "text/plain", data="QUJD", name="a.txt"),
        ),
        ({"type": "input_file", "file_url": "https://e.org/a.pdf"}, Media(MediaKind.FILE, url="https://e.org/a.pdf")),
        ({"type": "input_file", "file_id": "file-1"}, Media(MediaKind.FILE, file_id="file-1", origin=OWN)),
        (
            {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
            Media(MediaKind.AUDIO, "audio/mp3", data="QUJD"),
        ),
        ({"type": "refusal", "refusal": "no"}, Refusal("no")),
        (
            {
                "type": "output_text",
                "text": "x",
                "annotations": [
                    {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1},
                    {"type": "file_citation", "file_id": "f", "filename": "n", "index": 1},
                    {"type": "of tomorrow"},
                    5,
                ],
            },
            Text("x", None, (Citation("u", "t", None, 0, 1), Citation(None, "n"))),
        ),
    ],
)
def test_parts_of_content_are_read(content: dict[str, Any], part: Part) -> None:
    assert part_of(content) == part


def test_reasoning_of_another_provider_comes_back_with_its_origin() -> None:
    seal = Seal(DialectName.ANTHROPIC, "signature==")
    turns = read(input=[{"type": "reasoning", "summary": [], "encrypted_content": write_seal(seal, OWN)}]).turns
    assert turns == (Turn(Role.ASSISTANT, (Reasoning("", seal),)),)


def test_reasoning_of_open_models_is_its_text() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}
    assert read(input=[item]).turns == (Turn(Role.ASSISTANT, (Reasoning("hm", None, "rs_1"),)),)


@pytest.mark.parametrize(
    ("members", "bound_to"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"background": True}, "background"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"moderation": {"model": "m"}}, "moderation"),
        ({"tools": [{"type": "web_search"}]}, "the tool web_search, which OpenAI itself runs"),
        ({"tools": [{"type": "web_search_preview_2025_03_11"}]},
         "the tool web_search_preview_2025_03_11, which OpenAI itself runs"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "the tool mcp, which OpenAI itself runs"),
        ({"tools": [{"type": "custom", "name": "x"}]}, "a custom tool, whose input is no JSON"),
        ({"tool_choice": {"type": "file_search"}}, "the tool choice file_search"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "an input item of the type item_reference"),
        ({"input": [{"id": "msg_1"}]}, "an input item of the type item_reference"),
        ({"input": [{"type": "computer_call_output"}]}, "an input item of the type computer_call_output"),
        ({"input": [{"role": "user", "content": [{"type": "input_smell"}]}]}, "content of the type input_smell"),
        ({"text": {"format": {"type": "grammar"}}}, "an answer of the form grammar"),
    ],
)  # fmt: skip
def test_what_only_the_vendor_has_binds_the_call_to_it(members: dict[str, Any], bound_to: str) -> None:
    assert read(**members).bound_to == (bound_to,)


@pytest.mark.parametrize(
    ("members", "left_out"),
    [
        ({"store": True, "metadata": {"a": "b"}, "truncation": "auto"}, ("metadata", "store", "truncation")),
        ({"store": False, "metadata": {}, "truncation": "disabled", "background": False}, ()),
        ({"prompt_cache_key": "k", "max_tool_calls": 3, "new": 1}, ("max_tool_calls", "new", "prompt_cache_key")),
        ({"user": None, "new": None}, ()),
        ({"include": ["reasoning.encrypted_content"]}, ()),
        ({"include": ["file_search_call.results"]}, ("include file_search_call.results",)),
        ({"text": {"verbosity": "low"}}, ("text.verbosity",)),
        ({"reasoning": {"effort": "max", "mode": "pro"}}, ("reasoning.effort max", "reasoning.mode")),
        ({"tools": [{**WEATHER, "defer_loading": True}]}, ("tools[].defer_loading",)),
        ({"input": [{"role": "assistant", "content": "x", "phase": "commentary"}]}, ("input[].phase",)),
    ],
)
def test_what_changes_no_meaning_is_left_out_by_name(members: dict[str, Any], left_out: tuple[str, ...]) -> None:
    conversation = read(**members)
    assert (conversation.left_out, conversation.bound_to) == (left_out, ())


@pytest.mark.parametrize(
    ("member", "value", "attribute", "read_as"),
    [
        ("tools", [WEATHER], "tools", (Tool("get_weather", "Weather", {"type": "object"}),)),
        ("tools", [{**WEATHER, "strict": True}], "tools", (Tool("get_weather", "Weather", {"type": "object"}, True),)),
        ("tool_choice", "auto", "tool_choice", ToolChoice(ToolChoiceMode.AUTO)),
        ("tool_choice", "none", "tool_choice", ToolChoice(ToolChoiceMode.NONE)),
        ("tool_choice", "required", "tool_choice", ToolChoice(ToolChoiceMode.ANY)),
        ("tool_choice", {"type": "function", "name": "f"}, "tool_choice", ToolChoice(ToolChoiceMode.NAMED, ("f",))),
        (
            "tool_choice",
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
            "tool_choice",
            ToolChoice(ToolChoiceMode.ANY, ("f",)),
        ),
        ("parallel_tool_calls", False, "parallel_tools", False),
        ("max_output_tokens", 100, "max_tokens", 100),
        ("text", {"format": {"type": "text"}}, "form", None),
        ("text", {"format": {"type": "json_object"}}, "form", AnswerForm()),
        (
            "text",
            {"format": {"type": "json_schema", "name": "n", "schema": {"a": 1}, "strict": True, "description": "d"}},
            "form",
            AnswerForm({"a": 1}, "n", "d", True),
        ),
        ("reasoning", {"effort": "high", "summary": "auto"}, "thinking", Thinking("high", shown=True)),
        ("reasoning", {"effort": "none"}, "thinking", Thinking("none")),
        ("reasoning", {}, "thinking", None),
        ("temperature", 0.5, "sampling", Sampling(temperature=0.5)),
        ("top_p", 1, "sampling", Sampling(top_p=1.0)),
        ("top_logprobs", 3, "sampling", Sampling(logprobs=3)),
        ("include", ["message.output_text.logprobs"], "sampling", Sampling(logprobs=0)),
        ("user", "u", "user", "u"),
        ("safety_identifier", "s", "user", "s"),
        ("service_tier", "flex", "service_tier", "flex"),
    ],
)
def test_members_are_read(member: str, value: object, attribute: str, read_as: object) -> None:
    assert getattr(read(**{member: value}), attribute) == read_as


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"instructions": 5}, "instructions"),
        ({"input": [5]}, "input[0]"),
        ({"input": [{"role": "god", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0]"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "filename": "x"}]}]}, "input[0].content[0]"),
        ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": 5}]}, "input[0].output"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [{"type": "function", "name": "f", "parameters": []}]}, "tools[0].parameters"),
        ({"tool_choice": "perhaps"}, "tool_choice"),
        ({"tool_choice": 5}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice.name"),
        ({"parallel_tool_calls": "yes"}, "parallel_tool_calls"),
        ({"text": "json"}, "text"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
        ({"reasoning": {"effort": "much"}}, "reasoning.effort"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": 10**400}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_output_tokens": 1.5}, "max_output_tokens"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"include": "all"}, "include"),
    ],
)
def test_a_wrong_member_is_refused_by_its_name(members: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidCall) as refused:
        read(**members)
    assert refused.value.answer.param == param
    assert param in refused.value.answer.message


def test_a_remark_about_a_long_word_is_cut() -> None:
    assert len(read(tools=[{"type": "x" * 10_000}]).bound_to[0]) < 200
