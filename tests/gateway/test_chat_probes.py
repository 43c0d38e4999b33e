"""Probes that are real calls: what they ask, what they prove, how they are booked, and when there is none."""

import asyncio
import json

import msgspec
import pytest
from doubles.gateway_rig import provider
from doubles.probing_rig import CHAT, COST, LIST, MODELS, PLAIN_CELL, ProbingRig, by_chat, priced_model, probed_provider
from doubles.scripted_transport import chunk, error, hanging, plain, stream
from doubles.virtual_time import EPOCH, run_virtual, unix_now

from fairlead_proxy.contract.cell import Cell
from fairlead_proxy.contract.names import (
    BreakerState,
    FailureClass,
    MaintenanceState,
    Mode,
    ProviderType,
)
from fairlead_proxy.contract.price import NANO
from fairlead_proxy.contract.usage_record import BEGAN, SPOOLED

STREAM_CELL = Cell("team/a", "anonymous", "m", Mode.STREAM)


def test_a_probe_asks_for_one_token_of_the_model() -> None:
    async def main() -> None:
        probing = ProbingRig([probed_provider()], plain())
        await probing.run(1.0)
        (request,) = probing.rig.transport.requests
        assert probing.paths == [CHAT]
        assert json.loads(request.body) == {
            "model": "m-upstream", "messages": [{"role": "user", "content": "ping"}], "max_tokens": 1, "stream": False,
        }  # fmt: skip

    run_virtual(main())


@pytest.mark.parametrize("type_", [ProviderType.OPENAI, ProviderType.AZURE_OPENAI])
def test_where_the_older_name_of_the_limit_is_refused_the_newer_one_is_sent(type_: ProviderType) -> None:
    async def main() -> None:
        probing = ProbingRig([by_chat(provider("a", type_=type_))], plain())
        await probing.run(1.0)
        (request,) = probing.rig.transport.requests
        body = json.loads(request.body)
        assert (body["max_completion_tokens"], "max_tokens" in body) == (1, False)

    run_virtual(main())


def test_an_answer_closes_a_breaker_at_once_though_its_cooldown_runs() -> None:
    async def main() -> None:
        probing = ProbingRig([probed_provider()], error(500), plain())
        await probing.rig.call()
        assert probing.rig.breakers.read(PLAIN_CELL, unix_now()).state is BreakerState.OPEN
        await probing.run(1.0)
        assert probing.paths == [CHAT, CHAT]
        assert probing.rig.breakers.read(PLAIN_CELL, unix_now()).state is BreakerState.CLOSED
        assert [result.reason for result in probing.results] == [None]

    run_virtual(main())


def test_a_failed_probe_counts_as_a_failed_call_and_is_repeated_every_five_seconds() -> None:
    async def main() -> None:
        probing = ProbingRig([probed_provider()], error(500))
        await probing.run(21.0)
        assert {result.reason for result in probing.results} == {FailureClass.SERVER_ERROR}
        assert 4 <= len(probing.results) <= 5
        reading = probing.rig.breakers.read(PLAIN_CELL, unix_now())
        assert (reading.state, reading.reason) == (BreakerState.OPEN, FailureClass.SERVER_ERROR)
        assert probing.rig.sample("fairlead_attempts_total", outcome="ServerError") == len(probing.results)

    run_virtual(main())


def test_no_probe_comes_before_the_time_that_the_provider_named() -> None:
    async def main() -> None:
        probing = ProbingRig([probed_provider()], error(429, "", ("retry-after", "40")), plain())
        await probing.rig.call()
        await probing.run(39.0)
        assert probing.paths == [CHAT]
        await probing.run(3.0)
        assert probing.paths == [CHAT, CHAT]
        assert probing.rig.breakers.read(PLAIN_CELL, unix_now()).state is BreakerState.CLOSED

    run_virtual(main())


