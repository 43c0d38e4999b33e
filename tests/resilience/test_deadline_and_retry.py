"""Deadlines, back-off and the retry budget, as laws."""

from random import Random

from doubles.gateway_rig import config, provider
from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.contract.config import Resilience, Retry, Route, Timeouts
from fairlead_proxy.contract.names import FailureClass, Mode
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.resilience.deadline import Deadlines
from fairlead_proxy.resilience.retry import FLOOR, SPAN_SECONDS, RetryBudget, backoff_seconds

SECONDS = st.floats(0.1, 1000.0)
TIMEOUTS = st.builds(
    Timeouts, total_seconds=SECONDS, per_try_seconds=SECONDS, first_token_seconds=SECONDS, idle_seconds=SECONDS
)
FAILURE = UpstreamFailure(FailureClass.SERVER_ERROR)


@given(TIMEOUTS, st.sampled_from(Mode), SECONDS)
def test_no_attempt_outlives_its_call(timeouts: Timeouts, mode: Mode, heard: float) -> None:
    deadlines = Deadlines(timeouts, mode, 0.0, 0.0)
    assert deadlines.due()[0] <= timeouts.total_seconds
    deadlines.commit(heard)
    deadlines.heard_at = heard
    assert deadlines.due()[0] <= timeouts.total_seconds


@given(TIMEOUTS, SECONDS)
def test_first_token_binds_streams_only(timeouts: Timeouts, now: float) -> None:
    plain = Deadlines(timeouts, Mode.PLAIN, now, now)
    streamed = Deadlines(timeouts, Mode.STREAM, now, now)
    assert plain.due()[0] == now + min(timeouts.total_seconds, timeouts.per_try_seconds)
    assert streamed.due()[0] == min(plain.due()[0], now + timeouts.first_token_seconds)


@given(TIMEOUTS, SECONDS)
def test_looking_again_in_time_misses_no_deadline(timeouts: Timeouts, now: float) -> None:
    deadlines = Deadlines(timeouts, Mode.STREAM, 0.0, 0.0)
    deadlines.commit(now)
    deadlines.pause()
    look = deadlines.look_again_at(now)
    deadlines.resume(now)
    assert look <= max(deadlines.due()[0], timeouts.total_seconds)
    assert deadlines.look_again_at(now) <= deadlines.due()[0]


@given(st.floats(0.0, 5.0), st.floats(0.0, 60.0), st.integers(0, 1000), st.randoms(use_true_random=False))
def test_backoff_is_within_its_bounds(base: float, most: float, repeat: int, rng: Random) -> None:
    retry = Retry(backoff_base_seconds=base, backoff_max_seconds=most)
    assert 0.0 <= backoff_seconds(retry, repeat, rng) <= min(most, base * 2.0 ** min(repeat, 30))


def route(percent: int) -> Route:
    retry = Retry(same_target=1, budget_percent=percent, backoff_base_seconds=0.0)
    (found,) = config([provider("a")], resilience=Resilience(retry=retry)).routes["team", "smart"]
    return found


@given(st.integers(1, 100), st.integers(1, 300))
def test_repeats_never_exceed_their_share_of_the_calls(percent: int, calls: int) -> None:
    budget, rng = RetryBudget(), Random(1)
    allowances = [budget.open_allowance(route(percent), 4, 0.0) for _ in range(calls)]
    repeats = sum(one.repeat_delay(FAILURE, 0, 0.0, rng) is not None for one in allowances)
    assert repeats == min(calls, max(FLOOR, -(-calls * percent // 100)))


def test_zero_percent_means_none() -> None:
    assert RetryBudget().open_allowance(route(0), 4, 0.0).repeat_delay(FAILURE, 0, 0.0, Random(1)) is None


def test_budget_comes_back_with_time() -> None:
    budget, rng = RetryBudget(), Random(1)
    early = [budget.open_allowance(route(20), 4, 0.0) for _ in range(FLOOR + 1)]
    assert [one.repeat_delay(FAILURE, 0, 0.0, rng) is not None for one in early] == [True] * FLOOR + [False]
    late = budget.open_allowance(route(20), 4, 2 * SPAN_SECONDS)
    assert late.repeat_delay(FAILURE, 0, 2 * SPAN_SECONDS, rng) is not None


def test_repeat_that_would_come_after_the_total_deadline_is_not_made() -> None:
    retry = Retry(same_target=1)
    resilience = Resilience(retry=retry, timeouts=Timeouts(total_seconds=5.0))
    (found,) = config([provider("a")], resilience=resilience).routes["team", "smart"]
    assert RetryBudget().open_allowance(found, 4, 0.0).repeat_delay(FAILURE, 0, 5.0, Random(1)) is None


def test_attempts_are_counted() -> None:
    allowance = RetryBudget().open_allowance(route(20), 2, 0.0)
    allowance.spend()
    assert allowance.allows(0.0)
    allowance.spend()
    assert not allowance.allows(0.0)


def test_provider_that_names_a_time_is_not_asked_again_by_the_same_call() -> None:
    told = UpstreamFailure(FailureClass.OVERLOADED, retry_after_seconds=1.0)
    assert RetryBudget().open_allowance(route(20), 4, 0.0).repeat_delay(told, 0, 0.0, Random(1)) is None
