"""What is read of a request in Anthropic's form before it is sent anywhere, and what is refused."""

import json
from typing import Any

import pytest

from fairlead_proxy.contract.names import Mode
from fairlead_proxy.dialects.anthropic.dialect import AnthropicCount, AnthropicMessages
from fairlead_proxy.dialects.dialect import CallerDialect, InvalidCall, ProviderDialect

MESSAGES, COUNT = AnthropicMessages(), AnthropicCount()
CALLERS: tuple[CallerDialect, ...] = (MESSAGES, COUNT)
PROVIDERS: tuple[ProviderDialect, ...] = (MESSAGES, COUNT)

HELLO: dict[str, Any] = {
    "model": "smart",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hello"}],
}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBOR"}}


def body_of(**members: object) -> bytes:
    return json.dumps({**HELLO, **members}).encode()


def test_model_stands_where_it_was_found() -> None:
    body = b'{ "max_tokens":5, "messages" : [], "model" :  "smart" }'
    request = MESSAGES.read_request(body)
    assert body[request.model_start : request.model_end] == b'"smart"'


@pytest.mark.parametrize(("stream", "mode"), [(True, Mode.STREAM), (False, Mode.PLAIN), (None, Mode.PLAIN)])
def test_stream_tells_the_mode(stream: bool | None, mode: Mode) -> None:
    assert MESSAGES.read_request(body_of(stream=stream)).mode is mode


def test_counting_never_streams() -> None:
    assert COUNT.read_request(body_of(stream=True)).mode is Mode.PLAIN


def test_usage_is_always_wanted() -> None:
    assert MESSAGES.read_request(body_of()).wants_usage


@pytest.mark.parametrize(("given", "read"), [(100, 100), (None, None), ("many", None), (1.5, None)])
def test_a_limit_of_another_type_is_the_providers_to_refuse(given: object, read: int | None) -> None:
    assert MESSAGES.read_request(body_of(max_tokens=given)).max_tokens == read


def test_an_absent_limit_is_the_providers_to_refuse() -> None:
    assert MESSAGES.read_request(b'{"model":"smart","messages":[]}').max_tokens is None


@pytest.mark.parametrize(
    ("members", "needs"),
    [
        ({}, set()),
        ({"tools": []}, set()),
        ({"tools": [{"name": "a", "input_schema": {}}]}, {"tools"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, {"reasoning"}),
        ({"thinking": {"type": "adaptive"}}, {"reasoning"}),
        ({"thinking": {"type": "disabled"}}, set()),
        ({"output_config": {"effort": "low"}}, {"reasoning"}),
        ({"output_config": {"effort": "low"}, "thinking": {"type": "disabled"}}, set()),
        ({"output_config": {"format": {"type": "json_schema", "schema": {}}}}, {"jsonSchema"}),
        ({"output_format": {"type": "json_schema", "schema": {}}}, {"jsonSchema"}),
        ({"thinking": 5, "output_config": [1]}, set()),
        ({"messages": [{"role": "user", "content": [IMAGE]}]}, {"vision"}),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": [IMAGE]}]}]},
            {"vision"},
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "document", "source": {"type": "content", "content": [IMAGE]}}],
                    }
                ]
            },
            {"vision"},
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "tool_use", "input": {"media": "image", "type": "image"}}]}
                ]
            },
            set(),
        ),
        ({"messages": [{"role": "user", "content": 'of the type "image"'}]}, set()),
    ],
)
def test_needs_show_in_the_request(members: dict[str, object], needs: set[str]) -> None:
    assert MESSAGES.read_request(body_of(**members)).needs == needs


@pytest.mark.parametrize(
    ("members", "text_bytes"),
    [
        ({}, 5),
        ({"system": "be kind"}, 12),
        ({"system": [{"type": "text", "text": "be kind"}]}, 12),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "grüße"}, IMAGE]}]}, 7),
        ({"messages": [{"role": "user", "content": [{"type": "thinking", "thinking": "hm", "signature": "x"}]}]}, 2),
        ({"messages": [{"role": "user", "content": [{"type": "tool_use", "input": {"a": 1}}]}]}, 8),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result", "content": "four"}]}]}, 4),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "document", "source": {"type": "text", "data": "four"}}]}
                ]
            },
            4,
        ),
        ({"tools": [{"name": "a"}]}, 5 + 15),
    ],
)
def test_text_is_counted_wherever_it_stands(members: dict[str, object], text_bytes: int) -> None:
    request = MESSAGES.read_request(body_of(**members))
    assert request.count_text_bytes(request.body) == text_bytes
    assert request.prompt_tokens == -(-text_bytes // 4)


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        (b"", None, "not valid JSON"),
        (b"[]", None, "not a JSON object"),
        (b'{"a":1', None, "not valid JSON"),
        (b'{"model":"\xff"}', None, "not UTF-8"),
        (b'{"a":' + b"[" * 100_000, None, "too deeply"),
        (b'{"messages":[]}', "model", "must be a string that is not empty, not null or left out"),
        (b'{"model":"","messages":[]}', "model", "not an empty string"),
        (b'{"model":5,"messages":[]}', "model", "must be a string, not 5"),
        (b'{"model":{},"messages":[]}', "model", "must be a string, not an object"),
        (b'{"model":"a"}', "messages", "must be a list, not null or left out"),
        (b'{"model":"a","messages":"hello"}', "messages", "a list"),
        (b'{"model":"a","messages":[],"stream":"yes"}', "stream", "must be true or false, not a string"),
        (b'{"model":"a","model":"b","messages":[]}', "model", "twice"),
        (b'{"model":"a","messages":[],"max_tokens":1,"max_tokens":2}', "max_tokens", "twice"),
        (b'{"model":"a","messages":[' + b"[" * 70 + b"]" * 70 + b"]}", None, "too deeply"),
    ],
)
def test_a_refusal_names_the_parameter_and_the_remedy(body: bytes, param: str | None, words: str) -> None:
    with pytest.raises(InvalidCall, match=words) as raised:
        MESSAGES.read_request(body)
    assert raised.value.answer.param == param


def test_half_of_a_surrogate_pair_is_read() -> None:
    body = b'{"model":"smart","messages":[{"role":"user","content":"cut \\ud83d \\ud83d\\ude00"}]}'
    conversation = MESSAGES.read_request(body).conversation
    assert conversation.turns[0].parts[0].text == "cut � \N{GRINNING FACE}"  # type: ignore[union-attr]