def test_nor_before_the_time_that_it_named_to_a_probe() -> None:
    async def main() -> None:
        probing = ProbingRig([probed_provider()], error(429, "", ("retry-after", "40")), plain())
        await probing.run(39.0)
        (result,) = probing.results
        assert result.reason is FailureClass.RATE_LIMITED
        assert result.until == pytest.approx(EPOCH + 40.0, abs=1.0)
        await probing.run(3.0)
        assert len(probing.results) == 2

    run_virtual(main())


def test_a_request_that_is_refused_shows_a_living_provider_and_proves_no_more() -> None:
    async def main() -> None:
        probing = ProbingRig([probed_provider()], error(500), error(400))
        await probing.rig.call()
        await probing.run(1.0)
        assert [result.reason for result in probing.results] == [None]
        assert probing.rig.breakers.read(PLAIN_CELL, unix_now()).state is BreakerState.HALF_OPEN
        assert probing.rig.breakers.admits(PLAIN_CELL, unix_now())

    run_virtual(main())


def test_a_probe_that_hangs_times_out() -> None:
    async def main() -> None:
        probing = ProbingRig([probed_provider()], hanging())
        await probing.run(12.0)
        assert probing.results[0].reason is FailureClass.TIMEOUT
        assert probing.results[0].at - EPOCH == pytest.approx(10.0, abs=0.1)
        assert probing.rig.transport.cut == len(probing.rig.transport.errands)

    run_virtual(main())


def test_the_mode_that_fails_is_the_one_that_is_asked() -> None:
    async def main() -> None:
        probing = ProbingRig([probed_provider()], error(500), stream(chunk("pong"), chunk(finish="stop")))
        await probing.rig.call(stream=True)
        assert probing.rig.breakers.read(STREAM_CELL, unix_now()).state is BreakerState.OPEN
        await probing.run(1.0)
        assert json.loads(probing.rig.transport.requests[-1].body)["stream"] is True
        assert probing.rig.breakers.read(STREAM_CELL, unix_now()).state is BreakerState.CLOSED
        assert [record.mode for record in probing.booked] == ["stream"]

    run_virtual(main())


def test_the_call_that_tries_a_provider_half_open_is_not_doubled_by_a_probe() -> None:
    async def main() -> None:
        probing = ProbingRig([probed_provider()], error(500), hanging())
        await probing.rig.call()
        await asyncio.sleep(75.0)
        call = asyncio.create_task(probing.rig.call())
        await asyncio.sleep(0.5)
        await probing.run(3.0)
        assert probing.paths == [CHAT, CHAT]
        assert (probing.results, probing.booked) == ([], [])
        await call

    run_virtual(main())


def test_a_probe_that_is_cut_off_is_booked_and_leaves_its_place_to_others() -> None:
    async def main() -> None:
        probing = ProbingRig([probed_provider()], error(500), hanging())
        await probing.rig.call()
        await asyncio.sleep(75.0)
        await probing.run(1.0)
        assert probing.rig.transport.cut == 1
        assert [record.outcome for record in probing.booked] == ["ClientGone"]
        assert probing.rig.breakers.admits(PLAIN_CELL, unix_now())

    run_virtual(main())


def test_a_probe_is_booked_once_and_marked_as_one() -> None:
    async def main() -> None:
        probing = ProbingRig([probed_provider()], plain())
        await probing.run(1.0)
        (record,) = probing.rig.spool.records
        assert (record.namespace, record.caller, record.policy, record.rule) == ("team", "fairlead:probe", "", "")
        assert (record.provider, record.credential, record.model) == ("team/a", "anonymous", "m")
        assert (record.upstream_model, record.virtual_model, record.gateway) == ("m-upstream", "", "team/gateway")
        assert (record.basis, record.outcome, record.attempt) == ("reported", "Answered", 1)
        assert (record.input_tokens, record.output_tokens, record.cost_nano) == (10, 5, COST)
        assert (probing.rig.spool.counters[BEGAN], probing.rig.spool.counters[SPOOLED]) == (1, 1)
        assert [(cost.provider, cost.currency, cost.nano) for cost in probing.budget.known(unix_now()).costs] == [
            ("team/a", "USD", COST)
        ]

    run_virtual(main())


