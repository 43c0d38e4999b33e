"""What a proxy reports of what it saw."""

from random import Random

from doubles.gateway_rig import config, provider

from fairlead_proxy.contract.cell import Cell
from fairlead_proxy.contract.config import Target
from fairlead_proxy.contract.linked import Step
from fairlead_proxy.contract.names import BreakerState, FailureClass, Mode, Operation
from fairlead_proxy.contract.report import Cooldown, ProbeResult
from fairlead_proxy.exchange.outcome import Outcome
from fairlead_proxy.health.observer import HealthObserver
from fairlead_proxy.resilience.breaker import Breakers

NOW = 1_700_000_000.0


class Rig:
    def __init__(self) -> None:
        self.changes = 0
        self.breakers = Breakers(Random(1))
        self.observer = HealthObserver(self.breakers, self.changed)
        self.adopt("a", "b")

    def changed(self) -> None:
        self.changes += 1

    def adopt(self, *names: str) -> None:
        adopted = config([provider(name) for name in names])
        self.breakers.adopt(adopted)
        self.observer.adopt(adopted)

    def record(self, failure: FailureClass | None, *, at: float = NOW, name: str = "a", ttft: float = 0.5) -> None:
        one = provider(name)
        step = Step.of(Target(provider=one.id, model="m"), one, one.models[0], one.credentials[0])
        outcome = Outcome(
            step=step,
            cell=step.stream_cell,
            operation=Operation.CHAT,
            started_at=at - 1.0,
            ended_at=at,
            failure=failure,
            first_token_at=at - 1.0 + ttft,
        )
        self.breakers.after(outcome)
        self.observer.record(outcome)


def test_attempts_and_those_that_blame_the_provider_are_counted() -> None:
    rig = Rig()
    for failure in (None, FailureClass.SERVER_ERROR, FailureClass.INVALID_REQUEST, FailureClass.CLIENT_GONE):
        rig.record(failure)
    (seen,) = rig.observer.observations(NOW)
    assert (seen.attempts, seen.failures) == (4, 1)
    assert (seen.provider, seen.credential, seen.model, seen.mode) == ("team/a", "anonymous", "m", Mode.STREAM)


def test_last_attempt_and_last_success_are_told_apart() -> None:
    rig = Rig()
    rig.record(None, at=NOW)
    rig.record(FailureClass.SERVER_ERROR, at=NOW + 5.0)
    (seen,) = rig.observer.observations(NOW + 6.0)
    assert (seen.last_attempt, seen.last_success) == (NOW + 5.0, NOW)


def test_time_to_first_token_is_a_near_upper_bound() -> None:
    rig = Rig()
    for _ in range(20):
        rig.record(None, ttft=0.5)
    (seen,) = rig.observer.observations(NOW)
    assert 0.5 <= (seen.ttft_p95_seconds or 0.0) <= 0.625


def test_what_is_older_than_five_minutes_is_not_told() -> None:
    rig = Rig()
    rig.record(None)
    assert rig.observer.observations(NOW + 331.0) == ()


def test_running_cooldown_is_told_even_without_an_attempt() -> None:
    rig = Rig()
    cooldown = Cooldown(
        provider="team/b",
        credential="anonymous",
        model="m",
        mode=Mode.PLAIN,
        reason=FailureClass.QUOTA_EXHAUSTED,
        until=NOW + 3000.0,
        retry_after=True,
    )
    rig.breakers.apply_cooldowns([cooldown], NOW)
    (seen,) = rig.observer.observations(NOW + 2000.0)
    assert (seen.breaker, seen.reason, seen.until) == (
        BreakerState.OPEN,
        FailureClass.QUOTA_EXHAUSTED,
        NOW + 3000.0,
    )
    assert (seen.retry_after, seen.attempts) == (True, 0)


def test_half_open_is_told_with_the_call_that_tries_it() -> None:
    rig = Rig()
    cell = Cell("team/a", "anonymous", "m", Mode.STREAM)
    rig.record(FailureClass.MODEL_UNAVAILABLE)
    half_open_at = rig.breakers.read(cell, NOW).until or 0.0
    (untried,) = rig.observer.observations(half_open_at)
    assert (untried.breaker, untried.until, untried.trial) == (BreakerState.HALF_OPEN, half_open_at, False)
    assert rig.breakers.try_acquire(cell, half_open_at)
    (tried,) = rig.observer.observations(half_open_at + 1.0)
    assert (tried.breaker, tried.trial) == (BreakerState.HALF_OPEN, True)


def test_a_trial_that_failed_is_told_no_more() -> None:
    rig = Rig()
    cell = Cell("team/a", "anonymous", "m", Mode.STREAM)
    rig.record(FailureClass.MODEL_UNAVAILABLE)
    half_open_at = rig.breakers.read(cell, NOW).until or 0.0
    assert rig.breakers.try_acquire(cell, half_open_at)
    rig.record(FailureClass.MODEL_UNAVAILABLE, at=half_open_at + 1.0)
    (seen,) = rig.observer.observations(half_open_at + 1.0)
    assert (seen.breaker, seen.trial) == (BreakerState.OPEN, False)


def test_last_probe_of_each_credential_is_told_and_only_news_wakes_the_report() -> None:
    rig = Rig()
    for at, reason in ((1.0, None), (2.0, None), (3.0, FailureClass.TIMEOUT), (4.0, FailureClass.TIMEOUT)):
        rig.observer.probe_recorded(ProbeResult(provider="team/a", credential="anonymous", at=NOW + at, reason=reason))
    (probe,) = rig.observer.probes()
    assert (probe.at, probe.reason) == (NOW + 4.0, FailureClass.TIMEOUT)
    assert rig.changes == 2


def test_first_sign_after_a_minute_of_silence_wakes_the_report() -> None:
    rig = Rig()
    for at in (0.0, 1.0, 61.0, 122.0):
        rig.record(None, at=NOW + at)
    assert rig.changes == 2


def test_first_probe_after_a_minute_of_silence_wakes_the_report() -> None:
    rig = Rig()
    for at in (0.0, 30.0, 91.0):
        rig.observer.probe_recorded(ProbeResult(provider="team/a", credential="anonymous", at=NOW + at))
    assert rig.changes == 2


def test_what_left_the_configuration_is_forgotten() -> None:
    rig = Rig()
    rig.record(None, name="a")
    rig.record(None, name="b")
    rig.observer.probe_recorded(ProbeResult(provider="team/b", credential="anonymous", at=NOW))
    rig.adopt("a")
    assert [seen.provider for seen in rig.observer.observations(NOW)] == ["team/a"]
    assert rig.observer.probes() == ()
