"""Streams written to callers in Anthropic's form, as the vendor's own SDK accumulates them."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic.types import RedactedThinkingBlock, TextBlock, ThinkingBlock
from anthropic.types import ToolUseBlock as SdkToolUse

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.anthropic.dialect import AnthropicMessages
from fairlead_proxy.dialects.anthropic.thoughts import UNSIGNED, write_call_seal
from fairlead_proxy.exchange.completion import (
    Began,
    ChoiceEnded,
    Ended,
    PartBegan,
    PartEnded,
    PartGrew,
    Stop,
    StreamEvent,
    UsageTold,
)
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
from fairlead_proxy.exchange.errors import Answer
from fairlead_proxy.exchange.seals import write_seal
from fairlead_proxy.exchange.usage import Usage

DIALECT = AnthropicMessages()
OWN, GEMINI = DialectName.ANTHROPIC, DialectName.GEMINI
NOW = 1_800_000_000.0
REQUEST = DIALECT.read_request(b'{"model":"smart","stream":true,"messages":[{"role":"user","content":"hello"}]}')
BEGAN = Began("msg_1", "claude")
FOREIGN = Seal(GEMINI, "CoQB")


def write(events: Iterable[StreamEvent]) -> bytes:
    writer = DIALECT.open_writer(REQUEST, now=NOW)
    return b"".join(writer.write(event) for event in events)


def frames_of(body: bytes) -> list[dict[str, Any]]:
    parser = DIALECT.open_parser()
    frames = [json.loads(event.data or b"") for event in parser.feed(body)]
    assert parser.finish() == []
    return frames


@contextmanager
def client_of(body: bytes) -> Iterator[anthropic.Anthropic]:
    headers = {"content-type": "text/event-stream"}
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, content=body, headers=headers))
    http_client = httpx2.Client(transport=transport)
    with anthropic.Anthropic(
        api_key="k", base_url="http://gateway.test", http_client=http_client, max_retries=0
    ) as client:
        yield client


def accumulate(*events: StreamEvent) -> Any:
    body = write((BEGAN, *events, Ended()))
    with (
        client_of(body) as client,
        client.messages.stream(model="smart", max_tokens=5, messages=[{"role": "user", "content": "hi"}]) as stream,
    ):
        return stream.get_final_message()


def test_a_stream_is_framed_as_the_vendors() -> None:
    body = write(
        [
            BEGAN,
            UsageTold(Usage(40, 1, 5, 10)),
            PartBegan(0, Text("")),
            PartGrew(0, "Hi"),
            PartEnded(0),
            ChoiceEnded(Stop.SEQUENCE, "END"),
            UsageTold(Usage(40, 15, 5, 10, 3)),
            Ended(),
        ]
    )
    assert [line for line in body.decode().split("\n") if line.startswith("event")] == [
        "event: message_start",
        "event: content_block_start",
        "event: content_block_delta",
        "event: content_block_stop",
        "event: message_delta",
        "event: message_stop",
    ]
    counts = {"input_tokens": 25, "cache_creation_input_tokens": 10, "cache_read_input_tokens": 5}
    assert frames_of(body) == [
        {
            "type": "message_start",
            "message": {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": "claude",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {**counts, "output_tokens": 1},
            },
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "stop_sequence", "stop_sequence": "END"},
            "usage": {**counts, "output_tokens": 15, "output_tokens_details": {"thinking_tokens": 3}},
        },
        {"type": "message_stop"},
    ]


def test_nothing_is_written_before_the_first_part() -> None:
    assert write([BEGAN, UsageTold(Usage(5))]) == b""


def test_a_stream_without_anything_is_whole() -> None:
    kinds = [frame["type"] for frame in frames_of(write([Ended()]))]
    assert kinds == ["message_start", "message_delta", "message_stop"]


@pytest.mark.parametrize(
    ("events", "content"),
    [
        (
            (PartBegan(0, Text("")), PartGrew(0, "Hel"), PartGrew(0, "lo"), PartEnded(0)),
            [TextBlock(type="text", text="Hello")],
        ),
        (
            (PartBegan(0, Refusal("")), PartGrew(0, "no."), PartEnded(0)),
            [TextBlock(type="text", text="no.")],
        ),
        (
            (PartBegan(0, Media(MediaKind.IMAGE, url="https://cat.example")), PartEnded(0)),
            [TextBlock(type="text", text="![image](https://cat.example)")],
        ),
        (
            (PartBegan(0, Reasoning()), PartGrew(0, "hm"), PartGrew(0, seal=Seal(OWN, "EqQB")), PartEnded(0)),
            [ThinkingBlock(type="thinking", thinking="hm", signature="EqQB")],
        ),
        (
            (PartBegan(0, Reasoning()), PartGrew(0, "hm"), PartEnded(0)),
            [ThinkingBlock(type="thinking", thinking="hm", signature=UNSIGNED)],
        ),
        (
            (PartBegan(0, Reasoning(seal=FOREIGN)), PartEnded(0)),
            [ThinkingBlock(type="thinking", thinking="", signature=write_seal(FOREIGN, OWN))],
        ),
        (
            (PartBegan(0, Reasoning(seal=Seal(OWN, "redacted:EmwK"))), PartEnded(0)),
            [RedactedThinkingBlock(type="redacted_thinking", data="EmwK")],
        ),
        (
            (
                PartBegan(0, ToolCall("call_1", "look", "")),
                PartGrew(0, '{"at'),
                PartGrew(0, '": 1}', seal=FOREIGN),
                PartEnded(0),
            ),
            [
                SdkToolUse(type="tool_use", id="call_1", name="look", input={"at": 1}),
                RedactedThinkingBlock(type="redacted_thinking", data=write_call_seal("call_1", FOREIGN)),
            ],
        ),
        (
            (PartBegan(0, ToolCall("a:1", "look", "", FOREIGN)), PartGrew(0, "{}"), PartEnded(0)),
            [
                RedactedThinkingBlock(type="redacted_thinking", data=write_call_seal("a_1_2b2c40a6", FOREIGN)),
                SdkToolUse(type="tool_use", id="a_1_2b2c40a6", name="look", input={}),
            ],
        ),
    ],
)
def test_each_part_is_accumulated_by_the_sdk(events: tuple[StreamEvent, ...], content: list[Any]) -> None:
    message = accumulate(*events)
    assert [block.model_dump(exclude_none=True) for block in message.content] == [
        block.model_dump(exclude_none=True) for block in content
    ]


def test_citations_are_accumulated_by_the_sdk() -> None:
    cited = PartGrew(0, citation=Citation("https://a.example", "A", "found", 0, 2))
    uncited = PartGrew(0, citation=Citation(None, "B"))
    message = accumulate(PartBegan(0, Text("")), PartGrew(0, "ok"), cited, uncited, PartEnded(0))
    assert [(each.url, each.cited_text) for each in message.content[0].citations] == [("https://a.example", "found")]


def test_calls_that_overlap_are_written_one_after_the_other() -> None:
    body = write(
        (
            PartBegan(0, ToolCall("call_1", "look", "")),
            PartBegan(1, ToolCall("call_2", "listen", "")),
            PartGrew(1, '{"b'),
            PartGrew(0, '{"a'),
            PartGrew(1, '": 2}'),
            PartEnded(1),
            PartBegan(2, Text("")),
            PartGrew(2, "third"),
            PartGrew(0, '": 1}'),
            PartEnded(0),
            PartEnded(2),
            Ended(),
        )
    )
    steps = [(frame["type"], frame["index"]) for frame in frames_of(body) if "index" in frame]
    assert [index for _, index in steps] == sorted(index for _, index in steps)
    inputs = [frame["delta"] for frame in frames_of(body) if frame["type"] == "content_block_delta"]
    assert [delta.get("partial_json", delta.get("text")) for delta in inputs] == [
        *('{"a', '": 1}', '{"b', '": 2}', "third"),
    ]


def test_a_part_that_was_not_ended_ends_with_the_answer() -> None:
    message = accumulate(
        PartBegan(0, ToolCall("call_1", "look", "")),
        PartBegan(1, ToolCall("call_2", "look", "")),
        PartGrew(1, '{"b": 2}'),
        ChoiceEnded(Stop.TOOL_CALLS),
    )
    assert [block.input for block in message.content] == [{}, {"b": 2}]
    assert message.stop_reason == "tool_use"


def test_another_choice_has_no_room() -> None:
    events = (PartBegan(0, Text(""), 1), PartGrew(0, "x", 1), PartEnded(0, 1), ChoiceEnded(Stop.LENGTH, None, 1))
    message = accumulate(*events, ChoiceEnded(Stop.END))
    assert (message.content, message.stop_reason) == ([], "end_turn")


def test_the_final_counts_are_the_last_ones() -> None:
    message = accumulate(
        UsageTold(Usage(10)),
        PartBegan(0, Text("")),
        PartEnded(0),
        UsageTold(Usage(12, 5, 3)),
        UsageTold(Usage(13, 7, 3)),
    )
    assert (message.usage.input_tokens, message.usage.output_tokens) == (10, 7)
    assert message.usage.cache_read_input_tokens == 3


@pytest.mark.parametrize(
    ("status", "kind"),
    [(502, "api_error"), (503, "overloaded_error"), (429, "rate_limit_error")],
)
def test_the_sdk_raises_when_a_stream_ends_with_an_error(status: int, kind: str) -> None:
    body = write((BEGAN, PartBegan(0, Text("")), PartGrew(0, "Hel")))
    body += DIALECT.render_stream_error(Answer(status, "upstream_failed", "the answer broke off"))
    with (
        client_of(body) as client,
        client.messages.stream(model="smart", max_tokens=5, messages=[{"role": "user", "content": "hi"}]) as stream,
    ):
        with pytest.raises(anthropic.APIStatusError) as raised:
            stream.until_done()
        assert stream.current_message_snapshot.content[0].text == "Hel"  # type: ignore[union-attr]
    assert raised.value.type == kind
