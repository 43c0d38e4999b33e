"""Where the bytes pass, what nobody here has a word for is content, and one frame may be as large as a whole answer."""

import json
import time
from typing import Any

import pytest

from fairlead_proxy.contract.names import DialectName, FailureClass, Mode, Operation, ProviderType
from fairlead_proxy.dialects.dialect import CallerDialect, ReadRequest, Relay
from fairlead_proxy.dialects.registry import ANTHROPIC, GEMINI, OPENAI_RESPONSES, passage_of, provider_dialect
from fairlead_proxy.dialects.sse import MAX_LINE_BYTES, MAX_WIDE_BYTES
from fairlead_proxy.exchange.errors import UpstreamFailure

TYPES = {ANTHROPIC: ProviderType.ANTHROPIC, OPENAI_RESPONSES: ProviderType.OPENAI, GEMINI: ProviderType.GEMINI}
ASKED = ReadRequest("smart", Mode.STREAM, b"{}")


def untouched(dialect: CallerDialect) -> Relay:
    return passage_of(dialect, dialect.name, TYPES[dialect]).open_relay(ASKED, include_usage=True, now=0.0)


def translated(dialect: CallerDialect) -> Relay:
    """Return the relay of a stream of this dialect to a caller of another one."""
    caller = GEMINI if dialect is ANTHROPIC else ANTHROPIC
    return passage_of(caller, dialect.name, TYPES[dialect]).open_relay(ASKED, include_usage=True, now=0.0)


def named(type_: str, **members: Any) -> bytes:
    return f"event: {type_}\ndata: {json.dumps({'type': type_, **members})}\n\n".encode()


def of_response(type_: str, **members: Any) -> bytes:
    return named(f"response.{type_}", **members)


def chunk(*parts: dict[str, Any], **members: Any) -> bytes:
    told = {"candidates": [{"content": {"role": "model", "parts": list(parts)}}], **members}
    return b"data: " + json.dumps(told).encode() + b"\r\n\r\n"


def block(kind: str, **members: Any) -> bytes:
    return named("content_block_start", index=0, content_block={"type": kind, **members})


def delta(kind: str, **members: Any) -> bytes:
    return named("content_block_delta", index=0, delta={"type": kind, **members})


def item(when: str, kind: str, **members: Any) -> bytes:
    return of_response(f"output_item.{when}", output_index=0, item={"type": kind, "id": "i_1", **members})


def part(when: str, kind: str, **members: Any) -> bytes:
    return of_response(f"content_part.{when}", output_index=0, content_index=0, part={"type": kind, **members})


STARTED = named("message_start", message={"id": "msg_1", "model": "claude", "usage": {"input_tokens": 3}})
CREATED = of_response("created", response={"id": "resp_1", "model": "gpt", "output": []})
RUN = chunk({"executableCode": {"language": "PYTHON", "code": "1 + 1"}}, responseId="r")

NOTHING_YET = [
    (ANTHROPIC, STARTED),
    (ANTHROPIC, named("ping")),
    (ANTHROPIC, b": still there\n\n"),
    (ANTHROPIC, b"event: hello\n\n"),
    (ANTHROPIC, block("text", text="")),
    (ANTHROPIC, block("thinking", thinking="", signature="")),
    (ANTHROPIC, block("text", text="") + delta("text_delta", text="")),
    (OPENAI_RESPONSES, CREATED),
    (OPENAI_RESPONSES, of_response("in_progress", response={"id": "resp_1"})),
    (OPENAI_RESPONSES, of_response("queued", response={"id": "resp_1"})),
    (OPENAI_RESPONSES, named("keepalive", sequence_number=3)),
    (OPENAI_RESPONSES, b": still there\n\n"),
    (OPENAI_RESPONSES, item("added", "message", content=[])),
    (OPENAI_RESPONSES, item("added", "reasoning", summary=[])),
    (OPENAI_RESPONSES, part("added", "output_text", text="", annotations=[])),
    (OPENAI_RESPONSES, part("added", "reasoning_text", text="")),
    (OPENAI_RESPONSES, of_response("reasoning_summary_part.added", output_index=0, summary_index=0)),
    (GEMINI, chunk(responseId="r", modelVersion="gemini")),
    (GEMINI, chunk({"text": ""})),
    (GEMINI, chunk({"text": "", "thought": True, "partMetadata": {"a": 1}})),
    (GEMINI, chunk(usageMetadata={"promptTokenCount": 3})),
    (GEMINI, b'data: {"usageMetadata":{"promptTokenCount":3},"modelStatus":{"stage":"new"}}\n\n'),
    (GEMINI, b": still there\n\n"),
]
BEYOND_WORDS = [
    (ANTHROPIC, block("server_tool_use", id="srvtoolu_1", name="web_search", input={})),
    (ANTHROPIC, block("web_search_tool_result", tool_use_id="srvtoolu_1", content=[])),
    (ANTHROPIC, block("text", text="") + delta("hologram_delta", depth=3)),
    (ANTHROPIC, named("hologram", depth=3)),
    (OPENAI_RESPONSES, item("added", "web_search_call", status="in_progress")),
    (OPENAI_RESPONSES, of_response("web_search_call.searching", output_index=0)),
    (OPENAI_RESPONSES, of_response("code_interpreter_call_code.delta", output_index=0, delta="1 + 1")),
    (OPENAI_RESPONSES, of_response("image_generation_call.partial_image", partial_image_b64="AAAA")),
    (OPENAI_RESPONSES, of_response("mcp_list_tools.in_progress", output_index=0)),
    (OPENAI_RESPONSES, item("done", "web_search_call", status="completed")),
    (OPENAI_RESPONSES, part("added", "hologram")),
    (OPENAI_RESPONSES, named("hologram", depth=3)),
    (GEMINI, RUN),
    (GEMINI, chunk({"codeExecutionResult": {"outcome": "OUTCOME_OK"}})),
    (GEMINI, chunk({"hologram": {"depth": 3}})),
    (GEMINI, chunk({"functionCall": {"partialArgs": [{"jsonPath": "$.a", "stringValue": "b"}]}})),
]


