"""What the ledger has of a call: one record of each attempt, with its own provider, tokens and cost."""

import json
from typing import Any

import pytest
from doubles.gateway_rig import Rig, config, provider
from doubles.recording_sink import RecordingSink
from doubles.scripted_transport import (
    DONE,
    EVENTS,
    HANG,
    ROLE,
    USAGE,
    Answer,
    chunk,
    error,
    hanging,
    plain,
    stream,
    unreachable,
)
from doubles.virtual_time import EPOCH, run_virtual

from fairlead_proxy.contract.config import Resilience, Timeouts
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.names import FailureClass, ProviderType, WhenBroken, WhenGone
from fairlead_proxy.contract.price import Price, Rates
from fairlead_proxy.contract.usage_record import BEGAN, SPOOLED, UsageRecord
from fairlead_proxy.dialects.registry import ANTHROPIC
from fairlead_proxy.exchange.errors import UpstreamFailure

CUT = UpstreamFailure(FailureClass.STREAM_BROKEN, "the connection was cut")


def billed(record: UsageRecord) -> tuple[str, str, int, int, int | None]:
    return record.provider, record.basis, record.input_tokens, record.output_tokens, record.cost_nano


def test_one_record_tells_who_asked_whom_for_what_and_what_it_cost() -> None:
    async def main() -> None:
        keys = KeyRing(credentials={"team/a/main": "sk-upstream"})
        rig = Rig(config([provider("a", credentials=["main"])]), {"a": [plain(after_seconds=2.0)]}, keys)
        await rig.call()
        (record,) = rig.booked()
        assert (record.id, record.call, record.attempt) == ("d-1.1", "d-1", 1)
        assert (record.at, record.duration_ms) == (int(EPOCH * 1000), 2000)
        assert (record.namespace, record.policy, record.rule) == ("team", "team/policy", "main")
        assert (record.provider, record.credential, record.model) == ("team/a", "main", "m")
        assert (record.upstream_model, record.virtual_model) == ("m-upstream", "smart")
        assert (record.operation, record.mode, record.outcome, record.status) == ("chat", "plain", "Answered", 200)
        assert (record.basis, record.input_tokens, record.output_tokens) == ("reported", 10, 5)
        assert (record.cost_nano, record.currency) == (60_000, "USD")
        used = json.loads(record.price)
        assert (used["source"], used["rates"]["input"]) == ("ModelProvider", 1_000_000_000)

    run_virtual(main())


def test_each_attempt_is_booked_with_its_own_provider_and_only_what_was_used_is_charged() -> None:
    async def main() -> None:
        rig = Rig(
            config([provider("a"), provider("b"), provider("c")]),
            {"a": [error(500)], "b": [unreachable()], "c": [plain()]},
        )
        caller = await rig.call()
        assert [billed(record) for record in rig.booked()] == [
            ("team/a", "unbilled", 0, 0, 0),
            ("team/b", "unbilled", 0, 0, 0),
            ("team/c", "reported", 10, 5, 60_000),
        ]
        assert [record.id for record in rig.booked()] == ["d-1.1", "d-1.2", "d-1.3"]
        assert [record.outcome for record in rig.booked()] == ["ServerError", "Unreachable", "Answered"]
        assert caller.cost_told == "0.00006"

    run_virtual(main())


def test_a_stream_that_another_target_goes_on_with_is_charged_at_both() -> None:
    async def main() -> None:
        resilience = Resilience(broken=WhenBroken.CONTINUE)
        broken = stream(ROLE, chunk("12345678"), CUT)
        rig = Rig(config([provider("a"), provider("b")], resilience=resilience), {"a": [broken], "b": [stream()]})
        caller = await rig.call(stream=True)
        first, second = rig.booked()
        assert (first.basis, first.output_tokens) == ("estimated", 2)
        assert billed(second) == ("team/b", "reported", 10, 5, 60_000)
        assert first.cost_nano is not None
        assert caller.cost_told == f"{(first.cost_nano + 60_000) / 1e9:.9f}".rstrip("0")

    run_virtual(main())


