"""What the gateway reads of a request, and what it refuses to guess at."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.contract.names import Mode
from fairlead_proxy.dialects.dialect import InvalidCall, ReadRequest
from fairlead_proxy.dialects.registry import OPENAI_CHAT


def read(**members: object) -> ReadRequest:
    return OPENAI_CHAT.read_request(json.dumps({"model": "m", "messages": [], **members}).encode())


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b'"text"', None),
        (b"null", None),
        (b'{"model":"m","messages":[]} x', None),
        (b"\xef\xbb\xbf{}", None),
        (b'{"model":"m","messages":["\\ud83"]}', None),
        (b'{"x":"\xff","model":"m","messages":[]}', None),
        (b'{"model":"m","messages":[],"x":NaN}', None),
        (b'{"model":"m","messages":[],"x":' + b"[" * 64 + b"]" * 64 + b"}", None),
        (b'{"model":"m","messages":[],"x":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}", None),
        (b'{"messages":[]}', "model"),
        (b'{"model":"","messages":[]}', "model"),
        (b'{"model":5,"messages":[]}', "model"),
        (b'{"model":null,"messages":[]}', "model"),
        (b'{"model":"m"}', "messages"),
        (b'{"model":"m","messages":{}}', "messages"),
        (b'{"model":"m","messages":null}', "messages"),
        (b'{"model":"m","messages":[],"stream":"yes"}', "stream"),
        (b'{"model":"m","messages":[],"stream_options":[]}', "stream_options"),
        (b'{"model":"m","messages":[],"stream_options":{"include_usage":1}}', "stream_options.include_usage"),
        (b'{"model":"m","messages":[],"model":"n"}', "model"),
        (b'{"model":"m","messages":[],"mod\\u0065l":"n"}', "model"),
        (b'{"model":"m","messages":[],"messages":[]}', "messages"),
        (b'{"model":"m","messages":[],"stream":true,"stream":false}', "stream"),
        (b'{"model":"m","messages":[],"stream_options":{},"stream_options":{}}', "stream_options"),
        (
            b'{"model":"m","messages":[],"stream_options":{"include_usage":true,"include_usage":false}}',
            "stream_options.include_usage",
        ),
    ],
)
def test_a_request_that_cannot_be_read_is_refused_naming_the_parameter(body: bytes, param: str | None) -> None:
    with pytest.raises(InvalidCall) as refused:
        OPENAI_CHAT.read_request(body)
    assert (refused.value.answer.status, refused.value.answer.param) == (400, param)


@given(st.binary(max_size=60) | st.text('{}[]",:\\umodelsgtrn10', max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    answer: object = None
    try:
        answer = OPENAI_CHAT.read_request(body)
    except InvalidCall as refused:
        answer = refused.answer
    assert answer is not None


def test_nesting_of_64_levels_is_read() -> None:
    assert OPENAI_CHAT.read_request(b'{"model":"m","messages":[],"x":' + b"[" * 63 + b"]" * 63 + b"}").model == "m"


def test_unknown_members_may_come_twice() -> None:
    assert OPENAI_CHAT.read_request(b'{"x":1,"model":"m","messages":[],"x":2}').model == "m"


@pytest.mark.parametrize(("stream", "mode"), [(True, Mode.STREAM), (False, Mode.PLAIN), (None, Mode.PLAIN)])
def test_stream_chooses_the_mode(stream: bool | None, mode: Mode) -> None:
    assert read(stream=stream).mode is mode


@pytest.mark.parametrize(
    ("members", "needs"),
    [
        ({}, set()),
        ({"tools": []}, set()),
        ({"tools": None, "functions": [], "response_format": None, "reasoning_effort": None}, set()),
        ({"tools": [{"type": "function"}]}, {"tools"}),
        ({"functions": [{"name": "f"}]}, {"tools"}),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, {"jsonSchema"}),
        ({"response_format": {"type": "json_object"}}, set()),
        ({"response_format": "odd"}, set()),
        ({"reasoning_effort": "high"}, {"reasoning"}),
        ({"reasoning_effort": "none"}, set()),
        ({"reasoning": {"effort": "low"}}, {"reasoning"}),
        ({"modalities": ["text"]}, set()),
        ({"modalities": ["text", "audio"], "audio": {"voice": "alloy"}}, {"audio"}),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, {"vision"}),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]}, {"audio"}),
    ],
)
def test_needs_are_what_the_request_uses(members: dict[str, object], needs: set[str]) -> None:
    assert read(**members).needs == needs


@pytest.mark.parametrize(
    ("members", "text_bytes"),
    [
        ({"messages": [{"role": "user", "content": "hello"}, {"role": "assistant", "content": None}]}, 5),
        ({"messages": [{"role": "user", "content": "größe"}]}, 7),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "abc"}, {"type": "image_url"}]}]}, 3),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x" * 999}}]}]}, 0),
        ({"tools": [1]}, 3),
        ({"messages": [{"role": "user", "content": 5}]}, len('[{"role": "user", "content": 5}]')),
    ],
)
def test_the_text_of_messages_and_tools_is_counted(members: dict[str, object], text_bytes: int) -> None:
    request = read(**members)
    assert request.count_text_bytes(request.body) == text_bytes


def test_prompt_tokens_are_estimated_as_a_quarter_of_the_bytes_rounded_up() -> None:
    assert read(messages=[{"role": "user", "content": "hello"}]).prompt_tokens == 2


@pytest.mark.parametrize(
    ("members", "limit"),
    [
        ({}, None),
        ({"max_tokens": 7}, 7),
        ({"max_tokens": 7, "max_completion_tokens": 9}, 9),
        ({"max_tokens": None}, None),
        ({"max_tokens": "many"}, None),
    ],
)
def test_the_limit_of_output_is_read(members: dict[str, object], limit: int | None) -> None:
    assert read(**members).max_tokens == limit
