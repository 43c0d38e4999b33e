"""Whole answers in Anthropic's form, read from providers and written to callers, whose SDK must read them."""

import json
from typing import Any

import pytest
from anthropic.types import Message, MessageTokensCount, ModelInfo, RedactedThinkingBlock, TextBlock, ThinkingBlock
from anthropic.types import ToolUseBlock as SdkToolUse

from fairlead_proxy.contract.names import DialectName, FailureClass
from fairlead_proxy.dialects.anthropic.dialect import AnthropicCount, AnthropicMessages
from fairlead_proxy.dialects.dialect import ReadRequest
from fairlead_proxy.exchange.completion import AnswerPart, Choice, Completion, Stop
from fairlead_proxy.exchange.conversation import (
    Citation,
    Media,
    MediaKind,
    Reasoning,
    Refusal,
    Seal,
    Text,
    ToolCall,
)
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.exchange.usage import Usage

DIALECT, COUNT = AnthropicMessages(), AnthropicCount()
OWN = DialectName.ANTHROPIC
NOW = 1_800_000_000.0
REQUEST = DIALECT.read_request(b'{"model":"smart","messages":[{"role":"user","content":"hello"}]}')

ANSWER: dict[str, Any] = {
    "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5-20250929",
    "content": [{"type": "text", "text": "Hi! My name is Claude."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 10,
        "cache_creation_input_tokens": 30,
        "cache_read_input_tokens": 20,
        "output_tokens": 25,
        "output_tokens_details": {"thinking_tokens": 4},
        "service_tier": "standard",
    },
}


def read(**members: object) -> Completion:
    return DIALECT.read_completion(json.dumps({**ANSWER, **members}).encode())


def write(*parts: AnswerPart, **members: Any) -> Message:
    completion = Completion("chatcmpl-1", "gpt-5", (Choice(parts, **members),), Usage(60, 25, 20, 30, 4))
    return Message.model_validate_json(DIALECT.write_completion(completion, request=REQUEST, now=NOW))


def test_an_answer_is_read_with_its_counts() -> None:
    assert read() == Completion(
        "msg_013Zva2CMHLNnXjNJJKqJ2EF",
        "claude-sonnet-4-5-20250929",
        (Choice((Text("Hi! My name is Claude."),), Stop.END),),
        Usage(60, 25, 20, 30, 4),
    )


@pytest.mark.parametrize(
    ("blocks", "parts"),
    [
        (
            [
                {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
                {"type": "redacted_thinking", "data": "EmwK"},
                {"type": "text", "text": "ok"},
            ],
            (Reasoning("hm", Seal(OWN, "EqQB")), Reasoning(seal=Seal(OWN, "redacted:EmwK")), Text("ok")),
        ),
        (
            [{"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": 1}}],
            (ToolCall("toolu_1", "look", '{"at":1}'),),
        ),
        (
            [
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
                {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
                {"type": "text", "text": "as "},
                {
                    "type": "text",
                    "text": "found",
                    "citations": [
                        {
                            "type": "web_search_result_location",
                            "url": "https://a.example",
                            "title": "A",
                            "cited_text": "found it",
                            "encrypted_index": "Eo8B",
                        }
                    ],
                },
            ],
            (Text("as "), Text("found", citations=(Citation("https://a.example", "A", "found it", 3, 8),))),
        ),
        (["odd", 5, None, {"type": 5}, {"text": "x"}], ()),
        ([{"type": "text", "text": 5}], (Text(""),)),
    ],
)
def test_each_block_of_an_answer_is_read(blocks: list[Any], parts: tuple[AnswerPart, ...]) -> None:
    assert read(content=blocks).choices[0].parts == parts


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("end_turn", Stop.END),
        ("max_tokens", Stop.LENGTH),
        ("stop_sequence", Stop.SEQUENCE),
        ("tool_use", Stop.TOOL_CALLS),
        ("pause_turn", Stop.PAUSED),
        ("refusal", Stop.REFUSED),
        ("model_context_window_exceeded", Stop.LENGTH),
        ("something_new", Stop.END),
        (None, Stop.END),
    ],
)
def test_each_reason_to_stop_is_read(reason: str | None, stop: Stop) -> None:
    assert read(stop_reason=reason).choices[0].stop is stop


