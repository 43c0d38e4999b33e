"""Whole answers of Converse and CountTokens, in the vendor's form and in any other."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.contract.names import DialectName, FailureClass
from fairlead_proxy.dialects.bedrock.dialect import BedrockConverse, BedrockCount
from fairlead_proxy.exchange.completion import AnswerPart, Choice, Completion, Stop
from fairlead_proxy.exchange.conversation import Citation, Media, MediaKind, Reasoning, Seal, Text, ToolCall
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.exchange.usage import Usage

USAGE = {
    "inputTokens": 30,
    "outputTokens": 5,
    "totalTokens": 47,
    "cacheReadInputTokens": 10,
    "cacheWriteInputTokens": 2,
}


def answer(*blocks: object, stop: object = "end_turn", **more: object) -> bytes:
    """Return an answer as the vendor's document shows one."""
    message = {"role": "assistant", "content": list(blocks)}
    body = {"output": {"message": message}, "stopReason": stop, "usage": USAGE, "metrics": {"latencyMs": 1}}
    return json.dumps(body | more).encode()


def read(body: bytes) -> Completion:
    return BedrockConverse().read_completion(body)


def failure_of(body: bytes) -> UpstreamFailure:
    with pytest.raises(UpstreamFailure) as failed:
        read(body)
    return failed.value


def parts_of(*blocks: object) -> tuple[AnswerPart, ...]:
    return read(answer(*blocks)).choices[0].parts


def test_an_answer_is_read_whole() -> None:
    assert read(answer({"text": "Hi."})) == Completion(
        "", "", (Choice((Text("Hi."),), Stop.END),), Usage(42, 5, cached_input_tokens=10, cache_write_tokens=2)
    )


def test_what_a_cache_keeps_for_an_hour_is_counted_apart() -> None:
    details = [{"ttl": "1h", "inputTokens": 1500}, {"ttl": "5m", "inputTokens": 500}, "?"]
    usage = {**USAGE, "cacheWriteInputTokens": 2000, "cacheDetails": details}
    assert read(answer({"text": "Hi."}, usage=usage)).usage == Usage(
        2040, 5, cached_input_tokens=10, cache_write_tokens=500, cache_write_long_tokens=1500
    )


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (
            {"toolUse": {"toolUseId": "tooluse_1", "name": "weather", "input": {"city": "Rome", "n": [1.5, None]}}},
            ToolCall("tooluse_1", "weather", '{"city": "Rome", "n": [1.5, null]}'),
        ),
        ({"toolUse": {"toolUseId": "t", "name": "clock", "input": {}}}, ToolCall("t", "clock", "{}")),
        ({"toolUse": {"toolUseId": None, "name": "clock", "input": None}}, ToolCall("call_0", "clock", "{}")),
        ({"toolUse": {"name": "clock"}}, ToolCall("call_0", "clock", "{}")),
        (
            {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
            Reasoning("Hm.", Seal(DialectName.BEDROCK, "c2ln")),
        ),
        ({"reasoningContent": {"reasoningText": {"text": "Hm."}}}, Reasoning("Hm.")),
        ({"reasoningContent": {"redactedContent": "YWJj"}}, Reasoning("", Seal(DialectName.BEDROCK, "redacted:YWJj"))),
        (
            {"image": {"format": "jpeg", "source": {"bytes": "aGk="}}},
            Media(MediaKind.IMAGE, "image/jpeg", "aGk="),
        ),
        (
            {
                "citationsContent": {
                    "content": [{"text": "It is "}, {"text": "so."}],
                    "citations": [
                        {"title": "T", "sourceContent": [{"text": "so"}], "location": {"web": {"url": "https://a"}}},
                        {"source": "https://b", "location": {"documentChar": {"start": 1}}},
                        {"source": "doc-1"},
                        7,
                    ],
                }
            },
            Text("It is so.", citations=(Citation("https://a", "T", "so"), Citation("https://b"))),
        ),
    ],
)
def test_every_kind_of_block_is_read(block: dict[str, Any], part: AnswerPart) -> None:
    assert parts_of(block) == (part,)


def test_arguments_keep_their_digits() -> None:
    body = answer({"toolUse": {"toolUseId": "t", "name": "n", "input": {"n": 1}}})
    body = body.replace(b'{"n": 1}', b'{"n": 123456789012345678901234567890, "m": 1.10}')
    (call,) = read(body).choices[0].parts
    assert isinstance(call, ToolCall)
    assert call.arguments == '{"n": 123456789012345678901234567890, "m": 1.10}'