@pytest.mark.parametrize(("dialect", "frame"), NOTHING_YET)
def test_what_is_known_to_bring_nothing_yet_is_held(dialect: CallerDialect, frame: bytes) -> None:
    relay = untouched(dialect)
    assert relay.feed(frame) == b""
    assert not relay.committed


@pytest.mark.parametrize(("dialect", "frame"), BEYOND_WORDS)
def test_what_nobody_has_a_word_for_is_content_where_the_bytes_pass(dialect: CallerDialect, frame: bytes) -> None:
    relay = untouched(dialect)
    assert relay.feed(frame) == frame
    assert relay.committed


@pytest.mark.parametrize(("dialect", "frame"), BEYOND_WORDS)
def test_what_cannot_be_told_in_another_dialect_is_no_content_there(dialect: CallerDialect, frame: bytes) -> None:
    relay = translated(dialect)
    assert relay.feed(frame) == b""
    assert not relay.committed


def test_a_message_with_a_tool_that_the_vendor_ran_passes_as_it_is() -> None:
    stream = [
        STARTED,
        block("server_tool_use", id="srvtoolu_1", name="web_search", input={}),
        delta("input_json_delta", partial_json='{"query":"x"}'),
        named("content_block_stop", index=0),
        named("message_delta", delta={"stop_reason": "pause_turn"}, usage={"output_tokens": 4}),
        named("message_stop"),
    ]
    relay = untouched(ANTHROPIC)
    assert b"".join(map(relay.feed, stream)) + relay.finish() == b"".join(stream)
    assert relay.ended


def test_an_answer_that_was_filtered_whole_still_is_one_where_pings_stood_before_it() -> None:
    relay = untouched(ANTHROPIC)
    relay.feed(STARTED + named("ping") + named("message_delta", delta={"stop_reason": "refusal"}))
    with pytest.raises(UpstreamFailure) as failed:
        relay.feed(named("message_stop"))
    assert failed.value.failure is FailureClass.CONTENT_FILTERED


IMAGE = chunk({"inlineData": {"mimeType": "image/png", "data": "A" * 1_500_000}}, responseId="r")
LONG = "Be brief. " * 110_000
ECHO = of_response("created", response={"id": "resp_1", "model": "gpt", "instructions": LONG, "output": []})
ECHO_AGAIN = ECHO.replace(b"response.created", b"response.in_progress")
SAID = of_response("output_text.delta", output_index=0, content_index=0, delta="hello")
COMPLETED = of_response("completed", response={"id": "resp_1", "status": "completed", "instructions": LONG})


@pytest.mark.parametrize(
    ("dialect", "stream"),
    [
        (GEMINI, [chunk({"text": "see: "}, responseId="r"), IMAGE, chunk(responseId="r")]),
        (OPENAI_RESPONSES, [ECHO, ECHO_AGAIN, ECHO_AGAIN, ECHO_AGAIN, SAID, COMPLETED]),
    ],
)
def test_a_line_of_more_than_a_mebibyte_passes_where_a_vendor_sends_such(
    dialect: CallerDialect, stream: list[bytes]
) -> None:
    whole, relay = b"".join(stream), untouched(dialect)
    chunks = [whole[at : at + 65_536] for at in range(0, len(whole), 65_536)]
    assert b"".join(map(relay.feed, chunks)) == whole


def test_an_image_of_more_than_a_mebibyte_is_told_in_another_dialect() -> None:
    relay = passage_of(OPENAI_RESPONSES, DialectName.GEMINI, ProviderType.GEMINI).open_relay(
        ASKED, include_usage=True, now=0.0
    )
    assert b"A" * 1_500_000 in relay.feed(IMAGE)


@pytest.mark.parametrize("dialect", [OPENAI_RESPONSES, GEMINI])
def test_no_more_is_held_than_a_frame_may_have_though_it_is_in_two(dialect: CallerDialect) -> None:
    half = b": " + b"x" * (MAX_WIDE_BYTES // 2)
    relay = untouched(dialect)
    assert relay.feed(half + b"\n\n") == b""
    with pytest.raises(UpstreamFailure, match="too much came before any content") as failed:
        relay.feed(half)
    assert failed.value.failure is FailureClass.MALFORMED_RESPONSE


def test_a_line_of_anthropics_keeps_its_bound() -> None:
    long = block("text", text="x" * MAX_LINE_BYTES)
    relay = untouched(ANTHROPIC)
    with pytest.raises(UpstreamFailure, match="a line of the stream is too long"):
        relay.feed(long)


def test_calls_that_are_never_ended_cost_no_more_each_the_more_there_are() -> None:
    reader = provider_dialect(DialectName.ANTHROPIC, Operation.CHAT).open_reader()
    parser = provider_dialect(DialectName.ANTHROPIC, Operation.CHAT).open_parser()
    begun = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    frames = parser.feed(
        b"".join(named("content_block_start", index=place, content_block=begun) for place in range(30_000))
    )
    started = time.process_time()
    events = [event for frame in frames for event in reader.take(frame)]
    assert len(events) == 1 + 30_000
    assert time.process_time() - started < 10, "of each with each it takes minutes"