@pytest.mark.parametrize(
    ("answer", "leaves", "output"),
    [
        (stream(ROLE, chunk("12345678"), HANG), 1.0, 2),
        (hanging(), 1.0, 0),
        (stream(ROLE, chunk("1234"), chunk(finish="stop"), HANG), 1.0, 1),
    ],
    ids=["mid-stream", "before-the-first-byte", "before-the-count"],
)
def test_a_caller_that_leaves_is_charged_by_estimate(answer: Answer, leaves: float, output: int) -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [answer]})
        await rig.call(stream=True, sink=RecordingSink(leave_after=leaves))
        (record,) = rig.booked()
        assert (record.outcome, record.basis, record.output_tokens) == ("ClientGone", "estimated", output)
        assert record.input_tokens > 0
        assert record.cost_nano

    run_virtual(main())


def test_a_count_that_came_before_the_caller_left_is_the_providers() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [stream(ROLE, chunk("hi"), chunk(finish="stop"), USAGE, HANG)]})
        await rig.call(stream=True, sink=RecordingSink(leave_after=1.0))
        assert [billed(record) for record in rig.booked()] == [("team/a", "reported", 10, 5, 60_000)]

    run_virtual(main())


def test_a_count_told_before_the_answer_is_not_taken_for_the_whole_when_it_breaks_off() -> None:
    async def main() -> None:
        frames: list[dict[str, Any]] = [
            {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 50, "output_tokens": 1}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x" * 40}},
        ]
        body = [f"event: {frame['type']}\ndata: {json.dumps(frame)}\n\n".encode() for frame in frames]
        rig = Rig(
            config([provider("a", type_=ProviderType.ANTHROPIC)]), {"a": [Answer(headers=EVENTS, body=[*body, HANG])]}
        )
        asked = {"model": "smart", "max_tokens": 5, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        sink = RecordingSink(leave_after=1.0)
        await rig.raw_call(json.dumps(asked).encode(), dialect=ANTHROPIC, sink=sink)
        (record,) = rig.booked()
        assert (record.basis, record.input_tokens, record.output_tokens) == ("estimated", 50, 1 + 10)

    run_virtual(main())


def test_an_overloaded_provider_that_told_a_count_before_any_content_charges_nothing() -> None:
    async def main() -> None:
        start = {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 50, "output_tokens": 1}}}
        fault = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
        body = [f"event: {frame['type']}\ndata: {json.dumps(frame)}\n\n".encode() for frame in (start, fault)]
        rig = Rig(
            config([provider("a", type_=ProviderType.ANTHROPIC), provider("b")]),
            {"a": [Answer(headers=EVENTS, body=body)], "b": [stream()]},
        )
        await rig.call(stream=True)
        assert [billed(record)[:2] for record in rig.booked()] == [("team/a", "unbilled"), ("team/b", "reported")]

    run_virtual(main())


def test_a_stream_that_ends_without_a_count_is_estimated_and_its_caller_told_so_much() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [stream(ROLE, chunk("12345678"), chunk(finish="stop"), DONE)]})
        caller = await rig.call(stream=True)
        (record,) = rig.booked()
        assert (record.basis, record.output_tokens) == ("estimated", 2)
        assert record.cost_nano is not None
        assert caller.cost_told == f"{record.cost_nano / 1e9:.9f}".rstrip("0")

    run_virtual(main())


def test_an_explicit_zero_stays_zero_and_an_unknown_price_is_none() -> None:
    async def main() -> None:
        free = Price(rates=Rates(input=0, output=0))
        for price, cost, told in ((free, 0, "0"), (None, None, ""), (Price(rates=Rates(input=1)), None, "")):
            rig = Rig(config([provider("a", price=price)]), {"a": [plain()]})
            caller = await rig.call()
            (record,) = rig.booked()
            assert (record.basis, record.cost_nano, caller.cost_told) == ("reported", cost, told)

    run_virtual(main())


def test_a_cost_in_another_currency_is_booked_and_not_told_as_dollars() -> None:
    async def main() -> None:
        euros = Price(currency="EUR", rates=Rates(input=1_000_000_000, output=1_000_000_000))
        rig = Rig(config([provider("a", price=euros)]), {"a": [plain()]})
        caller = await rig.call()
        (record,) = rig.booked()
        assert (record.cost_nano, record.currency, caller.cost_told) == (15_000, "EUR", "")

    run_virtual(main())


