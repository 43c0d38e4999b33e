"""Whole chat answers: as providers write them they are read, and as callers' SDKs read them they are written."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from fairlead_proxy.contract.names import DialectName, FailureClass, Mode
from fairlead_proxy.dialects.dialect import ReadRequest
from fairlead_proxy.dialects.openai.completion_reader import read_chat_completion
from fairlead_proxy.dialects.openai.completion_writer import write_chat_completion
from fairlead_proxy.dialects.openai.conversation import read_chat_conversation
from fairlead_proxy.exchange.completion import Choice, Completion, Stop, TokenChance
from fairlead_proxy.exchange.conversation import Citation, Media, MediaKind, Reasoning, Refusal, Seal, Text, ToolCall
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.exchange.usage import Usage

CHAT, ANTHROPIC = DialectName.OPENAI_CHAT, DialectName.ANTHROPIC
REQUEST = ReadRequest("virtual", Mode.PLAIN, b'{"model":"virtual","messages":[]}')
LEGACY = ReadRequest("virtual", Mode.PLAIN, b'{"model":"virtual","messages":[],"functions":[{"name":"f"}]}')
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}


def answer(message: dict[str, Any] | None = None, finish: str | None = "stop", **members: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": "hi"} | (message or {}), "finish_reason": finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 7, "model": "gpt-4o", "choices": [choice]}
    return json.dumps(head | members).encode()


def choice_of(body: bytes) -> Choice:
    return read_chat_completion(body).choices[0]


def failure_of(body: bytes) -> UpstreamFailure:
    with pytest.raises(UpstreamFailure) as failed:
        read_chat_completion(body)
    return failed.value


def test_an_answer_as_openai_writes_it_is_read() -> None:
    usage = {
        "prompt_tokens": 19,
        "completion_tokens": 10,
        "total_tokens": 29,
        "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0, "cache_write_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 3, "accepted_prediction_tokens": 0},
    }
    body = answer({"refusal": None, "annotations": []}, usage=usage, service_tier="default", system_fingerprint="x")
    assert read_chat_completion(body) == Completion(
        "chatcmpl-1", "gpt-4o", (Choice((Text("hi"),)),), Usage(19, 10, 4, 5, 3), 7
    )


@pytest.mark.parametrize(
    ("message", "finish", "expected"),
    [
        ({"content": None, "refusal": "no"}, "stop", Choice((Refusal("no"),), Stop.REFUSED)),
        ({}, "length", Choice((Text("hi"),), Stop.LENGTH)),
        ({}, "content_filter", Choice((Text("hi"),), Stop.FILTERED)),
        ({}, "eos", Choice((Text("hi"),), Stop.END)),
        ({}, None, Choice((Text("hi"),), Stop.END)),
        (
            {"content": None, "tool_calls": [CALL]},
            "tool_calls",
            Choice((ToolCall("c1", "f", '{"a":1}'),), Stop.TOOL_CALLS),
        ),
        # Ollama and others write `stop`, leave ids out, or write the arguments themselves.
        (
            {"content": "", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]},
            "stop",
            Choice((ToolCall("call_0", "f", '{"a":1}'),), Stop.TOOL_CALLS),
        ),
        (
            {"content": None, "function_call": {"name": "f", "arguments": ""}},
            "function_call",
            Choice((ToolCall("call_0", "f"),), Stop.TOOL_CALLS),
        ),
        (
            {"tool_calls": [CALL | {"extra_content": {"google": {"thought_signature": "s"}}}]},
            "stop",
            Choice((Text("hi"), ToolCall("c1", "f", '{"a":1}', Seal(CHAT, "s"))), Stop.TOOL_CALLS),
        ),
        ({"reasoning_content": "hm"}, "stop", Choice((Reasoning("hm"), Text("hi")))),
        (
            {
                "reasoning": "hm",
                "reasoning_details": [
                    {"type": "reasoning.text", "text": "hm", "signature": "s", "index": 0},
                    {"type": "reasoning.encrypted", "data": "e"},
                    {"type": "reasoning.summary", "summary": "short"},
                ],
            },
            "stop",
            Choice((Reasoning("hm", Seal(CHAT, "s")), Reasoning(seal=Seal(CHAT, "e")), Reasoning("short"), Text("hi"))),
        ),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                    {"type": "text", "text": "hi"},
                ]
            },
            "stop",
            Choice((Reasoning("hm"), Text("hi"))),
        ),
        (
            {
                "annotations": [
                    {
                        "type": "url_citation",
                        "url_citation": {"start_index": 0, "end_index": 2, "url": "https://x.test", "title": "X"},
                    }
                ]
            },
            "stop",
            Choice((Text("hi", citations=(Citation("https://x.test", "X", None, 0, 2),)),)),
        ),
        (
            {"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}]},
            "stop",
            Choice((Text("hi"), Media(MediaKind.IMAGE, "image/png", "QUJD"))),
        ),
    ],
)
def test_messages_are_read_as_the_many_servers_write_them(
    message: dict[str, Any], finish: str | None, expected: Choice
) -> None:
    assert choice_of(answer(message, finish)) == expected


def test_the_stop_sequence_that_vllm_names_is_read() -> None:
    body = json.loads(answer())
    body["choices"][0]["stop_reason"] = "###"
    assert choice_of(json.dumps(body).encode()) == Choice((Text("hi"),), Stop.SEQUENCE, "###")


def test_choices_come_in_the_order_of_their_index() -> None:
    choices = [{"index": index, "message": {"content": str(index)}, "finish_reason": "stop"} for index in (1, 0)]
    found = read_chat_completion(answer(choices=choices))
    assert [choice.parts for choice in found.choices] == [(Text("0"),), (Text("1"),)]


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (b"", FailureClass.MALFORMED_RESPONSE),
        (b"<html>", FailureClass.MALFORMED_RESPONSE),
        (b"[]", FailureClass.MALFORMED_RESPONSE),
        (b"{}", FailureClass.MALFORMED_RESPONSE),
        (answer(choices=[]), FailureClass.MALFORMED_RESPONSE),
        (answer(choices=[{"index": 0}]), FailureClass.MALFORMED_RESPONSE),
        (answer({"tool_calls": [{"id": "c"}]}), FailureClass.MALFORMED_RESPONSE),
        (b'{"error":{"message":"x"}}', FailureClass.ERROR_IN_STREAM),
        (b'{"error":"x"}', FailureClass.ERROR_IN_STREAM),
        (b'{"object":"error","message":"x"}', FailureClass.ERROR_IN_STREAM),
        (b'{"error":{"code":"rate_limit_exceeded"}}', FailureClass.RATE_LIMITED),
        (answer(choices=[{"error": {"code": 502}, "message": {"content": ""}}]), FailureClass.ERROR_IN_STREAM),
        (answer(finish="error"), FailureClass.ERROR_IN_STREAM),
        (answer(finish="insufficient_system_resource"), FailureClass.OVERLOADED),
        (answer({"content": ""}, "content_filter"), FailureClass.CONTENT_FILTERED),
        (answer({"content": None}, "content_filter"), FailureClass.CONTENT_FILTERED),
    ],
)
def test_what_is_no_answer_fails_by_its_class(body: bytes, failure: FailureClass) -> None:
    assert failure_of(body).failure is failure


def test_an_answer_filtered_whole_is_relayed_by_whoever_knows_the_caller() -> None:
    assert failure_of(answer({"content": None}, "content_filter")).relayed is None


RICH = Completion(
    "msg_1",
    "claude",
    (
        Choice(
            (
                Reasoning("hm", Seal(ANTHROPIC, "sig")),
                Reasoning(seal=Seal(ANTHROPIC, "hidden")),
                Reasoning("more"),
                Text("It is "),
                Text("sunny.", citations=(Citation("https://x.test", None), Citation(quoted="a book"))),
                ToolCall("c1", "f", '{"a":1}', Seal(DialectName.GEMINI, "t")),
                Text("Bye."),
                Media(MediaKind.IMAGE, "image/png", "QUJD"),
            ),
            Stop.TOOL_CALLS,
            chances=(TokenChance("é", -0.5, (("é", -0.5), ("e", -1.5))),),
        ),
    ),
    Usage(10, 5, 3, 2, 1),
)


def written(completion: Completion, request: ReadRequest = REQUEST) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(write_chat_completion(completion, request=request, now=99.9))
    return body


def test_an_answer_is_written_as_the_sdk_reads_it() -> None:
    found = ChatCompletion.model_validate(written(RICH), strict=True)
    assert (found.id, found.model, found.created, found.object) == ("chatcmpl-msg_1", "claude", 99, "chat.completion")
    choice = found.choices[0]
    assert choice.finish_reason == "tool_calls"
    message = choice.message
    assert message.content == "It is sunny.\n\nBye."
    assert message.annotations is not None
    cited = message.annotations[0].url_citation
    assert (cited.start_index, cited.end_index, cited.url) == (6, 12, "https://x.test")
    assert len(message.annotations) == 1
    assert message.tool_calls is not None
    assert message.tool_calls[0].type == "function"
    assert message.tool_calls[0].function.arguments == '{"a":1}'
    assert choice.logprobs is not None
    assert choice.logprobs.content is not None
    assert choice.logprobs.content[0].bytes == [195, 169]
    assert [top.token for top in choice.logprobs.content[0].top_logprobs] == ["é", "e"]
    assert found.usage is not None
    assert (found.usage.prompt_tokens, found.usage.completion_tokens, found.usage.total_tokens) == (10, 5, 15)
    assert found.usage.prompt_tokens_details is not None
    assert found.usage.prompt_tokens_details.cached_tokens == 3


def test_a_message_sent_back_as_it_came_keeps_reasoning_and_seals() -> None:
    message = ChatCompletion.model_validate(written(RICH)).choices[0].message.model_dump(exclude_none=True)
    body = json.dumps({"model": "virtual", "messages": [message]}).encode()
    parts = read_chat_conversation(ReadRequest("virtual", Mode.PLAIN, body)).turns[0].parts
    assert [part for part in parts if isinstance(part, Reasoning)] == [
        Reasoning("hm", Seal(ANTHROPIC, "sig")),
        Reasoning(seal=Seal(ANTHROPIC, "hidden")),
        Reasoning("more"),
    ]
    assert ToolCall("c1", "f", '{"a":1}', Seal(DialectName.GEMINI, "t")) in parts


@pytest.mark.parametrize(
    ("choice", "message", "finish"),
    [
        (Choice((Text("a"),)), {"content": "a", "refusal": None}, "stop"),
        (Choice(()), {"content": "", "refusal": None}, "stop"),
        (Choice((Refusal("no"),), Stop.REFUSED), {"content": None, "refusal": "no"}, "stop"),
        (Choice((), Stop.REFUSED), {"content": "", "refusal": None}, "content_filter"),
        (Choice((), Stop.FILTERED), {"content": "", "refusal": None}, "content_filter"),
        (Choice((Text("a"),), Stop.LENGTH), {"content": "a", "refusal": None}, "length"),
        (Choice((Text("a"),), Stop.SEQUENCE, "#"), {"content": "a", "refusal": None}, "stop"),
        (Choice((Text("a"),), Stop.PAUSED), {"content": "a", "refusal": None}, "length"),
        (
            Choice((Reasoning("x"), Reasoning("y"), Text("a"))),
            {
                "content": "a",
                "refusal": None,
                "reasoning_content": "x\n\ny",
                "reasoning_details": [
                    {"type": "reasoning.text", "index": 0, "text": "x"},
                    {"type": "reasoning.text", "index": 1, "text": "y"},
                ],
            },
            "stop",
        ),
    ],
)
def test_choices_are_written(choice: Choice, message: dict[str, Any], finish: str) -> None:
    found = written(Completion("x", "m", (choice,)))["choices"][0]
    assert found["message"] == {"role": "assistant"} | message
    assert found["finish_reason"] == finish


def test_a_caller_of_the_old_form_gets_a_function_call() -> None:
    choice = written(Completion("x", "m", (Choice((ToolCall("c", "f"),), Stop.TOOL_CALLS),)), LEGACY)["choices"][0]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert "tool_calls" not in choice["message"]
    assert choice["finish_reason"] == "function_call"


@pytest.mark.parametrize(
    ("vendor_id", "expected"), [("chatcmpl-9", "chatcmpl-9"), ("gen-1", "chatcmpl-gen-1"), ("", "chatcmpl-99")]
)
def test_ids_have_the_form_of_chat(vendor_id: str, expected: str) -> None:
    assert written(Completion(vendor_id, "m", (Choice(),)))["id"] == expected


def test_without_a_name_of_the_provider_the_model_is_what_the_caller_named_and_usage_is_left_out() -> None:
    found = written(Completion("x", "", (Choice(),)))
    assert found["model"] == "virtual"
    assert "usage" not in found


TEXTS = st.text(min_size=1, max_size=8)
SEALS = st.builds(Seal, st.sampled_from(DialectName), TEXTS)
CHOICES = st.builds(
    lambda thoughts, text, calls: Choice((*thoughts, *text, *calls), Stop.TOOL_CALLS if calls else Stop.LENGTH),
    st.lists(st.builds(Reasoning, TEXTS, SEALS) | st.builds(Reasoning, seal=SEALS), max_size=3),
    st.lists(st.builds(Text, TEXTS), max_size=1),
    st.lists(st.builds(ToolCall, TEXTS, TEXTS, st.just('{"a":1}'), st.none() | SEALS), max_size=2),
)


@given(
    st.builds(
        Completion,
        st.just("chatcmpl-1"),
        TEXTS,
        st.tuples(CHOICES),
        st.none() | st.just(Usage(4, 3, 2, 1, 1)),
        st.just(5),
    )
)
def test_what_is_written_is_read_again_as_it_was(completion: Completion) -> None:
    assert read_chat_completion(write_chat_completion(completion, request=REQUEST, now=1.0)) == completion


NAMES = st.sampled_from(
    (
        *("message", "content", "tool_calls", "function", "name", "arguments", "finish_reason", "index", "error"),
        *("logprobs", "token", "logprob", "top_logprobs", "usage", "reasoning_details", "type", "images", "image_url"),
    )
)
KNOWN = st.recursive(
    st.sampled_from(("stop", "content_filter", "error", "x", "", None, 0, -1, 1e300, True, "reasoning.text")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from(("usage", "error", "id", "created", "model")), KNOWN, max_size=3),
    st.lists(st.dictionaries(NAMES, KNOWN, max_size=4), max_size=2),
)
def test_any_answer_is_read_or_is_a_failure(members: dict[str, Any], choices: list[Any]) -> None:
    try:
        completion = read_chat_completion(json.dumps({"choices": choices} | members).encode())
    except UpstreamFailure:
        return
    assert written(completion)["choices"]


@given(st.binary())
def test_any_bytes_are_a_failure(body: bytes) -> None:
    with pytest.raises(UpstreamFailure):
        read_chat_completion(body)
