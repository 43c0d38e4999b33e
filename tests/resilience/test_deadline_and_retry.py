"""Deadlines, back-off and the retry budget, as laws."""

from collections.abc import Iterator
from random import Random

import pytest
from doubles.gateway_rig import config, provider
from doubles.virtual_time import VirtualLoop
from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.contract.cell import Cell
from fairlead_proxy.contract.config import Resilience, Retry, Timeouts
from fairlead_proxy.contract.linked import Route
from fairlead_proxy.contract.names import FailureClass, Mode, Operation
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.resilience.breaker import Breakers
from fairlead_proxy.resilience.retry import FLOOR, SPAN_SECONDS, RetryBudget, backoff_seconds
from fairlead_proxy.resilience.watch import Watch
from fairlead_proxy.resilience.wheel import Wheel

SECONDS = st.floats(0.1, 1000.0)
TIMEOUTS = st.builds(
    Timeouts, total_seconds=SECONDS, per_try_seconds=SECONDS, first_token_seconds=SECONDS, idle_seconds=SECONDS
)
FAILURE = UpstreamFailure(FailureClass.SERVER_ERROR)


@pytest.fixture(scope="module")
def wheel() -> Iterator[Wheel]:
    """A wheel that never turns: a law asks for itself what is due."""
    loop = VirtualLoop()
    yield Wheel(loop)
    loop.close()


def watch_over(wheel: Wheel, timeouts: Timeouts, mode: Mode, total_at: float, now: float) -> Watch:
    """Return a watch that has begun at `now`."""
    watch = Watch(
        Cell("ai/p", "main", "m", mode),
        Operation.CHAT,
        timeouts,
        total_at,
        breakers=Breakers(Random(1)),
        wheel=wheel,
        unix=lambda: now,
        interrupt=lambda failure, detail: None,
        on_hopeless=lambda: None,
    )
    watch.start(now, now)
    return watch


@given(TIMEOUTS, st.sampled_from(Mode), SECONDS)
def test_no_attempt_outlives_its_call(wheel: Wheel, timeouts: Timeouts, mode: Mode, heard: float) -> None:
    watch = watch_over(wheel, timeouts, mode, timeouts.total_seconds, 0.0)
    assert watch.due()[0] <= timeouts.total_seconds
    watch.commit(heard)
    watch.heard_at = heard
    assert watch.due()[0] <= timeouts.total_seconds


@given(TIMEOUTS, SECONDS)
def test_first_token_binds_streams_only(wheel: Wheel, timeouts: Timeouts, now: float) -> None:
    plain = watch_over(wheel, timeouts, Mode.PLAIN, now + timeouts.total_seconds, now)
    streamed = watch_over(wheel, timeouts, Mode.STREAM, now + timeouts.total_seconds, now)
    assert plain.due()[0] == now + min(timeouts.total_seconds, timeouts.per_try_seconds)
    assert streamed.due()[0] == min(plain.due()[0], now + timeouts.first_token_seconds)


@given(TIMEOUTS, SECONDS)
def test_looking_again_in_time_misses_no_deadline(wheel: Wheel, timeouts: Timeouts, now: float) -> None:
    watch = watch_over(wheel, timeouts, Mode.STREAM, timeouts.total_seconds, 0.0)
    watch.commit(now)
    watch.pause()
    look = watch.look_again_at(now)
    watch.resume(now)
    assert look <= max(watch.due()[0], timeouts.total_seconds)
    assert watch.look_again_at(now) <= watch.due()[0]


@given(st.floats(0.0, 5.0), st.floats(0.0, 60.0), st.integers(0, 1000), st.randoms(use_true_random=False))
def test_backoff_is_within_its_bounds(base: float, most: float, repeat: int, rng: Random) -> None:
    retry = Retry(backoff_base_seconds=base, backoff_max_seconds=most)
    assert 0.0 <= backoff_seconds(retry, repeat, rng) <= min(most, base * 2.0 ** min(repeat, 30))


def route(percent: int) -> Route:
    retry = Retry(same_target=1, budget_percent=percent, backoff_base_seconds=0.0)
    (found,) = config([provider("a")], resilience=Resilience(retry=retry)).offers["team", "smart"].routes
    return found


@given(st.integers(1, 100), st.integers(1, 300))
def test_repeats_never_exceed_their_share_of_the_calls(percent: int, calls: int) -> None:
    budget, rng = RetryBudget(), Random(1)
    opened = [budget.open(route(percent), 0.0) for _ in range(calls)]
    repeats = sum(one is not None and one.delay(FAILURE, 0, 0.0, rng) is not None for one in opened)
    assert repeats == min(calls, max(FLOOR, -(-calls * percent // 100)))


def delay(budget: RetryBudget, route: Route, failure: UpstreamFailure = FAILURE, now: float = 0.0) -> float | None:
    """Return how long a call that begins now would wait before its first repeat."""
    repeats = budget.open(route, 0.0 if now < SPAN_SECONDS else now)
    assert repeats is not None
    return repeats.delay(failure, 0, now, Random(1))


def test_zero_percent_means_none() -> None:
    assert delay(RetryBudget(), route(0)) is None


def test_rule_without_repeats_counts_nothing() -> None:
    (found,) = config([provider("a")]).offers["team", "smart"].routes
    assert RetryBudget().open(found, 0.0) is None


def test_budget_comes_back_with_time() -> None:
    budget = RetryBudget()
    early = [delay(budget, route(20)) is not None for _ in range(FLOOR + 1)]
    assert early == [True] * FLOOR + [False]
    assert delay(budget, route(20), now=2 * SPAN_SECONDS) is not None


def test_repeat_that_would_come_after_the_total_deadline_is_not_made() -> None:
    resilience = Resilience(retry=Retry(same_target=1), timeouts=Timeouts(total_seconds=5.0))
    (found,) = config([provider("a")], resilience=resilience).offers["team", "smart"].routes
    assert delay(RetryBudget(), found, now=5.0) is None


def test_provider_that_names_a_time_is_not_asked_again_by_the_same_call() -> None:
    told = UpstreamFailure(FailureClass.OVERLOADED, retry_after_seconds=1.0)
    assert delay(RetryBudget(), route(20), told) is None
