"""One proxy probes each provider, and what concerns an account is known to all."""

from hypothesis import given
from hypothesis import strategies as st

from fairlead_operator.fleet.duties import duties_of, elect
from fairlead_operator.heard import HeardProxy
from fairlead_proxy.contract.config import ActiveHealth, Provider
from fairlead_proxy.contract.names import BreakerState, FailureClass, Mode, ProbeMode, ProviderType
from fairlead_proxy.contract.report import Cooldown, Observation, ProbeResult, ProxyReport


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