def test_an_unknown_reason_after_a_call_is_that_call() -> None:
    content = [{"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}]
    assert read(stop_reason="something_new", content=content).choices[0].stop is Stop.TOOL_CALLS


def test_the_stop_sequence_is_read() -> None:
    assert read(stop_reason="stop_sequence", stop_sequence="END").choices[0].sequence == "END"


def test_a_refusal_before_any_content_is_an_answer() -> None:
    completion = read(content=[], stop_reason="refusal")
    assert completion.choices == (Choice((), Stop.REFUSED),)


@pytest.mark.parametrize(
    ("created", "short", "long"),
    [
        ({"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20}, 10, 20),
        ({"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 0}, 30, 0),
        ({"ephemeral_1h_input_tokens": 40}, 0, 30),
        ({"ephemeral_1h_input_tokens": "many"}, 30, 0),
        (None, 30, 0),
    ],
)
def test_what_a_cache_keeps_for_an_hour_is_counted_apart(created: object, short: int, long: int) -> None:
    usage = read(usage={**ANSWER["usage"], "cache_creation": created}).usage
    assert usage == Usage(60, 25, 20, short, 4, cache_write_long_tokens=long)


def test_what_a_cache_keeps_for_an_hour_is_written_apart() -> None:
    usage = Usage(60, 25, 20, 10, cache_write_long_tokens=20)
    completion = Completion("msg_1", "claude", (Choice((Text("ok"),)),), usage)
    written = Message.model_validate_json(DIALECT.write_completion(completion, request=REQUEST, now=NOW)).usage
    assert (written.input_tokens, written.cache_read_input_tokens, written.cache_creation_input_tokens) == (10, 20, 30)
    assert written.cache_creation is not None
    assert written.cache_creation.ephemeral_5m_input_tokens == 10
    assert written.cache_creation.ephemeral_1h_input_tokens == 20


@pytest.mark.parametrize("usage", [None, 5, {}, {"input_tokens": "many"}, {"output_tokens": True}])
def test_counts_that_cannot_be_read_are_none(usage: object) -> None:
    assert read(usage=usage).usage is None


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (b"", FailureClass.MALFORMED_RESPONSE),
        (b"[]", FailureClass.MALFORMED_RESPONSE),
        (b"<html>", FailureClass.MALFORMED_RESPONSE),
        (b"{}", FailureClass.MALFORMED_RESPONSE),
        (b'{"content":"text"}', FailureClass.MALFORMED_RESPONSE),
        (b"[" * 100_000, FailureClass.MALFORMED_RESPONSE),
        (b'{"content":[{"type":"tool_use","name":"look"}]}', FailureClass.MALFORMED_RESPONSE),
        (b'{"type":"error","error":{"type":"overloaded_error","message":"x"}}', FailureClass.OVERLOADED),
        (b'{"type":"error","error":{"type":"api_error","message":"x"}}', FailureClass.ERROR_IN_STREAM),
        (b'{"type":"error","error":{"type":"rate_limit_error","message":"x"}}', FailureClass.RATE_LIMITED),
    ],
)
def test_what_is_no_answer_is_a_failure(body: bytes, failure: FailureClass) -> None:
    with pytest.raises(UpstreamFailure) as raised:
        DIALECT.read_completion(body)
    assert raised.value.failure is failure


def test_half_of_a_surrogate_pair_in_an_answer_is_replaced() -> None:
    completion = DIALECT.read_completion(b'{"content":[{"type":"text","text":"cut \\ud83d"}]}')
    assert completion.choices[0].parts == (Text("cut \N{REPLACEMENT CHARACTER}"),)


def test_an_answer_is_written_as_the_sdk_reads_it() -> None:
    message = write(
        Reasoning("hm", Seal(OWN, "EqQB")),
        Reasoning(seal=Seal(OWN, "redacted:EmwK")),
        Text("ok", citations=(Citation("https://a.example", "A", "found"), Citation(None, "B"))),
        ToolCall("call_1", "look", '{"at": 1}'),
        stop=Stop.TOOL_CALLS,
    )
    assert (message.id, message.model, message.role, message.type) == (
        "msg_chatcmpl-1", "gpt-5", "assistant", "message",
    )  # fmt: skip
    thinking, redacted, text, call = message.content
    assert thinking == ThinkingBlock(type="thinking", thinking="hm", signature="EqQB")
    assert redacted == RedactedThinkingBlock(type="redacted_thinking", data="EmwK")
    assert isinstance(text, TextBlock)
    assert text.text == "ok"
    assert [citation.type for citation in text.citations or ()] == ["web_search_result_location"]
    assert call == SdkToolUse(type="tool_use", id="call_1", name="look", input={"at": 1})
    assert message.stop_reason == "tool_use"
    usage = message.usage
    assert (usage.input_tokens, usage.output_tokens) == (10, 25)
    assert (usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (20, 30)
    assert usage.output_tokens_details is not None
    assert usage.output_tokens_details.thinking_tokens == 4


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (Refusal("no."), "no."),
        (Media(MediaKind.IMAGE, url="https://cat.example"), "![image](https://cat.example)"),
        (Media(MediaKind.IMAGE, "image/png", data="iVBOR", name="cat"), "![cat](data:image/png;base64,iVBOR)"),
    ],
)
def test_what_the_dialect_has_no_block_for_is_written_as_text(part: AnswerPart, text: str) -> None:
    assert write(part).content == [TextBlock(type="text", text=text)]


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (Stop.END, "end_turn"),
        (Stop.LENGTH, "max_tokens"),
        (Stop.SEQUENCE, "stop_sequence"),
        (Stop.REFUSED, "refusal"),
        (Stop.FILTERED, "refusal"),
        (Stop.PAUSED, "pause_turn"),
    ],
)
def test_each_reason_to_stop_is_written(stop: Stop, reason: str) -> None:
    assert write(stop=stop).stop_reason == reason


def test_an_answer_without_id_counts_or_choice_is_whole() -> None:
    written = DIALECT.write_completion(Completion("", "", ()), request=REQUEST, now=NOW)
    message = Message.model_validate_json(written)
    assert message.id.startswith("msg_")
    assert len(message.id) == 28
    assert (message.model, message.content, message.stop_reason) == ("smart", [], "end_turn")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (0, 0)


def round_trip(*parts: AnswerPart) -> tuple[object, ...]:
    """Return what is left of an answer's parts once its caller has sent them back."""
    completion = Completion("", "", (Choice(parts),))
    message = json.loads(DIALECT.write_completion(completion, request=REQUEST, now=NOW))
    again = {"model": "smart", "messages": [{"role": "assistant", "content": message["content"]}]}
    request: ReadRequest = DIALECT.read_request(json.dumps(again).encode())
    return request.conversation.turns[0].parts


@pytest.mark.parametrize(
    "part",
    [
        Reasoning("hm", Seal(DialectName.GEMINI, "CoQB+/=")),
        Reasoning("", Seal(DialectName.OPENAI_RESPONSES, "gAAAA")),
        Reasoning("", Seal(OWN, "EqQB")),
        Reasoning(seal=Seal(OWN, "redacted:EmwK")),
        Reasoning("hm"),
        ToolCall("call_1", "look", '{"at": 1}', Seal(DialectName.GEMINI, "CoQB+/=")),
        ToolCall("call_1", "look", "{}"),
        Text("ok", citations=(Citation("https://a.example", "A", "found"),)),
    ],
)
def test_what_was_sealed_comes_back_with_its_seal(part: AnswerPart) -> None:
    assert round_trip(part) == (part,)


def test_seals_find_their_calls_again() -> None:
    calls = (
        ToolCall("call:1", "look", seal=Seal(DialectName.GEMINI, "one")),
        ToolCall("call:2", "look"),
        ToolCall("call:3", "look", seal=Seal(DialectName.GEMINI, "three")),
    )
    back = round_trip(*calls)
    assert [call.seal for call in back] == [call.seal for call in calls]  # type: ignore[attr-defined]


def test_a_count_is_read_and_written() -> None:
    completion = COUNT.read_completion(b'{"input_tokens":2095,"context_management":null}')
    assert completion == Completion("", "", (), Usage(input_tokens=2095))
    written = COUNT.write_completion(completion, request=REQUEST, now=NOW)
    assert MessageTokensCount.model_validate_json(written).input_tokens == 2095


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"input_tokens":"many"}', b"", b'{"input_tokens":true}'])
def test_what_is_no_count_is_a_failure(body: bytes) -> None:
    with pytest.raises(UpstreamFailure) as raised:
        COUNT.read_completion(body)
    assert raised.value.failure is FailureClass.MALFORMED_RESPONSE


def test_models_are_listed_as_the_vendor_lists_them() -> None:
    listed = json.loads(DIALECT.render_models(["smart", "quick"]))
    models = [ModelInfo.construct(**each) for each in listed["data"]]
    assert [model.id for model in models] == ["smart", "quick"]
    assert (listed["first_id"], listed["last_id"], listed["has_more"]) == ("smart", "quick", False)
    assert json.loads(DIALECT.render_model("smart")) == listed["data"][0]
    assert listed["data"][0]["created_at"] == "1970-01-01T00:00:00Z"


def test_an_empty_list_of_models_has_no_ends() -> None:
    assert json.loads(DIALECT.render_models([])) == {
        "data": [], "has_more": False, "first_id": None, "last_id": None,
    }  # fmt: skip
