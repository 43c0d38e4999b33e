"""The laws of one breaker."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_proxy.contract.config import PassiveHealth
from fairlead_proxy.contract.names import EJECTING_CLASSES, HEALTH_REASON, BreakerState, FailureClass
from fairlead_proxy.resilience.cell_breaker import CellBreaker

PASSIVE = PassiveHealth(
    consecutive=3, min_requests=10, error_rate=0.5, base_cooldown_seconds=5, max_cooldown_seconds=60
)
SERVER_ERROR = FailureClass.SERVER_ERROR
RNG = Random(7)

LATER = st.sampled_from([0.0, 0.5, 2.0, 7.0, 20.0, 100.0])
WHICH = st.integers(0, 5)
"""Which of the calls under way ends: they do not end in the order in which they began."""
FAILURES = st.sampled_from([SERVER_ERROR, FailureClass.RATE_LIMITED, FailureClass.FIRST_TOKEN_TIMEOUT, *HEALTH_REASON])
ASK = st.tuples(st.just("ask"), LATER)
FAIL = st.tuples(st.just("fail"), WHICH, FAILURES, st.sampled_from([None, 3.0, 30.0, 300.0, 7200.0]))
EVENTS = st.lists(
    st.one_of(
        ASK,
        ASK,
        ASK,
        FAIL,
        FAIL,
        st.tuples(st.just("succeed"), WHICH),
        st.tuples(st.just("commit"), WHICH),
        st.tuples(st.just("release"), WHICH),
        st.just(("probe",)),
        st.tuples(st.just("real_probe"), LATER),
        st.tuples(st.just("learn"), st.sampled_from([-20.0, -1.0, 10.0, 100.0]), st.booleans()),
    ),
    min_size=5,
    max_size=40,
)
MANY = settings(max_examples=400, deadline=None)


class History:
    """Plays events on a breaker, and keeps its own account of what must hold."""

    def __init__(self) -> None:
        self.breaker = CellBreaker(PASSIVE)
        self.rng = Random(3)
        self.now = 1000.0
        self.under_way: list[float] = []
        self.forbidden_until = 0.0
        self.admitted_too_soon = 0
        self.trials = 0
        self.most_trials = 0

    def play(self, event: tuple[object, ...]) -> None:
        getattr(self, f"_{event[0]}")(*event[1:])

    def _ask(self, later: float) -> None:
        self.now += later
        half_open = self.breaker.state(self.now) is BreakerState.HALF_OPEN
        if self.breaker.acquire(self.now):
            self.admitted_too_soon += self.now < self.forbidden_until
            self.trials = self.trials + 1 if half_open else 0
            self.most_trials = max(self.most_trials, self.trials)
            self.under_way.append(self.now)

    def _fail(self, which: int, failure: FailureClass, retry_after: float | None) -> None:
        for began in self._end(which):
            self.breaker.fail(failure, retry_after, began, self.now, self.rng)
            self.forbidden_until = max(self.forbidden_until, self.now + min(retry_after or 0.0, 3600.0))

    def _succeed(self, which: int) -> None:
        for began in self._end(which):
            self.breaker.succeed(began, self.now)

    def _commit(self, which: int) -> None:
        for began in self.under_way[which : which + 1]:
            self.breaker.commit(began, self.now)
            self.trials = 0

    def _release(self, which: int) -> None:
        for began in self._end(which):
            self.breaker.release(began)

    def _real_probe(self, later: float) -> None:
        self.now += later
        closed = self.breaker.state(self.now) is BreakerState.CLOSED
        if self.breaker.acquire_early(self.now):
            self.admitted_too_soon += self.now < self.forbidden_until
            self.trials = 0 if closed else self.trials + 1
            self.most_trials = max(self.most_trials, self.trials)
            self.under_way.append(self.now)

    def _probe(self) -> None:
        self.breaker.probed(self.now)

    def _learn(self, ahead: float, retry_after: bool) -> None:
        self.breaker.learn(self.now + ahead, SERVER_ERROR, retry_after=retry_after, now=self.now)

    def _end(self, which: int) -> list[float]:
        """Take the call that ends out of those under way; none if there are not so many."""
        ended = self.under_way[which : which + 1]
        del self.under_way[which : which + 1]
        self.trials = 0
        return ended


@MANY
@given(EVENTS)
def test_nothing_is_let_through_before_the_time_that_the_provider_named(events: list[tuple[object, ...]]) -> None:
    history = History()
    for event in events:
        history.play(event)
    assert history.admitted_too_soon == 0


@MANY
@given(EVENTS)
def test_half_open_lets_one_through_at_a_time(events: list[tuple[object, ...]]) -> None:
    history = History()
    for event in events:
        history.play(event)
    assert history.most_trials <= 1


@MANY
@given(EVENTS)
def test_every_breaker_ends_by_itself(events: list[tuple[object, ...]]) -> None:
    history = History()
    for event in events:
        history.play(event)
    for began in history.under_way:
        history.breaker.release(began)
    assert history.breaker.admits(history.now + 3700.0)


@MANY
@given(EVENTS)
def test_one_success_after_the_cooldown_closes(events: list[tuple[object, ...]]) -> None:
    history = History()
    for event in events:
        history.play(event)
    for began in history.under_way:
        history.breaker.release(began)
    later = history.now + 3700.0
    assert history.breaker.acquire(later)
    history.breaker.succeed(later, later + 1.0)
    assert history.breaker.state(later + 1.0) is BreakerState.CLOSED


def opened(failure: FailureClass = SERVER_ERROR, retry_after: float | None = None, now: float = 0.0) -> CellBreaker:
    breaker = CellBreaker(PASSIVE)
    for _ in range(PASSIVE.consecutive):
        breaker.fail(failure, retry_after, now, now, RNG)
    assert breaker.opened_at == now
    return breaker


def test_a_probe_by_a_real_call_need_not_wait_for_a_cooldown_of_ours_and_closes_with_its_answer() -> None:
    breaker = opened()
    assert not breaker.admits(1.0)
    assert breaker.acquire_early(1.0)
    assert not breaker.acquire_early(1.0)
    breaker.succeed(1.0, 2.0)
    assert breaker.state(2.0) is BreakerState.CLOSED


def test_a_probe_by_a_real_call_that_fails_begins_another_cooldown() -> None:
    breaker = opened()
    assert breaker.acquire_early(1.0)
    breaker.fail(SERVER_ERROR, None, 1.0, 2.0, RNG)
    assert breaker.state(2.0 + PASSIVE.base_cooldown_seconds) is BreakerState.OPEN
    assert breaker.acquire_early(3.0)


def test_a_probe_by_a_real_call_waits_for_the_time_that_the_provider_named() -> None:
    breaker = opened(FailureClass.RATE_LIMITED, retry_after=30.0)
    assert [breaker.acquire_early(at) for at in (0.0, 29.0, 30.0)] == [False, False, True]


def test_a_row_of_failures_opens() -> None:
    breaker = CellBreaker(PASSIVE)
    assert [breaker.fail(SERVER_ERROR, None, at, at, RNG) for at in (0.0, 1.0, 2.0)] == [False, False, True]


def test_a_success_ends_the_row() -> None:
    breaker = CellBreaker(PASSIVE)
    breaker.fail(SERVER_ERROR, None, 0.0, 0.0, RNG)
    breaker.fail(SERVER_ERROR, None, 1.0, 1.0, RNG)
    breaker.succeed(2.0, 2.0)
    assert not breaker.fail(SERVER_ERROR, None, 3.0, 3.0, RNG)


def test_half_of_many_calls_failing_opens() -> None:
    breaker = CellBreaker(PASSIVE)
    told: list[bool] = []
    for at in range(5):
        breaker.succeed(float(at), float(at))
        told.append(breaker.fail(SERVER_ERROR, None, float(at), float(at), RNG))
    assert told == [False, False, False, False, True]


def test_failures_that_are_past_do_not_count() -> None:
    breaker = CellBreaker(PASSIVE)
    for at in range(4):
        breaker.succeed(float(at), float(at))
        breaker.fail(SERVER_ERROR, None, float(at), float(at), RNG)
    breaker.succeed(100.0, 100.0)
    assert not breaker.fail(SERVER_ERROR, None, 100.0, 100.0, RNG)


@pytest.mark.parametrize("failure", sorted(EJECTING_CLASSES))
def test_one_is_enough_of_what_will_not_pass_by_itself(failure: FailureClass) -> None:
    assert CellBreaker(PASSIVE).fail(failure, None, 0.0, 0.0, RNG)


@given(st.randoms(use_true_random=False))
def test_cooldown_doubles_with_jitter_up_to_its_limit(rng: Random) -> None:
    breaker = CellBreaker(PASSIVE)
    now, cooldowns = 0.0, []
    for _ in range(8):
        breaker.acquire(now)
        breaker.fail(FailureClass.QUOTA_EXHAUSTED, None, now, now, rng)
        cooldowns.append((breaker.until or 0.0) - now)
        now = breaker.until or 0.0
    floors = [5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0, 60.0]
    assert all(
        floor - 1e-6 <= cooldown <= min(60.0, floor * 1.2) + 1e-6
        for floor, cooldown in zip(floors, cooldowns, strict=True)
    )


def test_a_success_resets_the_cooldown() -> None:
    breaker = opened()
    breaker.acquire(10.0)
    breaker.succeed(10.0, 10.0)
    for _ in range(PASSIVE.consecutive):
        breaker.fail(SERVER_ERROR, None, 11.0, 11.0, RNG)
    assert (breaker.until or 0.0) <= 11.0 + 6.0


def test_rate_limit_keeps_to_the_providers_own_time() -> None:
    assert opened(FailureClass.RATE_LIMITED, 1.0).until == 1.0


def test_retry_after_is_believed_for_an_hour_at_most() -> None:
    assert opened(FailureClass.RATE_LIMITED, 86_400.0).until == 3600.0


def test_failures_that_began_before_it_opened_do_not_prolong_it() -> None:
    breaker = opened(now=5.0)
    until = breaker.until
    breaker.fail(SERVER_ERROR, None, 1.0, 6.0, RNG)
    assert breaker.until == until


def test_content_of_the_test_call_closes_but_its_later_failure_reopens() -> None:
    breaker = opened()
    breaker.acquire(10.0)
    breaker.commit(10.0, 11.0)
    assert breaker.state(11.0) is BreakerState.CLOSED
    assert breaker.fail(FailureClass.STREAM_BROKEN, None, 10.0, 12.0, RNG)


def test_probe_ends_a_cooldown_but_does_not_close() -> None:
    breaker = opened()
    breaker.probed(1.0)
    assert breaker.state(1.0) is BreakerState.HALF_OPEN


def test_probe_does_not_shorten_the_providers_own_time() -> None:
    breaker = opened(FailureClass.RATE_LIMITED, 30.0)
    breaker.probed(1.0)
    assert breaker.state(29.0) is BreakerState.OPEN


def test_cooldown_learnt_elsewhere_is_taken_once() -> None:
    breaker = CellBreaker(PASSIVE)
    breaker.learn(10.0, SERVER_ERROR, retry_after=False, now=0.0)
    assert breaker.state(9.0) is BreakerState.OPEN
    breaker.acquire(10.0)
    breaker.succeed(10.0, 10.0)
    breaker.learn(10.0, SERVER_ERROR, retry_after=False, now=9.5)
    assert breaker.state(10.0) is BreakerState.CLOSED


def test_recovery_learnt_elsewhere_lifts_what_opened_before_it() -> None:
    breaker = opened(now=1.0)
    breaker.learn(2.0, SERVER_ERROR, retry_after=False, now=3.0)
    assert breaker.state(3.0) is BreakerState.HALF_OPEN


def test_recovery_learnt_elsewhere_is_no_news_of_what_opened_after_it() -> None:
    breaker = opened(now=2.5)
    breaker.learn(2.0, SERVER_ERROR, retry_after=False, now=3.0)
    assert breaker.state(3.0) is BreakerState.OPEN


def test_cooldown_told_again_by_an_imprecise_clock_is_no_news() -> None:
    breaker = CellBreaker(PASSIVE)
    breaker.learn(10.0, SERVER_ERROR, retry_after=False, now=0.0)
    breaker.probed(1.0)
    breaker.acquire(1.0)
    breaker.succeed(1.0, 2.0)
    breaker.learn(10.2, SERVER_ERROR, retry_after=False, now=3.0)
    assert breaker.state(3.0) is BreakerState.CLOSED


def test_recovery_is_heard_after_a_long_cooldown_was_learnt() -> None:
    breaker = CellBreaker(PASSIVE)
    breaker.learn(300.0, SERVER_ERROR, retry_after=False, now=0.0)
    breaker.learn(5.0, SERVER_ERROR, retry_after=False, now=6.0)
    assert breaker.state(6.0) is BreakerState.HALF_OPEN


def test_time_named_while_the_test_call_is_out_outlasts_its_success() -> None:
    breaker = opened(now=5.0)
    breaker.acquire(20.0)
    breaker.fail(FailureClass.RATE_LIMITED, 60.0, 1.0, 21.0, RNG)
    breaker.succeed(20.0, 22.0)
    assert not breaker.admits(80.0)
    assert breaker.acquire(81.0)


def test_content_of_the_test_call_does_not_shorten_a_time_named_meanwhile() -> None:
    breaker = opened(now=5.0)
    breaker.acquire(20.0)
    breaker.fail(FailureClass.RATE_LIMITED, 60.0, 1.0, 21.0, RNG)
    breaker.commit(20.0, 22.0)
    assert breaker.state(80.0) is BreakerState.OPEN


def test_time_named_by_a_late_answer_holds_though_all_is_well_again() -> None:
    breaker = opened(now=5.0)
    breaker.acquire(20.0)
    breaker.succeed(20.0, 21.0)
    breaker.fail(FailureClass.RATE_LIMITED, 60.0, 1.0, 22.0, RNG)
    assert breaker.until == 82.0