def test_each_attempts_cost_is_rounded_half_up_and_every_sum_is_of_rounded_ones() -> None:
    async def main() -> None:
        half = Price(rates=Rates(input=50_000, output=0))  # ten tokens are half a nano-dollar
        rig = Rig(config([provider("a", price=half)]), {"a": [plain()]})
        for _ in range(3):
            await rig.call()
        assert [record.cost_nano for record in rig.spool.records] == [1, 1, 1]
        assert rig.sample("fairlead_cost_usd_total") == pytest.approx(3e-9)

    run_virtual(main())


def test_a_call_that_no_target_was_asked_for_is_no_attempt() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": []})
        await rig.call(model="nobody-offers-this")
        assert rig.booked() == []
        assert rig.spool.counters[BEGAN] == 0

    run_virtual(main())


def test_every_attempt_that_begins_is_booked_or_still_under_way() -> None:
    async def main() -> None:
        resilience = Resilience(timeouts=Timeouts(per_try_seconds=1.0, total_seconds=30.0))
        rig = Rig(
            config([provider("a"), provider("b")], resilience=resilience),
            {"a": [hanging(), error(429), plain()], "b": [unreachable(), plain()]},
        )
        for _ in range(6):
            await rig.call()
        assert rig.spool.counters[BEGAN] == rig.spool.counters[SPOOLED] == len(rig.spool.records)
        assert len({record.id for record in rig.spool.records}) == len(rig.spool.records)

    run_virtual(main())


def test_kinds_begin_anew_where_the_spool_took_none_and_nothing_else_is_lost() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [plain()]})
        await rig.call()
        rig.spool.full = True
        await rig.call()
        rig.spool.full = False
        await rig.call()
        assert [record.call for record in rig.spool.records] == ["d-1", "d-3"]
        assert list(rig.spool.counters) == [3, 2, 1]

    run_virtual(main())


@pytest.mark.parametrize("streamed", [True, False], ids=["stream", "plain"])
def test_a_caller_that_leaves_is_charged_what_the_provider_counts_where_the_rule_hears_it_out(streamed: bool) -> None:
    async def main() -> None:
        late = stream(ROLE, chunk("hel"), 1.0, chunk("lo"), chunk(finish="stop"), USAGE, DONE)
        answer = late if streamed else plain(after_seconds=1.5)
        rig = Rig(
            config([provider("a"), provider("b")], resilience=Resilience(gone=WhenGone.DRAIN)),
            {"a": [answer], "b": []},
        )
        await rig.call(stream=streamed, sink=RecordingSink(leave_after=0.5))
        (record,) = rig.booked()
        assert (record.outcome, record.duration_ms) == ("ClientGone", 1000 if streamed else 1500)
        assert billed(record) == ("team/a", "reported", 10, 5, 60_000)
        assert (rig.record().code, rig.record().reason) == (499, "ClientGone")

    run_virtual(main())


@pytest.mark.parametrize("parts", [(HANG,), (CUT,)], ids=["silent", "cut"])
def test_who_is_heard_out_in_vain_is_charged_by_estimate_two_seconds_later_at_most(parts: tuple[object, ...]) -> None:
    async def main() -> None:
        answer = stream(ROLE, chunk("12345678"), 1.0, *parts)  # type: ignore[arg-type]
        resilience = Resilience(gone=WhenGone.DRAIN, broken=WhenBroken.CONTINUE)
        rig = Rig(config([provider("a"), provider("b")], resilience=resilience), {"a": [answer], "b": [stream()]})
        await rig.call(stream=True, sink=RecordingSink(leave_after=0.5))
        (record,) = rig.booked()
        assert (record.outcome, record.basis, record.output_tokens) == ("ClientGone", "estimated", 2)
        assert record.duration_ms == (2500 if parts == (HANG,) else 1000)
        assert rig.record().code == 499

    run_virtual(main())
