"""What the gateway reads of a Responses request at first sight, and what it refuses to guess at."""

import json

import pytest

from fairlead_proxy.contract.names import Mode
from fairlead_proxy.dialects.dialect import InvalidCall, ReadRequest
from fairlead_proxy.dialects.responses.dialect import OpenAIInputTokens, OpenAIResponses
from fairlead_proxy.exchange.features import features_of, needs_of

DIALECT = OpenAIResponses()
IMAGE = {"type": "input_image", "image_url": "https://example.org/x.png"}


def read(**members: object) -> ReadRequest:
    return DIALECT.read_request(json.dumps({"model": "m", "input": "hi", **members}).encode())


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b'"text"', None),
        (b'{"model":"m","input":""} x', None),
        (b'{"x":"\xff","model":"m","input":""}', None),
        (b'{"model":"m","input":"","x":NaN}', None),
        (b'{"model":"m","input":"","x":' + b"[" * 64 + b"]" * 64 + b"}", None),
        (b'{"model":"m","input":"","x":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}", None),
        (b'{"input":""}', "model"),
        (b'{"model":"","input":""}', "model"),
        (b'{"model":5,"input":""}', "model"),
        (b'{"model":"m"}', "input"),
        (b'{"model":"m","input":null}', "input"),
        (b'{"model":"m","input":{}}', "input"),
        (b'{"model":"m","input":5}', "input"),
        (b'{"model":"m","input":"","stream":"yes"}', "stream"),
        (b'{"model":"m","input":"","model":"n"}', "model"),
        (b'{"model":"m","input":"","mod\\u0065l":"n"}', "model"),
        (b'{"model":"m","input":"","input":[]}', "input"),
        (b'{"model":"m","input":"","tools":[],"tools":[]}', "tools"),
    ],
)
def test_a_request_that_cannot_be_read_is_refused_naming_the_parameter(body: bytes, param: str | None) -> None:
    with pytest.raises(InvalidCall) as refused:
        DIALECT.read_request(body)
    assert (refused.value.answer.status, refused.value.answer.param) == (400, param)


@pytest.mark.parametrize("member", ["previous_response_id", "prompt", "conversation"])
def test_input_may_be_missing_where_the_vendor_has_it(member: str) -> None:
    request = DIALECT.read_request(json.dumps({"model": "m", member: "x"}).encode())
    assert request.conversation.bound_to == (member,)


def test_unknown_members_may_come_twice() -> None:
    assert DIALECT.read_request(b'{"x":1,"model":"m","input":"","x":2}').model == "m"


def test_the_model_stands_where_it_says() -> None:
    request = read()
    assert json.loads(request.body[request.model_start : request.model_end]) == "m"


@pytest.mark.parametrize(("stream", "mode"), [(True, Mode.STREAM), (False, Mode.PLAIN), (None, Mode.PLAIN)])
def test_stream_chooses_the_mode(stream: bool | None, mode: Mode) -> None:
    request = read(stream=stream)
    assert (request.mode, request.conversation.stream) == (mode, mode is Mode.STREAM)


def test_a_count_of_tokens_is_never_streamed() -> None:
    request = OpenAIInputTokens().read_request(b'{"model":"m","input":"","stream":true}')
    assert request.mode is Mode.PLAIN


def test_usage_is_always_told_to_the_caller() -> None:
    assert read().wants_usage


@pytest.mark.parametrize(
    ("members", "needs"),
    [
        ({}, set()),
        ({"tools": [], "text": None, "reasoning": None}, set()),
        ({"tools": [{"type": "function", "name": "f"}]}, {"tools"}),
        (
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": {}}}},
            {"jsonSchema"},
        ),
        ({"text": {"format": {"type": "json_object"}}}, set()),
        ({"reasoning": {"effort": "high"}}, {"reasoning"}),
        ({"reasoning": {"summary": "auto"}}, {"reasoning"}),
        ({"reasoning": {"effort": "none"}}, set()),
        ({"reasoning": {"effort": None, "summary": None}}, set()),
        ({"input": [{"role": "user", "content": [IMAGE]}]}, {"vision"}),
        (
            {
                "input": [
                    {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]}
                ]
            },
            {"audio"},
        ),
    ],
)
def test_needs_are_what_the_request_uses(members: dict[str, object], needs: set[str]) -> None:
    assert read(**members).needs == needs


def test_needs_are_those_of_the_conversation() -> None:
    request = read(
        input=[
            {"role": "user", "content": [IMAGE]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": [IMAGE]},
        ],
        tools=[{"type": "function", "name": "f"}],
        reasoning={"effort": "low"},
        text={"format": {"type": "json_schema", "name": "n", "schema": {}}},
    )
    assert request.needs == needs_of(features_of(request.conversation))


@pytest.mark.parametrize(
    ("members", "text_bytes"),
    [
        ({"input": "größe"}, 7),
        ({"input": "", "instructions": "hello"}, 5),
        ({"input": [{"role": "user", "content": "hello"}, {"role": "user", "content": None}]}, 5),
        ({"input": [{"role": "user", "content": [{"type": "input_text", "text": "abc"}, IMAGE]}]}, 3),
        ({"input": [{"type": "function_call", "arguments": "{}"}]}, 2),
        ({"input": [{"type": "function_call_output", "output": "four"}]}, 4),
        ({"input": [{"type": "function_call_output", "output": [{"type": "input_text", "text": "four"}]}]}, 4),
        ({"input": "", "tools": [1]}, 3),
        ({"input": [5]}, 3),
    ],
)
def test_the_text_of_input_instructions_and_tools_is_counted(members: dict[str, object], text_bytes: int) -> None:
    request = read(**members)
    assert request.count_text_bytes(request.body) == text_bytes


@pytest.mark.parametrize(
    ("members", "limit"), [({}, None), ({"max_output_tokens": 7}, 7), ({"max_output_tokens": "many"}, None)]
)
def test_the_limit_of_output_is_read(members: dict[str, object], limit: int | None) -> None:
    assert read(**members).max_tokens == limit


def test_half_a_surrogate_pair_is_read_and_a_whole_one_kept() -> None:
    request = DIALECT.read_request(b'{"model":"m","input":"\\ud83d \\ud83d\\ude00"}')
    assert request.conversation.turns[0].parts[0].text == "\ufffd \U0001f600"  # type: ignore[union-attr]
