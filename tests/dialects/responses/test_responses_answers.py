"""A whole answer of the Responses API: read from a provider, written for a caller, understood by the openai SDK."""

import json
from typing import Any

import pytest
from openai.types.responses import Response

from fairlead_proxy.contract.names import DialectName, FailureClass
from fairlead_proxy.dialects.responses.dialect import OpenAIInputTokens, OpenAIResponses
from fairlead_proxy.exchange.completion import Choice, Completion, Stop, TokenChance
from fairlead_proxy.exchange.conversation import (
    Citation,
    Media,
    MediaKind,
    Reasoning,
    Refusal,
    Role,
    Seal,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from fairlead_proxy.exchange.errors import Answer, UpstreamFailure
from fairlead_proxy.exchange.usage import Usage

DIALECT = OpenAIResponses()
OWN = DialectName.OPENAI_RESPONSES
NOW = 1_800_000_000.5
MESSAGE = {
    "type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
    "content": [
        {
            "type": "output_text",
            "text": "Paris.",
            "annotations": [{"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 5}],
            "logprobs": [
                {"token": "Paris", "logprob": -0.5, "bytes": [80], "top_logprobs": [{"token": "Rome", "logprob": -2}]}
            ],
        }
    ],
}  # fmt: skip
REASONING = {
    "type": "reasoning", "id": "rs_1", "encrypted_content": "gAAA",
    "summary": [{"type": "summary_text", "text": "one"}, {"type": "summary_text", "text": "two"}],
}  # fmt: skip
CALL = {
    "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}", "status": "completed",
}  # fmt: skip
REFUSAL = {"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}


def read(*output: object, **members: Any) -> Completion:
    response = {"id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-x", "status": "completed"}
    return DIALECT.read_completion(json.dumps({**response, "output": output, **members}).encode())


def write(*parts: Any, asked: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    request = DIALECT.read_request(json.dumps({"model": "virtual", "input": "hi", **(asked or {})}).encode())
    choice = Choice(parts, members.pop("stop", Stop.END), chances=members.pop("chances", ()))
    completion = Completion(members.pop("id", "x1"), members.pop("model", "claude"), (choice,), **members)
    written: dict[str, Any] = json.loads(DIALECT.write_completion(completion, request=request, now=NOW))
    return written


def test_an_answer_is_read_whole() -> None:
    usage = {
        "input_tokens": 30,
        "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 4},
        "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 39,
    }
    assert read(REASONING, MESSAGE, CALL, {"type": "web_search_call"}, 5, usage=usage) == Completion(
        "resp_1",
        "gpt-x",
        (
            Choice(
                (
                    Reasoning("one\n\ntwo", Seal(OWN, "gAAA"), "rs_1"),
                    Text("Paris.", None, (Citation("u", "t", None, 0, 5),)),
                    ToolCall("call_1", "f", "{}"),
                ),
                Stop.TOOL_CALLS,
                chances=(TokenChance("Paris", -0.5, (("Rome", -2.0),)),),
            ),
        ),
        Usage(30, 9, 20, 4, 5),
        1,
    )


@pytest.mark.parametrize(
    ("output", "members", "stop"),
    [
        ([MESSAGE], {}, Stop.END),
        ([MESSAGE, CALL], {}, Stop.TOOL_CALLS),
        ([REFUSAL], {}, Stop.REFUSED),
        ([MESSAGE], {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, Stop.LENGTH),
        ([CALL], {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, Stop.FILTERED),
        ([MESSAGE], {"status": "incomplete", "incomplete_details": None}, Stop.LENGTH),
        ([], {"status": "queued"}, Stop.PAUSED),
    ],
)
def test_the_status_says_why_an_answer_ends(output: list[Any], members: dict[str, Any], stop: Stop) -> None:
    assert read(*output, **members).choices[0].stop is stop


@pytest.mark.parametrize(
    ("item", "part"),
    [
        (
            {"type": "image_generation_call", "result": "QUJD", "output_format": "webp"},
            Media(MediaKind.IMAGE, "image/webp", data="QUJD"),
        ),
        (
            {"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": "text"},
            ToolCall("c", "patch", '{"input":"text"}'),
        ),
        ({"type": "function_call", "name": "f", "arguments": ""}, ToolCall("call_0", "f", "{}")),
        (
            {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
            Reasoning("hm"),
        ),
    ],
)
def test_items_are_read(item: dict[str, Any], part: object) -> None:
    assert read(item).choices[0].parts == (part,)


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (b"", FailureClass.MALFORMED_RESPONSE),
        (b"<html>", FailureClass.MALFORMED_RESPONSE),
        (b"[]", FailureClass.MALFORMED_RESPONSE),
        (b"[" * 100_000, FailureClass.MALFORMED_RESPONSE),
        (b'{"object":"response"}', FailureClass.MALFORMED_RESPONSE),
        (b'{"choices":[]}', FailureClass.MALFORMED_RESPONSE),
        (b'{"error":{"message":"x","code":"server_error"},"status":"failed"}', FailureClass.ERROR_IN_STREAM),
        (b'{"error":null,"status":"failed","output":[]}', FailureClass.ERROR_IN_STREAM),
        (b'{"error":{"message":"x","code":"rate_limit_exceeded"}}', FailureClass.RATE_LIMITED),
        (b'{"error":{"message":"x","code":"insufficient_quota"}}', FailureClass.QUOTA_EXHAUSTED),
        (b'{"error":{"message":"x","code":"invalid_prompt"}}', FailureClass.CONTENT_FILTERED),
        (b'{"error":{"message":"x","code":"invalid_base64_image"}}', FailureClass.INVALID_REQUEST),
        (
            b'{"output":[],"status":"incomplete","incomplete_details":{"reason":"content_filter"}}',
            FailureClass.CONTENT_FILTERED,
        ),
    ],
)
def test_what_is_no_answer_fails_by_its_class(body: bytes, failure: FailureClass) -> None:
    with pytest.raises(UpstreamFailure) as failed:
        DIALECT.read_completion(body)
    assert failed.value.failure is failure


def test_a_refusal_inside_an_answer_keeps_the_vendors_words_for_its_caller() -> None:
    with pytest.raises(UpstreamFailure) as failed:
        DIALECT.read_completion(b'{"error":{"message":"bad image","code":"invalid_image"},"status":"failed"}')
    assert failed.value.relayed is not None
    assert DIALECT.read_refusal(failed.value.relayed.body).message == "bad image"


def test_an_answer_is_written_as_the_sdk_reads_one() -> None:
    written = write(
        Reasoning("why", Seal(DialectName.ANTHROPIC, "sig")),
        Text("Paris", None, (Citation("https://e.org", "t", None, 0, 5), Citation(quoted="no address"))),
        Text("."),
        ToolCall("toolu_1", "f", '{"a":1}'),
        stop=Stop.TOOL_CALLS,
        usage=Usage(30, 9, 20, 4, 5),
        chances=(TokenChance("Paris", -0.5, (("Rome", float("-inf")),)),),
    )
    response = Response.model_validate(written)
    assert response.output_text == "Paris."
    assert [item.type for item in response.output] == ["reasoning", "message", "function_call"]
    assert (response.id, response.model, response.created_at, response.status) == (
        "resp_x1", "claude", 1_800_000_000, "completed",
    )  # fmt: skip
    assert response.usage is not None
    assert response.usage.model_dump() == {
        "input_tokens": 30,
        "input_tokens_details": {
            "cached_tokens": 20, "cache_write_tokens": 4, "cache_write_tokens_details": None,
        },
        "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 39,
    }  # fmt: skip
    assert written["output"][1]["content"][0]["annotations"] == [
        {"type": "url_citation", "url": "https://e.org", "title": "t", "start_index": 0, "end_index": 5}
    ]
    assert written["output"][1]["content"][0]["logprobs"][0]["top_logprobs"][0]["logprob"] == -9999.0


@pytest.mark.parametrize(
    ("parts", "stop", "status", "details"),
    [
        ((Text("x"),), Stop.END, "completed", None),
        ((Text("x"),), Stop.SEQUENCE, "completed", None),
        ((Text("x"),), Stop.LENGTH, "incomplete", {"reason": "max_output_tokens"}),
        ((), Stop.FILTERED, "incomplete", {"reason": "content_filter"}),
        ((Text("x"),), Stop.REFUSED, "incomplete", {"reason": "content_filter"}),
        ((Refusal("x"),), Stop.REFUSED, "completed", None),
    ],
)
def test_why_an_answer_ends_is_its_status(
    parts: tuple[Any, ...], stop: Stop, status: str, details: dict[str, str] | None
) -> None:
    written = write(*parts, stop=stop)
    Response.model_validate(written)
    assert (written["status"], written["incomplete_details"]) == (status, details)
    assert [item["status"] for item in written["output"]] == [status] * len(parts)


def test_a_response_repeats_what_it_was_asked() -> None:
    asked = {
        "instructions": "Be brief.",
        "temperature": 0.5,
        "top_p": None,
        "metadata": {"a": "b"},
        "max_output_tokens": 99,
        "tool_choice": {"type": "function", "name": "f"},
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
        "text": {"verbosity": "low"},
        "reasoning": {"effort": "low"},
        "parallel_tool_calls": False,
        "store": True,
        "user": "u",
    }
    written = write(Text("x"), asked=asked)
    Response.model_validate(written)
    assert {name: written[name] for name in asked} == {
        **asked,
        "top_p": 1.0,
        "tools": [{"description": None, "strict": False, **asked["tools"][0]}],  # type: ignore[index]
        "text": {"format": {"type": "text"}, "verbosity": "low"},
        "store": False,
    }
    assert written["previous_response_id"] is None


def test_an_answer_without_an_id_or_a_model_gets_them_from_what_is_there() -> None:
    first, second = write(Text("x"), id="", model=""), write(Text("x"), id="", model="")
    assert first == second
    assert first["model"] == "virtual"
    assert first["id"].startswith("resp_")
    assert len(first["id"]) > 20


def test_every_seal_survives_the_caller_and_comes_back() -> None:
    thought = Reasoning("why", Seal(DialectName.ANTHROPIC, "sig=="))
    call = ToolCall("call_1", "f", '{"a":1}', Seal(DialectName.GEMINI, "thought signature"))
    output = write(thought, call, stop=Stop.TOOL_CALLS)["output"]
    Response.model_validate(write(thought, call))
    result = {"type": "function_call_output", "call_id": "call_1", "output": "42"}
    body = json.dumps({"model": "m", "input": [*output, result]}).encode()
    answer, results = DIALECT.read_request(body).conversation.turns
    reasoning = answer.parts[0]
    assert isinstance(reasoning, Reasoning)
    assert (reasoning.text, reasoning.seal) == ("why", thought.seal)
    assert answer.parts[1:] == (call,)
    assert results == Turn(Role.USER, (ToolResult("call_1", "f", (Text("42"),)),))


def test_an_image_is_an_item_of_its_own() -> None:
    written = write(Text("Here:"), Media(MediaKind.IMAGE, "image/png", data="QUJD"), Text("Nice?"))
    Response.model_validate(written)
    assert [item["type"] for item in written["output"]] == ["message", "image_generation_call", "message"]
    assert read(*written["output"]).choices[0].parts[1] == Media(MediaKind.IMAGE, "image/png", data="QUJD")


def test_what_was_written_reads_back() -> None:
    parts = (Text("a"), Refusal("b"), Reasoning("c", Seal(OWN, "s"), "rs_7"), ToolCall("d", "e", '{"f":1}'))
    written = write(*parts, usage=Usage(3, 2, 1, 1, 1), stop=Stop.TOOL_CALLS)
    completion = DIALECT.read_completion(json.dumps(written).encode())
    assert completion.choices == (Choice(parts, Stop.TOOL_CALLS),)
    assert completion.usage == Usage(3, 2, 1, 1, 1)


def test_a_count_of_tokens_is_read_and_written() -> None:
    counts = OpenAIInputTokens()
    completion = counts.read_completion(b'{"object":"response.input_tokens","input_tokens":11}')
    assert (completion.choices, completion.usage) == ((), Usage(11))
    request = counts.read_request(b'{"model":"m","input":"hello"}')
    assert json.loads(counts.write_completion(completion, request=request, now=NOW)) == {
        "object": "response.input_tokens",
        "input_tokens": 11,
    }
    estimated = json.loads(counts.write_completion(Completion("", "", ()), request=request, now=NOW))
    assert estimated["input_tokens"] == 2


@pytest.mark.parametrize("body", [b"", b"{}", b'{"input_tokens":"many"}', b'{"input_tokens":-1}', b"[]"])
def test_what_is_no_count_is_malformed(body: bytes) -> None:
    with pytest.raises(UpstreamFailure) as failed:
        OpenAIInputTokens().read_completion(body)
    assert failed.value.failure is FailureClass.MALFORMED_RESPONSE


def test_errors_and_models_are_openais() -> None:
    answer = Answer(404, "model_not_found", "no such model", "model")
    error = json.loads(DIALECT.render_error(answer))["error"]
    assert error == {
        "message": "no such model", "type": "invalid_request_error", "param": "model", "code": "model_not_found",
    }  # fmt: skip
    assert json.loads(DIALECT.render_models(["a"]))["data"][0] == json.loads(DIALECT.render_model("a"))
