"""Probes that are real calls: none costs more than there is for it, and none is made whose price is not known."""

import asyncio

import msgspec
import pytest
from doubles.gateway_rig import PRICE, provider
from doubles.probing_rig import CHAT, COST, LIST, MODELS, PLAIN_CELL, ProbingRig, by_chat, priced_model, probed_provider
from doubles.scripted_transport import Answer, error, plain
from doubles.virtual_time import run_virtual, unix_now

from fairlead_proxy.contract.names import (
    BreakerState,
    ProbeLimit,
    ProviderType,
)
from fairlead_proxy.contract.price import NANO, Price, Rates
from fairlead_proxy.contract.probe_cost import ProbeCost, ProbeCosts
from fairlead_proxy.contract.usage_of_day import day_of
from fairlead_proxy.upstream.probe_budget import expected_cost


def test_no_probe_begins_that_could_cost_more_than_is_left_and_the_next_day_begins_anew() -> None:
    async def main() -> None:
        bound = expected_cost(PRICE)
        assert bound is not None
        probing = ProbingRig([probed_provider(max_cost_nano=2 * COST + bound)], plain(), plain(), plain(), MODELS)
        await probing.run(200.0)
        assert probing.paths[:3] == [CHAT] * 3
        assert set(probing.paths[3:]) == {LIST}
        assert probing.prober.limits == {"team/a": ProbeLimit.BUDGET_SPENT}
        assert sum(record.cost_nano or 0 for record in probing.booked) <= 2 * COST + bound
        await asyncio.sleep(86_400 - unix_now() % 86_400)
        probing.rig.transport.scripts["team/a"] = [plain()]
        await probing.run(1.0)
        assert probing.paths[-1] == CHAT
        assert probing.prober.limits == {}

    run_virtual(main())


def test_a_model_that_uses_more_than_it_should_is_reckoned_with_what_it_has_used() -> None:
    async def main() -> None:
        thinking = Answer(body=[plain().body[0].replace(b'"completion_tokens": 5', b'"completion_tokens": 500')])  # type: ignore[union-attr]  # it is bytes
        cost = 10 * 1_000 + 500 * 10_000
        probing = ProbingRig([probed_provider(max_cost_nano=2 * cost)], thinking, thinking, MODELS)
        await probing.run(200.0)
        assert probing.paths[:2] == [CHAT] * 2
        assert set(probing.paths[2:]) == {LIST}
        assert [record.cost_nano for record in probing.booked] == [cost] * 2
        fewer = ProbingRig([probed_provider(max_cost_nano=2 * cost - 1)], thinking, MODELS)
        await fewer.run(200.0)
        assert (fewer.paths[0], set(fewer.paths[1:])) == (CHAT, {LIST})

    run_virtual(main())


def test_what_the_prober_before_has_spent_counts() -> None:
    async def main() -> None:
        bound = expected_cost(PRICE)
        assert bound is not None
        first = ProbingRig([probed_provider(max_cost_nano=COST + bound)], plain())
        await first.run(1.0)
        second = ProbingRig([probed_provider(max_cost_nano=COST + bound - 1)], MODELS, life="proxy-2")
        second.budget.learn(first.budget.known(unix_now()), unix_now())
        await second.run(1.0)
        assert second.paths == [LIST]
        assert second.prober.limits == {"team/a": ProbeLimit.BUDGET_SPENT}

    run_virtual(main())


def test_what_was_spent_yesterday_does_not_count() -> None:
    async def main() -> None:
        probing = ProbingRig([probed_provider()], plain())
        spent = ProbeCost("team/a", "proxy-0", "USD", NANO)
        probing.budget.learn(ProbeCosts(day=day_of(unix_now() - 86_400), costs=(spent,)), unix_now())
        await probing.run(1.0)
        assert probing.paths == [CHAT]

    run_virtual(main())


@pytest.mark.parametrize(
    "price", [None, Price(rates=Rates(input=1)), Price(rates=Rates(output=1))], ids=["none", "input", "output"]
)
def test_without_a_known_price_the_list_of_models_is_asked_for(price: Price | None) -> None:
    async def main() -> None:
        probing = ProbingRig([by_chat(provider("a", price=price))], MODELS)
        await probing.run(1.0)
        assert probing.paths == [LIST]
        assert probing.prober.limits == {"team/a": ProbeLimit.PRICE_UNKNOWN}
        assert [result.reason for result in probing.results] == [None]
        assert probing.booked == []

    run_virtual(main())


@pytest.mark.parametrize("type_", [ProviderType.BEDROCK, ProviderType.VERTEX_AI])
def test_who_has_no_list_of_models_is_then_asked_nothing(type_: ProviderType) -> None:
    async def main() -> None:
        probing = ProbingRig([by_chat(provider("a", type_=type_, price=None))], MODELS)
        await probing.run(60.0)
        assert (probing.paths, probing.results) == ([], [])
        assert probing.prober.limits == {"team/a": ProbeLimit.PRICE_UNKNOWN}

    run_virtual(main())


def test_a_model_without_a_price_that_fails_is_not_asked_though_others_have_one() -> None:
    async def main() -> None:
        probing = ProbingRig([probed_provider(priced_model("m", None), priced_model("priced", 1))], error(500), MODELS)
        await probing.rig.call()
        await probing.run(1.0)
        assert probing.paths == [CHAT, LIST]
        assert probing.rig.breakers.read(PLAIN_CELL, unix_now()).state is BreakerState.HALF_OPEN
        assert probing.prober.limits == {"team/a": ProbeLimit.PRICE_UNKNOWN}

    run_virtual(main())


def test_a_limit_is_told_only_by_whom_the_duty_is_on() -> None:
    async def main() -> None:
        probing = ProbingRig([by_chat(provider("a", price=None))], MODELS)
        await probing.run(1.0)
        probing.duties = frozenset()
        await probing.run(1.0)
        assert probing.prober.limits == {}

    run_virtual(main())


def test_two_credentials_do_not_spend_the_same_money() -> None:
    async def main() -> None:
        bound = expected_cost(PRICE)
        assert bound is not None
        from_keys = by_chat(provider("a", credentials=["one", "two"]), max_cost_nano=2 * bound - 1)
        keys = {"team/a/one": "sk-1", "team/a/two": "sk-2"}
        probing = ProbingRig([from_keys], plain(after_seconds=2.0), MODELS)
        probing.rig.keys = msgspec.structs.replace(probing.rig.keys, credentials=keys)
        await probing.run(3.0)
        assert sorted(probing.paths) == [LIST, CHAT]

    run_virtual(main())