def test_a_probe_counts_as_tokens_cost_and_attempt_but_as_nobodys_call() -> None:
    async def main() -> None:
        probing = ProbingRig([probed_provider()], plain())
        await probing.run(1.0)
        probing.rig.metrics.adopt(probing.rig.config)
        labels = {"namespace": "team", "policy": "", "rule": "", "provider": "team/a", "model": "m"}
        assert probing.rig.sample("fairlead_tokens_total", direction="output", **labels) == 5
        assert probing.rig.sample("fairlead_cost_usd_total", **labels) == COST / NANO
        assert probing.rig.sample("fairlead_attempts_total", outcome="Answered") == 1
        assert probing.rig.sample("fairlead_requests_total") == 0
        assert probing.rig.lines == []

    run_virtual(main())


def test_a_provider_of_another_namespace_than_any_policys_keeps_its_probes_in_the_figures() -> None:
    async def main() -> None:
        other = msgspec.structs.replace(probed_provider(), id="platform/a")
        probing = ProbingRig([other], plain())
        probing.rig.transport.scripts["platform/a"] = [plain()]
        await probing.run(1.0)
        probing.rig.metrics.adopt(probing.rig.config)
        assert probing.rig.sample("fairlead_tokens_total", namespace="platform", direction="input") == 10

    run_virtual(main())


def test_a_provider_that_is_well_is_probed_at_its_interval() -> None:
    async def main() -> None:
        probing = ProbingRig([probed_provider()], plain())
        await probing.run(100.0)
        assert len(probing.booked) == 4

    run_virtual(main())


def test_each_answer_to_a_call_puts_the_next_probe_off() -> None:
    async def main() -> None:
        probing = ProbingRig([probed_provider()], plain())
        await probing.rig.call()
        probing.prober.start()
        for _ in range(10):
            await asyncio.sleep(20.0)
            await probing.rig.call()
        assert probing.booked == []
        await asyncio.sleep(34.0)
        assert len(probing.booked) == 1
        await probing.prober.stop()

    run_virtual(main())


def test_rare_probes_come_in_time_where_calls_have_ceased() -> None:
    async def main() -> None:
        probing = ProbingRig([probed_provider(interval_seconds=300.0)], plain())
        await probing.run(1.0)
        await asyncio.sleep(400.0)
        await probing.rig.call()
        probing.prober.start()
        await asyncio.sleep(40.0)
        assert len(probing.booked) == 1
        await asyncio.sleep(15.0)
        assert len(probing.booked) == 2
        await probing.prober.stop()

    run_virtual(main())


def test_the_cheapest_model_is_asked_where_all_are_well() -> None:
    async def main() -> None:
        probing = ProbingRig(
            [probed_provider(priced_model("m", 9), priced_model("dear", 10), priced_model("cheap", 1))], plain()
        )
        await probing.run(1.0)
        assert [record.model for record in probing.booked] == ["cheap"]

    run_virtual(main())


def test_models_that_fail_are_asked_in_turn() -> None:
    async def main() -> None:
        probing = ProbingRig([probed_provider(priced_model("m", 9), priced_model("cheap", 1))], error(500))
        await probing.rig.call()
        await probing.rig.call(stream=True)
        await probing.run(21.0)
        asked = [(record.model, record.mode) for record in probing.booked[:4]]
        assert asked[:2] == [("m", "plain"), ("m", "stream")]
        assert asked[2:] == asked[:2]

    run_virtual(main())


@pytest.mark.parametrize("state", [MaintenanceState.CORDONED, MaintenanceState.DRAINING])
def test_a_provider_in_maintenance_gets_no_real_call(state: MaintenanceState) -> None:
    async def main() -> None:
        probing = ProbingRig([msgspec.structs.replace(probed_provider(), maintenance=state)], MODELS)
        await probing.run(1.0)
        assert probing.paths == [LIST]
        assert probing.prober.limits == {}

    run_virtual(main())