@pytest.mark.parametrize(
    "block",
    [
        {"text": ""},
        {"text": 7},
        {"somethingNew": {"a": 1}},
        {"toolResult": {"toolUseId": "t", "content": []}},
        {"toolUse": {"toolUseId": "t", "name": "nova_grounding", "input": {}, "type": "server_tool_use"}},
        {"reasoningContent": {"reasoningText": {"text": ""}}},
        {"reasoningContent": []},
        {"citationsContent": {"content": "x"}},
        {"image": {"format": "png", "error": {"message": "x"}}},
        {},
        [],
        None,
        3,
    ],
)
def test_a_block_that_says_nothing_breaks_nothing(block: object) -> None:
    assert parts_of(block, {"text": "a"}) == (Text("a"),)


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("end_turn", Stop.END),
        ("tool_use", Stop.TOOL_CALLS),
        ("max_tokens", Stop.LENGTH),
        ("model_context_window_exceeded", Stop.LENGTH),
        ("stop_sequence", Stop.SEQUENCE),
        ("guardrail_intervened", Stop.FILTERED),
        ("content_filtered", Stop.FILTERED),
        ("something_new", Stop.END),
        (None, Stop.END),
        (["x"], Stop.END),
    ],
)
def test_reasons_to_stop(reason: object, stop: Stop) -> None:
    choice = read(answer({"text": "a"}, stop=reason, additionalModelResponseFields={"stop_sequence": "X"})).choices[0]
    assert (choice.stop, choice.sequence) == (stop, "X" if stop is Stop.SEQUENCE else None)


@pytest.mark.parametrize("reason", ["malformed_model_output", "malformed_tool_use"])
def test_an_answer_that_the_vendor_calls_malformed_is_none(reason: str) -> None:
    assert failure_of(answer({"text": "a"}, stop=reason)).failure is FailureClass.MALFORMED_RESPONSE


def test_what_is_filtered_before_any_content_is_a_failure_without_an_answer() -> None:
    failed = failure_of(answer(stop="content_filtered"))
    assert (failed.failure, failed.relayed) == (FailureClass.CONTENT_FILTERED, None)


def test_an_answer_without_a_word_is_one() -> None:
    assert read(answer()).choices == (Choice(),)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"inputTokens": 1, "outputTokens": 2}, Usage(1, 2)),
        ({"inputTokens": 1.0, "outputTokens": -2, "cacheReadInputTokens": "x"}, Usage(1, 0)),
        ({"inputTokens": True, "outputTokens": 10**30}, None),
        ({}, None),
        (None, None),
        ([1], None),
    ],
)
def test_counts_of_any_type(usage: object, expected: Usage | None) -> None:
    assert read(answer({"text": "a"}, usage=usage)).usage == expected


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (b"", FailureClass.MALFORMED_RESPONSE),
        (b"<html>", FailureClass.MALFORMED_RESPONSE),
        (b"[]", FailureClass.MALFORMED_RESPONSE),
        (b'{"output":{"message":{"content":"x"}}}', FailureClass.MALFORMED_RESPONSE),
        (b'{"message":"hello"}', FailureClass.MALFORMED_RESPONSE),
        (b"[" * 100_000, FailureClass.MALFORMED_RESPONSE),
        (b'{"output":{"message":{"content":[' + b"[" * 100_000, FailureClass.MALFORMED_RESPONSE),
        (answer({"text": "\xff"}).replace(b"\\u00ff", b"\xff"), FailureClass.MALFORMED_RESPONSE),
        (answer({"toolUse": {"toolUseId": "t", "input": {}}}), FailureClass.MALFORMED_RESPONSE),
        (b'{"__type":"x#ThrottlingException","message":"slow"}', FailureClass.RATE_LIMITED),
        (b'{"__type":"x#InternalServerException"}', FailureClass.ERROR_IN_STREAM),
    ],
)
def test_what_is_no_answer_is_a_failure(body: bytes, failure: FailureClass) -> None:
    assert failure_of(body).failure is failure


def test_a_count_is_read() -> None:
    assert BedrockCount().read_completion(b'{"inputTokens":42}') == Completion("", "", (), Usage(42))


@pytest.mark.parametrize("body", [b"", b"{}", b'{"inputTokens":"42"}', b'{"inputTokens":-1}', b'{"inputTokens":true}'])
def test_what_is_no_count_is_a_failure(body: bytes) -> None:
    with pytest.raises(UpstreamFailure, match="MalformedResponse"):
        BedrockCount().read_completion(body)


NAMES = ["output", "message", "content", "text", "toolUse", "input", "name", "usage", "reasoningContent", "image"]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(values, st.lists(values, max_size=3), st.binary(max_size=20))
def test_no_answer_raises_anything_else(value: object, blocks: list[object], noise: bytes) -> None:
    for body in (json.dumps(value).encode(), answer(*blocks, value), noise, answer(*blocks)[:-5] + noise):
        for dialect in (BedrockConverse(), BedrockCount()):
            with suppress(UpstreamFailure):
                dialect.read_completion(body)
            assert dialect.read_refusal(body).param is None
