"""A chat request is read whole: every member finds its neutral word, is named as left out, or binds the call."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.contract.names import DialectName, Feature, Mode
from fairlead_proxy.dialects.dialect import InvalidCall, ReadRequest
from fairlead_proxy.dialects.openai.conversation import read_chat_conversation, speaks_functions
from fairlead_proxy.exchange.conversation import (
    AnswerForm,
    CacheHint,
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
from fairlead_proxy.exchange.features import features_of
from fairlead_proxy.exchange.seals import write_seal

CHAT = DialectName.OPENAI_CHAT
HELLO = {"role": "user", "content": "hello"}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}


def request(body: object, mode: Mode = Mode.PLAIN) -> ReadRequest:
    return ReadRequest("m", mode, json.dumps(body).encode(), read_conversation=read_chat_conversation)


def read(mode: Mode = Mode.PLAIN, **members: Any) -> Conversation:
    return request({"model": "m", "messages": [HELLO]} | members, mode).conversation


def turns(*messages: dict[str, Any]) -> tuple[Turn, ...]:
    return read(messages=messages).turns


def refusal_of(**members: Any) -> InvalidCall:
    with pytest.raises(InvalidCall) as refused:
        read(**members)
    return refused.value


@pytest.mark.parametrize(
    ("message", "turn"),
    [
        ({"role": "system", "content": "be brief"}, Turn(Role.SYSTEM, (Text("be brief"),))),
        ({"role": "developer", "content": "be brief"}, Turn(Role.DEVELOPER, (Text("be brief"),))),
        ({"role": "user", "content": "hi", "name": "ann"}, Turn(Role.USER, (Text("hi"),), "ann")),
        ({"role": "assistant", "content": "yes"}, Turn(Role.ASSISTANT, (Text("yes"),))),
        ({"role": "assistant", "content": ""}, Turn(Role.ASSISTANT, ())),
        ({"role": "assistant", "content": None, "refusal": "no"}, Turn(Role.ASSISTANT, (Refusal("no"),))),
        (
            {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "b"}]},
            Turn(Role.ASSISTANT, (Text("a"), Refusal("b"))),
        ),
        (
            {"role": "assistant", "content": "I look", "tool_calls": [CALL]},
            Turn(Role.ASSISTANT, (Text("I look"), ToolCall("c1", "weather", '{"city":"Oslo"}'))),
        ),
    ],
)
def test_messages_become_turns(message: dict[str, Any], turn: Turn) -> None:
    assert turns(message) == (turn,)


@pytest.mark.parametrize(
    ("part", "read_as"),
    [
        ({"type": "text", "text": "a"}, Text("a")),
        (
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            Text("a", CacheHint("1h")),
        ),
        ({"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}, Text("a", CacheHint())),
        (
            {"type": "image_url", "image_url": {"url": "https://x.test/a.png", "detail": "low"}},
            Media(MediaKind.IMAGE, url="https://x.test/a.png", detail="low"),
        ),
        ({"type": "image_url", "image_url": "https://x.test/a"}, Media(MediaKind.IMAGE, url="https://x.test/a")),
        (
            {"type": "image_url", "image_url": {"url": "data:image/PNG;base64,QUJD"}},
            Media(MediaKind.IMAGE, "image/png", "QUJD"),
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:image/svg+xml,%3Csvg/%3E"}},
            Media(MediaKind.IMAGE, "image/svg+xml", "PHN2Zy8+"),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}},
            Media(MediaKind.AUDIO, "audio/wav", "QUJD"),
        ),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"}},
            Media(MediaKind.FILE, "application/pdf", "QUJD", name="a.pdf"),
        ),
        (
            {"type": "file", "file": {"filename": "a.csv", "file_data": "QUJD"}},
            Media(MediaKind.FILE, "text/csv", "QUJD", name="a.csv"),
        ),
        ({"type": "file", "file": {"file_id": "file-1"}}, Media(MediaKind.FILE, file_id="file-1", origin=CHAT)),
        (
            {"type": "video_url", "video_url": {"url": "https://x.test/a.mp4"}},
            Media(MediaKind.VIDEO, url="https://x.test/a.mp4"),
        ),
    ],
)
def test_parts_of_content_are_read(part: dict[str, Any], read_as: Part) -> None:
    assert turns({"role": "user", "content": [part]}) == (Turn(Role.USER, (read_as,)),)


def test_what_a_tool_returns_bears_the_name_of_its_call() -> None:
    found = turns(
        HELLO,
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "sunny"}]},
    )
    assert found[2] == Turn(Role.USER, (ToolResult("c1", "weather", (Text("sunny"),)),))


def test_calls_in_the_old_form_are_matched_by_name_and_order() -> None:
    asked = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    found = turns(asked, {"role": "function", "name": "f", "content": "1"}, asked, {"role": "function", "name": "f"})
    assert [part for turn in found for part in turn.parts] == [
        ToolCall("call_0", "f"),
        ToolResult("call_0", "f", (Text("1"),)),
        ToolCall("call_1", "f"),
        ToolResult("call_1", "f"),
    ]


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ({"reasoning_content": "hm"}, (Reasoning("hm"), Text("yes"))),
        ({"reasoning": "hm"}, (Reasoning("hm"), Text("yes"))),
        (
            {
                "reasoning_content": "hm",
                "reasoning_details": [
                    {
                        "type": "reasoning.text",
                        "text": "hm",
                        "signature": write_seal(Seal(DialectName.ANTHROPIC, "sig"), CHAT),
                        "id": "r1",
                    },
                    {"type": "reasoning.encrypted", "data": "own"},
                    {"type": "reasoning.unheard-of"},
                ],
            },
            (Reasoning("hm", Seal(DialectName.ANTHROPIC, "sig"), "r1"), Reasoning(seal=Seal(CHAT, "own")), Text("yes")),
        ),
    ],
)
def test_reasoning_comes_back_with_its_seals(message: dict[str, Any], parts: tuple[Part, ...]) -> None:
    assert turns({"role": "assistant", "content": "yes"} | message)[0].parts == parts


def test_the_seal_of_a_tool_call_comes_back() -> None:
    seal = Seal(DialectName.GEMINI, "thought")
    call = CALL | {"extra_content": {"google": {"thought_signature": write_seal(seal, CHAT)}}}
    assert turns({"role": "assistant", "tool_calls": [call]})[0].parts[0] == ToolCall(
        "c1", "weather", '{"city":"Oslo"}', seal
    )


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"tools": [WEATHER]}, {"tools": (Tool("weather", parameters={"type": "object"}),)}),
        (
            {"functions": [{"name": "f", "description": "d"}], "function_call": {"name": "f"}},
            {
                "tools": (Tool("f", "d"),),
                "tool_choice": ToolChoice(ToolChoiceMode.NAMED, ("f",)),
                "parallel_tools": False,
            },
        ),
        ({"tool_choice": "required"}, {"tool_choice": ToolChoice(ToolChoiceMode.ANY)}),
        (
            {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "weather"}}},
            {"tool_choice": ToolChoice(ToolChoiceMode.NAMED, ("weather",))},
        ),
        (
            {
                "tools": [WEATHER],
                "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [WEATHER]}},
            },
            {"tool_choice": ToolChoice(ToolChoiceMode.ANY, ("weather",))},
        ),
        ({"parallel_tool_calls": False}, {"parallel_tools": False}),
        ({"response_format": {"type": "text"}}, {"form": None}),
        ({"response_format": {"type": "json_object"}}, {"form": AnswerForm()}),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}}},
            {"form": AnswerForm({}, "n", strict=True)},
        ),
        ({"max_tokens": 5}, {"max_tokens": 5}),
        ({"max_tokens": 5, "max_completion_tokens": 7.0}, {"max_tokens": 7}),
        ({"stop": "x"}, {"stop": ("x",)}),
        ({"stop": ["x", "y"]}, {"stop": ("x", "y")}),
        ({"n": 3}, {"choices": 3}),
        (
            {"temperature": 0.5, "top_p": 1, "top_k": 4, "seed": -1, "frequency_penalty": -2, "presence_penalty": 2},
            {"sampling": Sampling(0.5, 1, 4, -1, -2, 2)},
        ),
        ({"top_k": -1}, {"sampling": Sampling()}),
        ({"logprobs": True}, {"sampling": Sampling(logprobs=0)}),
        ({"logprobs": True, "top_logprobs": 3}, {"sampling": Sampling(logprobs=3)}),
        ({"user": "u"}, {"user": "u"}),
        ({"safety_identifier": "s"}, {"user": "s"}),
        ({"reasoning_effort": "minimal"}, {"thinking": Thinking("minimal")}),
        ({"reasoning_effort": "max"}, {"thinking": Thinking("xhigh")}),
        ({"reasoning": {"max_tokens": 9}}, {"thinking": Thinking(budget_tokens=9)}),
        ({"reasoning": {"enabled": False}}, {"thinking": Thinking("none")}),
        ({"reasoning": {"exclude": True}}, {"thinking": Thinking(adaptive=True, shown=False)}),
        ({"service_tier": "flex"}, {"service_tier": "flex"}),
        ({"mode": Mode.STREAM, "stream": True}, {"stream": True}),
        ({"metadata": {"a": "b"}, "store": True, "logit_bias": {}}, {"left_out": ("metadata", "store")}),
        ({"user": "u", "safety_identifier": "s"}, {"user": "u", "left_out": ("safety_identifier",)}),
        ({"stream_options": {"include_obfuscation": False}}, {"left_out": ("stream_options.include_obfuscation",)}),
        ({"messages": [HELLO | {"odd": 1, "none": None}]}, {"left_out": ("messages[].odd",)}),
        ({"temperature": None, "tools": None, "stop": None, "verbosity": None}, {"left_out": (), "tools": ()}),
        ({"modalities": ["text"]}, {"bound_to": ()}),
        ({"modalities": ["text", "audio"]}, {"bound_to": ("answers of the modality audio",)}),
        (
            {"web_search_options": {}},
            {"bound_to": ("web_search_options: a search that OpenAI itself runs",)},
        ),
        (
            {"tools": [{"type": "custom", "custom": {"name": "c"}}, WEATHER]},
            {"bound_to": ("a custom tool, whose input is no JSON",)},
        ),
        (
            {"tools": [{"type": "web_search_preview"}]},
            {"bound_to": ("the tool web_search_preview, which the provider itself runs",)},
        ),
        (
            {"messages": [{"role": "assistant", "audio": {"id": "a"}}]},
            {"bound_to": ("a former answer by voice, which the provider keeps",)},
        ),
        ({"logit_bias": {"50256": -100}}, {"bound_to": ("logit_bias, which counts a model's own tokens",)}),
        ({"moderation": {"model": "m"}}, {"left_out": (), "bound_to": ("moderation by the provider",)}),
        ({"guided_regex": "a+", "grammar": "root ::= x"}, {"bound_to": ("answers of a given grammar",)}),
        ({"provider": {"zdr": True}}, {"bound_to": ("where the provider may send the call",)}),
        ({"safe_prompt": False, "plugins": []}, {"left_out": (), "bound_to": ()}),
        ({"prediction": {"type": "content", "content": "x"}}, {"left_out": ("prediction",), "bound_to": ()}),
        ({"response_format": {"type": "grammar"}}, {"bound_to": ("response_format of type grammar",)}),
    ],
)
def test_members_find_their_words(members: dict[str, Any], expected: dict[str, Any]) -> None:
    found = read(**members)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [3]}, "messages[0]"),
        ({"messages": [{"role": "robot"}]}, "messages[0].role"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "sound"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages[0].content[0].image_url.url",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]}, "messages[0].content[0].file"),
        ({"messages": [{"role": "user", "content": "x", "name": 1}]}, "messages[0].name"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "function", "name": "f", "content": "x"}]}, "messages[0].name"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]}, "messages[0].tool_calls[0].function"),
        ({"messages": [{"role": "assistant", "tool_calls": {}}]}, "messages[0].tool_calls"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {"name": ""}}]}, "tools[0].function.name"),
        ({"tool_choice": "any"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice.function.name"),
        ({"tool_choice": {"type": "allowed_tools", "allowed_tools": {}}}, "tool_choice.allowed_tools.mode"),
        ({"function_call": "required"}, "function_call"),
        ({"temperature": 3}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": 10**30}, "max_tokens"),
        ({"max_tokens": 1e300}, "max_tokens"),
        ({"n": 129}, "n"),
        ({"stop": [1]}, "stop[0]"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"reasoning_effort": "much"}, "reasoning_effort"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"parallel_tool_calls": "no"}, "parallel_tool_calls"),
        ({"stream_options": []}, "stream_options"),
    ],
)
def test_a_mistake_is_refused_by_its_place(members: dict[str, Any], param: str) -> None:
    refused = refusal_of(**members)
    assert refused.answer.param == param
    assert param in refused.answer.message


def test_a_refusal_says_the_value_and_what_it_may_be() -> None:
    assert str(refusal_of(temperature=3.5)) == "'temperature' must be a number from 0 to 2, not 3.5"
    assert str(refusal_of(tool_choice="any")) == (
        "'tool_choice' must be auto, none, required or an object of type function or allowed_tools, not \"any\""
    )


def test_a_refusal_repeats_no_text_where_a_prompt_may_stand() -> None:
    refused = refusal_of(messages=[{"role": "assistant", "tool_calls": "my secret"}])
    assert "secret" not in str(refused)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b"{",
        b'{"messages":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"messages":[],"a":1e999}',
    ],
)
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidCall):
        read_chat_conversation(ReadRequest("m", Mode.PLAIN, body))


def test_half_of_a_surrogate_pair_becomes_a_replacement_and_a_whole_one_stays() -> None:
    body = rb'{"model":"m","messages":[{"role":"user","content":"\ud83d\ude00 \ud83d, \\ud83d \ude00"}]}'
    found = read_chat_conversation(ReadRequest("m", Mode.PLAIN, body))
    assert found.turns[0].parts == (Text("\U0001f600 �, \\ud83d �"),)


@pytest.mark.parametrize(
    ("members", "feature"),
    [
        ({"tools": [WEATHER]}, Feature.TOOLS),
        ({"response_format": {"type": "json_object"}}, Feature.ANY_JSON),
        ({"reasoning_effort": "low"}, Feature.REASONING),
        ({"n": 2}, Feature.CHOICES),
    ],
)
def test_features_follow(members: dict[str, Any], feature: Feature) -> None:
    assert feature in features_of(read(**members))


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"functions": []}, True),
        ({"functions": [], "tools": []}, False),
        ({"metadata": {"functions": "x"}}, False),
        ({}, False),
    ],
)
def test_the_old_form_is_known_by_its_member(members: dict[str, Any], expected: bool) -> None:
    assert speaks_functions(request({"model": "m"} | members)) is expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    (
        *("role", "content", "type", "text", "image_url", "url", "tool_calls", "function", "name", "id", "arguments"),
        *("tool_call_id", "reasoning_details", "reasoning", "extra_content", "google", "thought_signature", "file"),
        *("function_call", "audio", "images", "input_audio", "format", "data", "signature", "cache_control"),
    )
)
WORDS = st.sampled_from(("user", "assistant", "tool", "function", "text", "image_url", "file", "data:,", "f", ""))
KNOWN = st.recursive(
    WORDS | st.none() | st.integers(-2, 2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
MEMBERS = st.sampled_from(
    (
        *("messages", "tools", "tool_choice", "functions", "function_call", "response_format", "max_tokens", "stop"),
        *("temperature", "n", "logprobs", "top_logprobs", "user", "reasoning", "modalities", "stream_options"),
    )
)


@given(
    st.dictionaries(MEMBERS, KNOWN | JSON, max_size=4), st.lists(st.dictionaries(NAMES, KNOWN, max_size=4), max_size=3)
)
def test_any_request_is_read_or_refused(members: dict[str, Any], messages: list[Any]) -> None:
    body = json.dumps({"messages": messages} | members).encode()
    with suppress(InvalidCall):
        features_of(read_chat_conversation(ReadRequest("m", Mode.PLAIN, body)))


@given(st.binary())
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(InvalidCall):
        read_chat_conversation(ReadRequest("m", Mode.PLAIN, body))
