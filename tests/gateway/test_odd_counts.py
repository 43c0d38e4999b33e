"""What providers tell of tokens that is odd: what counts as their word, and what is estimated."""

import json
from dataclasses import replace
from typing import Any

import pytest
from doubles.gateway_rig import Rig, config, provider
from doubles.recording_sink import RecordingSink
from doubles.scripted_transport import (
    DONE,
    EVENTS,
    ROLE,
    Answer,
    chunk,
    error,
    plain,
    stream,
    unreachable,
)
from doubles.virtual_time import run_virtual

from fairlead_proxy.contract.config import Resilience
from fairlead_proxy.contract.names import FailureClass, ProviderType, WhenGone
from fairlead_proxy.exchange.errors import UpstreamFailure

CUT = UpstreamFailure(FailureClass.STREAM_BROKEN, "the connection was cut")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, ("estimated", 2)),
        ({"total_tokens": 15}, ("estimated", 2)),
        ({"prompt_tokens": None, "completion_tokens": None}, ("estimated", 2)),
        ({"prompt_tokens": 10**13, "completion_tokens": 5}, ("estimated", 2)),
        ({"prompt_tokens": int("9" * 400), "completion_tokens": 5}, ("estimated", 2)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, ("reported", 0)),
        ({"prompt_tokens": 7}, ("reported", 0)),
    ],
    ids=["empty", "total-only", "nulls", "too-many", "absurd", "zeros", "input-only"],
)
def test_what_says_nothing_of_tokens_is_no_report(told: dict[str, Any], expected: tuple[str, int]) -> None:
    async def main() -> None:
        usage = b"data: " + json.dumps({"id": "c", "choices": [], "usage": told}).encode() + b"\n\n"
        answers = [stream(ROLE, chunk("12345678"), chunk(finish="stop"), usage, DONE)]
        body = {
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
            "usage": told,
        }
        rig = Rig(config([provider("a")]), {"a": [*answers, Answer(body=[json.dumps(body).encode()])]})
        await rig.call(stream=True)
        await rig.call()
        (streamed,), (plainly,) = rig.booked(1), rig.booked(2)
        assert (streamed.basis, streamed.output_tokens) == expected
        assert plainly.basis == expected[0]
        assert rig.sample("fairlead_tokens_total") > -1  # all of it can still be shown

    run_virtual(main())


def test_a_count_that_the_rest_of_the_answer_came_after_is_not_the_whole_though_the_answer_ended_well() -> None:
    async def main() -> None:
        frames: list[dict[str, Any]] = [
            {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 50, "output_tokens": 1}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x" * 40}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
            {"type": "message_stop"},
        ]
        body = [f"event: {frame['type']}\ndata: {json.dumps(frame)}\n\n".encode() for frame in frames]
        rig = Rig(config([provider("a", type_=ProviderType.ANTHROPIC)]), {"a": [Answer(headers=EVENTS, body=body)]})
        await rig.call(stream=True)
        (record,) = rig.booked()
        assert (record.outcome, record.basis) == ("Answered", "estimated")
        assert (record.input_tokens, record.output_tokens) == (50, 1 + 10)

    run_virtual(main())


def test_a_chunk_of_vertex_that_counts_nothing_takes_nothing_from_the_estimate() -> None:
    async def main() -> None:
        told = {"candidates": [{"content": {"parts": [{"text": "12345678"}]}}], "usageMetadata": {"trafficType": "X"}}
        body: list[bytes | Exception] = [b"data: " + json.dumps(told).encode() + b"\r\n\r\n", CUT]
        rig = Rig(config([provider("a", type_=ProviderType.GEMINI)]), {"a": [Answer(headers=EVENTS, body=body)]})
        await rig.call(stream=True)
        (record,) = rig.booked()
        assert (record.basis, record.output_tokens) == ("estimated", 2)
        assert record.input_tokens > 0

    run_virtual(main())


FILTERED = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "content_filter"}]
}
THOUGHT = {"promptTokenCount": 10, "thoughtsTokenCount": 2000}


@pytest.mark.parametrize(
    ("type_", "body", "output"),
    [
        (ProviderType.OPENAI_COMPATIBLE, FILTERED | {"usage": {"prompt_tokens": 10, "completion_tokens": 3}}, 3),
        (ProviderType.GEMINI, {"candidates": [{"finishReason": "SAFETY"}], "usageMetadata": THOUGHT}, 2000),
        (
            ProviderType.GEMINI,
            {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}], "usageMetadata": THOUGHT},
            2000,
        ),
    ],
    ids=["chat-filtered", "gemini-filtered", "gemini-broken-call"],
)
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "stream"])
def test_what_a_provider_counts_it_charges_though_nobody_got_an_answer_of_it(
    type_: ProviderType, body: dict[str, Any], output: int, streamed: bool
) -> None:
    async def main() -> None:
        if not streamed:
            answer = Answer(body=[json.dumps(body).encode()])
        elif type_ is ProviderType.GEMINI:
            answer = Answer(headers=EVENTS, body=[b"data: " + json.dumps(body).encode() + b"\n\n"])
        else:
            usage = b"data: " + json.dumps({"choices": [], "usage": body["usage"]}).encode() + b"\n\n"
            answer = stream(chunk(finish="content_filter"), usage, DONE)
        rig = Rig(config([provider("a", type_=type_)]), {"a": [answer]})
        await rig.call(stream=streamed)
        (record,) = rig.booked()
        assert record.outcome in ("ContentFiltered", "MalformedResponse")
        assert (record.basis, record.input_tokens, record.output_tokens) == ("reported", 10, output)

    run_virtual(main())


@pytest.mark.parametrize("answer", [error(500), error(429), unreachable()], ids=["500", "429", "unreachable"])
def test_a_refusal_that_nobody_waited_for_charges_nothing(answer: Answer) -> None:
    async def main() -> None:
        late = replace(answer, after_seconds=1.0)
        rig = Rig(config([provider("a")], resilience=Resilience(gone=WhenGone.DRAIN)), {"a": [late]})
        await rig.call(sink=RecordingSink(leave_after=0.5))
        assert [(record.basis, record.input_tokens, record.cost_nano) for record in rig.booked()] == [
            ("unbilled", 0, 0)
        ]

    run_virtual(main())


def test_what_is_not_billed_has_no_cost_where_no_price_is_known() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a", price=None), provider("b")]), {"a": [error(500)], "b": [plain()]})
        await rig.call()
        assert [(record.basis, record.cost_nano) for record in rig.booked()] == [
            ("unbilled", None),
            ("reported", 60_000),
        ]

    run_virtual(main())
