"""Requests that a vendor would refuse are refused, in the vendor's words, and good ones are not."""

import copy
import json
from typing import Any

import pytest
from doubles.processes import ScriptedUpstream
from doubles.scripted.seals import sign
from doubles_check.raw_calls import ANTHROPIC, BEDROCK, CHAT, GEMINI, RESPONSES, SPOKEN, Spoken, call, post

OBJECT = {"type": "object", "properties": {}}
HI = {"role": "user", "content": "hi"}
PNG = "iVBORw0KGgo="
CALLED = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
USED = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
DONE = {"type": "tool_result", "tool_use_id": "t1", "content": "ok"}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": sign("anthropic-messages", "hm")}
FUNCTION: Any = {"functionCall": {"name": "f", "args": {}}}
RETURNED: Any = {"functionResponse": {"name": "f", "response": {"a": 1}}}
SPEC = {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": OBJECT}}}]}
TOOL_USE: Any = {"toolUse": {"toolUseId": "t1", "name": "f", "input": {}}}
TOOL_RESULT: Any = {"toolResult": {"toolUseId": "t1", "content": [{"text": "ok"}]}}


def parts(role: str, *each: Any) -> dict[str, Any]:
    return {"role": role, "parts": list(each)}


def blocks(role: str, *each: Any) -> dict[str, Any]:
    return {"role": role, "content": list(each)}


SAID = parts("user", {"text": "x"})
REFUSED: list[tuple[Spoken, dict[str, Any], str]] = [
    (CHAT, {"top_k": 4}, "Unrecognized request argument supplied: top_k"),
    (CHAT, {"messages": [HI, {"role": "tool", "tool_call_id": "c1", "content": "x"}]}, "must be a response"),
    (CHAT, {"messages": [HI, {"role": "assistant", "tool_calls": [CALLED]}, HI]}, "did not have response messages"),
    (CHAT, {"messages": [HI, {"role": "assistant", "content": None}]}, "expected a string, got null"),
    (CHAT, {"messages": [{"role": "assistant", "content": "x", "reasoning_details": "y"}]}, "reasoning_details"),
    (CHAT, {"tool_choice": "auto"}, "only allowed when 'tools' are specified"),
    (CHAT, {"stream_options": {"include_usage": True}}, "only allowed when 'stream' is enabled"),
    (CHAT, {"temperature": 2.5}, "Invalid 'temperature'"),
    (CHAT, {"messages": "x"}, "list of objects"),
    (RESPONSES, {"max_tokens": 9}, "Unknown parameter: 'max_tokens'"),
    (RESPONSES, {"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}, "No tool call found"),
    (
        RESPONSES,
        {"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]},
        "No tool output found",
    ),
    (RESPONSES, {"input": [blocks("assistant", {"type": "input_text", "text": "x"})]}, "Invalid value: 'input_text'"),
    (
        RESPONSES,
        {"input": [HI, {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "bm8="}]},
        "could not be verified",
    ),
    (RESPONSES, {"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0].name"),
    (RESPONSES, {"max_output_tokens": 5}, "max_output_tokens"),
    (
        RESPONSES,
        {"text": {"format": {"type": "json_schema", "name": "x", "strict": True, "schema": OBJECT}}},
        "'additionalProperties' is required",
    ),
    (ANTHROPIC, {"max_tokens": None}, "max_tokens: Field required"),
    (ANTHROPIC, {"seed": 1}, "seed: Extra inputs are not permitted"),
    (ANTHROPIC, {"messages": [blocks("user", {"type": "text", "text": ""})]}, "must be non-empty"),
    (ANTHROPIC, {"messages": [blocks("assistant", {"type": "text", "text": "x"})]}, 'must use the "user" role'),
    (ANTHROPIC, {"messages": [HI, blocks("assistant", USED), HI]}, "without `tool_result` blocks"),
    (ANTHROPIC, {"messages": [blocks("user", DONE)]}, "unexpected `tool_use_id`"),
    (ANTHROPIC, {"messages": [HI, blocks("assistant", THOUGHT | {"thinking": "other"})]}, "Invalid `signature`"),
    (
        ANTHROPIC,
        {
            "messages": [HI, blocks("assistant", USED), blocks("user", DONE)],
            "max_tokens": 4096,
            "thinking": {"type": "enabled", "budget_tokens": 1024},
        },
        "must start with a thinking block",
    ),
    (ANTHROPIC, {"thinking": {"type": "enabled", "budget_tokens": 1024}}, "greater than `thinking.budget_tokens`"),
    (ANTHROPIC, {"temperature": 1.5}, "temperature: range: 0..1"),
    (ANTHROPIC, {"tools": [{"name": "a.b", "input_schema": OBJECT}]}, "String should match pattern"),
    (GEMINI, {"foo": 1}, 'Unknown name "foo": Cannot find field.'),
    (GEMINI, {"generationConfig": {"top_q": 1}}, "Unknown name \"topQ\" at 'generation_config'"),
    (GEMINI, {"contents": [parts("assistant", {"text": "x"})]}, "Please use a valid role"),
    (GEMINI, {"contents": [parts("user")]}, "must not be empty"),
    (
        GEMINI,
        {"contents": [SAID, parts("model", FUNCTION), parts("user", RETURNED, RETURNED)]},
        "equal to the number of function call",
    ),
    (
        GEMINI,
        {"contents": [SAID, parts("model", FUNCTION | {"thoughtSignature": "bm8="}), parts("user", RETURNED)]},
        "Thought signature is not valid",
    ),
    (GEMINI, {"generationConfig": {"responseSchema": {"type": "OBJECT"}}}, "response_mime_type"),
    (BEDROCK, {"temperature": 1}, "temperature: Extra inputs"),
    (BEDROCK, {"messages": [blocks("user", {"text": "x", "image": {}})]}, "exactly one member"),
    (BEDROCK, {"messages": [blocks("user", {"text": " "})]}, "is blank"),
    (BEDROCK, {"messages": [blocks("assistant", {"text": "x"})]}, "must start with a user message"),
    (BEDROCK, {"messages": [blocks("user", {"text": "x"}), blocks("user", {"text": "x"})]}, "must alternate"),
    (
        BEDROCK,
        {"messages": [blocks("user", {"text": "x"}), blocks("assistant", TOOL_USE), blocks("user", TOOL_RESULT)]},
        "toolConfig field must be defined",
    ),
    (BEDROCK, {"messages": [blocks("user", TOOL_RESULT)], "toolConfig": SPEC}, "exceeds the number of toolUse blocks"),
    (
        BEDROCK,
        {"toolConfig": {"tools": [{"toolSpec": {"name": "a.b", "inputSchema": {"json": OBJECT}}}]}},
        "regular expression pattern",
    ),
]
TAKEN: list[tuple[Spoken, dict[str, Any], list[str]]] = [
    (
        CHAT,
        {
            "messages": [
                {"role": "system", "content": "be short"},
                blocks(
                    "user",
                    {"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                    {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                ),
                {"role": "assistant", "content": None, "tool_calls": [CALLED]},
                {"role": "tool", "tool_call_id": "c1", "content": "x"},
            ],
        },
        ["image", "image-url"],
    ),
    (
        RESPONSES,
        {
            "input": [
                blocks("user", {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}),
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "x"},
            ],
        },
        ["image"],
    ),
    (
        ANTHROPIC,
        {
            "messages": [
                blocks("user", {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}),
                blocks("assistant", THOUGHT, USED),
                blocks("user", DONE),
            ],
            "system": [{"type": "text", "text": "be short", "cache_control": {"type": "ephemeral"}}],
        },
        ["image-url"],
    ),
    (
        GEMINI,
        {
            "contents": [
                parts("user", {"inline_data": {"mime_type": "audio/wav", "data": PNG}}),
                parts("model", FUNCTION | {"thoughtSignature": "skip_thought_signature_validator"}),
                parts("user", RETURNED),
            ],
        },
        ["audio"],
    ),
    (
        BEDROCK,
        {
            "messages": [
                blocks("user", {"document": {"format": "pdf", "name": "a b", "source": {"bytes": PNG}}}),
                blocks("assistant", TOOL_USE),
                blocks("user", TOOL_RESULT),
            ],
            "toolConfig": SPEC,
            "additionalModelRequestFields": {"anything": [1]},
        },
        ["file"],
    ),
]


def message_of(answer: Any) -> str:
    return str(answer.get("message") or answer["error"]["message"])


@pytest.mark.parametrize(("spoken", "more", "told"), REFUSED, ids=lambda each: str(each)[:60])
def test_what_a_vendor_would_not_take_is_refused(
    upstream: ScriptedUpstream, spoken: Spoken, more: dict[str, Any], told: str
) -> None:
    came = call(upstream, spoken, stream=False, **more)
    assert came.status == 400
    assert told in message_of(came.json())
    assert told in upstream.bill()["refused"]


@pytest.mark.parametrize(("spoken", "more", "media"), TAKEN, ids=lambda each: str(each)[:60])
def test_what_a_vendor_takes_is_taken_and_its_media_are_noted(
    upstream: ScriptedUpstream, spoken: Spoken, more: dict[str, Any], media: list[str]
) -> None:
    came = call(upstream, spoken, stream=False, **more)
    assert came.status == 200, came.body
    assert upstream.bill()["media"] == media


def test_gemini_3_wants_its_signatures_back(upstream: ScriptedUpstream) -> None:
    turns = {"contents": [parts("user", {"text": "x"}), parts("model", FUNCTION), parts("user", RETURNED)]}
    path = "/v1beta/models/gemini-3-pro:generateContent"
    assert "missing a thought_signature" in message_of(post(upstream, path, json.dumps(turns)).json())
    signed = copy.deepcopy(turns)
    signed["contents"][1]["parts"][0]["thoughtSignature"] = "skip_thought_signature_validator"
    assert post(upstream, path, json.dumps(signed)).status == 200


@pytest.mark.parametrize("spoken", SPOKEN, ids=str)
@pytest.mark.parametrize(
    "body", ["", "nothing", "[]", "null", '{"messages": {"a": 1}, "contents": 7, "input": 7}', "[" * 10**5]
)
def test_what_is_no_request_is_refused(upstream: ScriptedUpstream, spoken: Spoken, body: str) -> None:
    assert post(upstream, spoken.plain, body).status == 400


@pytest.mark.parametrize("spoken", SPOKEN, ids=str)
def test_a_lenient_provider_takes_anything(upstream: ScriptedUpstream, spoken: Spoken) -> None:
    upstream.obey(lenient=True)
    assert call(upstream, spoken, stream=False, unheard_of=1).status == 200
