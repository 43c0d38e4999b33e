"""One proxy probes each provider, and what concerns an account is known to all."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fairlead_operator.fleet.duties import duties_of, elect
from fairlead_operator.heard import HeardProxy
from fairlead_proxy.contract.config import ActiveHealth, Provider
from fairlead_proxy.contract.names import BreakerState, FailureClass, Mode, ProbeMode, ProviderType
from fairlead_proxy.contract.probe_cost import ProbeCost, ProbeCosts
from fairlead_proxy.contract.report import Cooldown, Observation, ProbeResult, ProxyReport
from fairlead_proxy.upstream.probe_budget import ProbeBudget


def provider(name: str, mode: ProbeMode = ProbeMode.LIST_MODELS) -> Provider:
    return Provider(id=f"ai/{name}", type=ProviderType.OPENAI, active=ActiveHealth(mode=mode))


def report(name: str, *observations: Observation, probes: tuple[ProbeResult, ...] = ()) -> ProxyReport:
    return ProxyReport(
        proxy=name, sequence=1, now=1000.0, revision="r-1", ready=True, observations=observations, probes=probes
    )


def opened(reason: FailureClass, until: float = 1060.0, **more: bool | float) -> Observation:
    return Observation(
        provider="ai/p",
        credential="main",
        model="m",
        mode=Mode.PLAIN,
        breaker=BreakerState.OPEN,
        reason=reason,
        until=until,
        last_attempt=990.0,
        **more,  # type: ignore[arg-type]  # tests only
    )


def heard_of(name: str, said: ProxyReport, at: float = 1000.0) -> HeardProxy:
    return HeardProxy(name, True, said, at)


PROVIDERS = [provider(f"p{number}") for number in range(20)]
NAMES = st.lists(st.text("abcdef0123456789", min_size=5, max_size=5), min_size=1, max_size=8, unique=True)


@given(NAMES)
def test_each_provider_has_one_prober(ready: list[str]) -> None:
    probed = [each for ids in elect(PROVIDERS, ready).values() for each in ids]
    assert sorted(probed) == sorted(each.id for each in PROVIDERS)


@given(NAMES, st.data())
def test_only_the_providers_of_a_proxy_that_left_move(ready: list[str], data: st.DataObject) -> None:
    leaver = data.draw(st.sampled_from(ready))
    stayers = [name for name in ready if name != leaver]
    before, after = elect(PROVIDERS, ready), elect(PROVIDERS, stayers)
    for name in stayers:
        assert set(before.get(name, ())) <= set(after.get(name, ()))


def test_what_probes_have_cost_is_told_to_all_of_the_fleet_also_what_those_spent_that_are_gone() -> None:
    before = ProbeCosts(day="2026-11-26", costs=(ProbeCost("ai/p", "gone-1", "USD", 99),))
    gone = ProbeCost("ai/p", "gone-2", "USD", 30)
    first, later = ProbeCost("ai/p", "a-1", "USD", 5), ProbeCost("ai/p", "a-1", "USD", 7)
    told = (before, ProbeCosts(day="2026-11-27", costs=(gone, first)), ProbeCosts(day="2026-11-27", costs=(later,)))
    heard = [heard_of(name, replace(report(name), probe_costs=costs)) for name, costs in zip("abc", told, strict=True)]
    duties = duties_of([provider("p", ProbeMode.CHAT)], heard)
    expected = ProbeCosts(day="2026-11-27", costs=(later, gone))
    assert [duties[name].probe_costs for name in "abc"] == [expected] * 3


def test_who_takes_the_probing_over_goes_on_with_the_money_though_all_before_have_gone() -> None:
    asked = replace(provider("p"), active=ActiveHealth(mode=ProbeMode.CHAT, max_cost_nano=100))
    first, second, third = (ProbeBudget(life) for life in ("a-1", "b-1", "c-1"))
    for before, budget, after in (("a", first, second), ("b", second, third)):
        assert budget.reserve(asked, "USD", 40, 1000.0)
        budget.settle(asked, "USD", 40, 40, 1000.0)
        heard = [
            heard_of(before, replace(report(before), probe_costs=budget.known(1000.0))),
            heard_of("z", report("z")),
        ]
        after.learn(duties_of([asked], heard)["z"].probe_costs, 1000.0)
    assert not third.reserve(asked, "USD", 21, 1000.0)
    assert third.reserve(asked, "USD", 20, 1000.0)
    assert third.reserve(asked, "EUR", 100, 1000.0)


def test_each_provider_that_is_asked_by_real_calls_has_one_prober() -> None:
    assert [*elect([provider("p", ProbeMode.CHAT)], ["a", "b"]).values()] == [("ai/p",)]


def test_a_provider_without_probes_has_no_prober() -> None:
    assert elect([provider("quiet", ProbeMode.NONE)], ["a", "b"]) == {}


def test_a_limit_learnt_by_one_is_known_to_the_others_and_not_told_back() -> None:
    heard = [
        heard_of("a", report("a", opened(FailureClass.RATE_LIMITED, retry_after=True))),
        heard_of("b", report("b")),
    ]
    duties = duties_of([], heard)
    assert duties["a"].cooldowns == ()
    assert duties["b"].cooldowns == (
        Cooldown(
            provider="ai/p",
            credential="main",
            model="m",
            mode=Mode.PLAIN,
            reason=FailureClass.RATE_LIMITED,
            until=1060.0,
            retry_after=True,
        ),
    )


def test_a_proxy_that_cannot_connect_keeps_that_to_itself() -> None:
    heard = [heard_of("a", report("a", opened(FailureClass.UNREACHABLE))), heard_of("b", report("b"))]
    assert duties_of([], heard)["b"].cooldowns == ()


def test_a_clock_that_is_ahead_is_corrected() -> None:
    heard = [heard_of("a", report("a", opened(FailureClass.RATE_LIMITED)), at=950.0), heard_of("b", report("b"))]
    assert duties_of([], heard)["b"].cooldowns[0].until == 1010.0


def test_a_cooldown_is_told_by_the_clock_of_the_proxy_that_hears_it() -> None:
    heard = [heard_of("a", report("a", opened(FailureClass.RATE_LIMITED))), heard_of("b", report("b"), at=1100.0)]
    assert duties_of([], heard)["b"].cooldowns[0].until == 960.0


def test_a_good_probe_lifts_what_others_opened_before_it() -> None:
    good = ProbeResult(provider="ai/p", credential="main", at=995.0)
    heard = [heard_of("a", report("a", probes=(good,))), heard_of("b", report("b", opened(FailureClass.UNREACHABLE)))]
    duties = duties_of([], heard)
    assert [cooldown.until for cooldown in duties["b"].cooldowns] == [995.0]
    assert duties["a"].cooldowns == ()


def test_the_prober_is_told_which_credentials_ail_others() -> None:
    (prober,) = elect([provider("p")], ["a", "b"])
    (other,) = {"a", "b"} - {prober}
    heard = [heard_of(prober, report(prober)), heard_of(other, report(other, opened(FailureClass.TIMEOUT)))]
    duties = duties_of([provider("p")], heard)
    assert {name: given.ailing for name, given in duties.items() if given.ailing} == {prober: ("ai/p/main",)}


def test_a_time_that_the_provider_named_asks_for_no_probe() -> None:
    limited = opened(FailureClass.RATE_LIMITED, retry_after=True)
    assert duties_of([provider("p")], [heard_of("a", report("a", limited))])["a"].ailing == ()


def test_a_good_probe_older_than_the_failure_lifts_nothing() -> None:
    good = ProbeResult(provider="ai/p", credential="main", at=985.0)
    heard = [heard_of("a", report("a", probes=(good,))), heard_of("b", report("b", opened(FailureClass.UNREACHABLE)))]
    assert duties_of([], heard)["b"].cooldowns == ()


def test_a_good_probe_never_lifts_a_time_that_the_provider_named() -> None:
    good = ProbeResult(provider="ai/p", credential="main", at=995.0)
    limited = opened(FailureClass.RATE_LIMITED, retry_after=True)
    heard = [heard_of("a", report("a", probes=(good,))), heard_of("b", report("b", limited))]
    assert [cooldown.until for cooldown in duties_of([], heard)["a"].cooldowns] == [1060.0]
    assert duties_of([], heard)["b"].cooldowns == ()
