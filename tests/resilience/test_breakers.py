"""The breakers of a process: cells apart, duties, configuration."""

from random import Random

from doubles.gateway_rig import config, provider

from fairlead_proxy.contract.cell import Cell
from fairlead_proxy.contract.config import Credential, PassiveHealth, Target
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.linked import Step
from fairlead_proxy.contract.names import BreakerState, FailureClass, Mode, Operation
from fairlead_proxy.contract.report import ALL_MODELS, Cooldown, ProbeResult
from fairlead_proxy.decision.facts import ABLE
from fairlead_proxy.exchange.outcome import Outcome
from fairlead_proxy.exchange.record import CallRecord
from fairlead_proxy.resilience.breaker import Breakers

NOW = 1_700_000_000.0
CELL = Cell("team/a", "one", "m", Mode.PLAIN)


def outcome(failure: FailureClass | None, *, at: float = NOW, cell: Cell = CELL, wait: float | None = None) -> Outcome:
    return Outcome(
        step=step_of(cell.credential),
        cell=cell,
        operation=Operation.CHAT,
        started_at=at,
        ended_at=at,
        failure=failure,
        retry_after_seconds=wait,
    )


def step_of(credential: str) -> Step:
    one = provider("a", credentials=["one", "two"])
    return Step.of(Target(provider=one.id, model="m"), one, one.models[0], Credential(name=credential))


class Changes:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def breakers_of(*, changes: Changes | None = None) -> Breakers:
    breakers = Breakers(Random(1), changes or Changes())
    breakers.adopt(config([provider("a", credentials=["one", "two"], passive=PassiveHealth(consecutive=1))]))
    return breakers


def test_each_cell_has_a_breaker_of_its_own() -> None:
    breakers = breakers_of()
    breakers.after(outcome(FailureClass.SERVER_ERROR))
    assert not breakers.admits(CELL, NOW)
    assert breakers.admits(CELL._replace(credential="two"), NOW)
    assert breakers.admits(CELL._replace(mode=Mode.STREAM), NOW)


def test_world_tells_why_a_cell_is_not_able_and_until_when() -> None:
    breakers = breakers_of()
    breakers.after(outcome(FailureClass.RATE_LIMITED, wait=9.0))
    state = breakers.world(KeyRing(), NOW).state_of(step_of("one"), Mode.PLAIN)
    assert (state.able, state.reason, state.until) == (False, FailureClass.RATE_LIMITED, NOW + 9.0)
    assert breakers.world(KeyRing(), NOW + 9.0).state_of(step_of("one"), Mode.PLAIN) == ABLE


def test_world_knows_which_keys_there_are() -> None:
    world = breakers_of().world(KeyRing(credentials={"team/a/one": "sk"}), NOW)
    assert [world.has_key(step_of(name)) for name in ("one", "two", "anonymous")] == [True, False, True]


def test_change_is_told_when_a_breaker_opens_and_when_it_closes_and_not_else() -> None:
    changes = Changes()
    breakers = breakers_of(changes=changes)
    breakers.after(outcome(None))
    assert changes.count == 0
    breakers.after(outcome(FailureClass.SERVER_ERROR))
    assert changes.count == 1
    breakers.try_acquire(CELL, NOW + 400.0)
    breakers.after(outcome(None, at=NOW + 400.0))
    assert changes.count == 2


def test_cooldown_for_all_models_cools_each_of_them() -> None:
    breakers = breakers_of()
    cooldown = Cooldown(
        provider="team/a",
        credential="one",
        model=ALL_MODELS,
        mode=Mode.PLAIN,
        reason=FailureClass.RATE_LIMITED,
        until=NOW + 20.0,
        retry_after=True,
    )
    breakers.apply_cooldowns([cooldown], NOW)
    reading = breakers.read(CELL, NOW)
    assert (reading.state, reading.reason, reading.until) == (BreakerState.OPEN, FailureClass.RATE_LIMITED, NOW + 20.0)
    assert reading.retry_after


def test_cooldown_of_what_is_not_configured_is_left_alone() -> None:
    breakers = breakers_of()
    strange = Cooldown(
        provider="team/z",
        credential="one",
        model="m",
        mode=Mode.PLAIN,
        reason=FailureClass.SERVER_ERROR,
        until=NOW + 20.0,
    )
    breakers.apply_cooldowns([strange], NOW)
    assert breakers.noteworthy() == set()


def test_probe_that_was_answered_ends_the_cooldowns_of_its_credential_only() -> None:
    breakers = breakers_of()
    other = CELL._replace(credential="two")
    breakers.after(outcome(FailureClass.SERVER_ERROR))
    breakers.after(outcome(FailureClass.SERVER_ERROR, cell=other))
    breakers.probed(ProbeResult(provider="team/a", credential="one", at=NOW + 1.0))
    assert breakers.read(CELL, NOW + 1.0).state is BreakerState.HALF_OPEN
    assert breakers.read(other, NOW + 1.0).state is BreakerState.OPEN


def test_probe_that_failed_changes_nothing() -> None:
    breakers = breakers_of()
    breakers.probed(ProbeResult(provider="team/a", credential="one", at=NOW, reason=FailureClass.UNREACHABLE))
    assert breakers.noteworthy() == set()


def test_what_left_the_configuration_is_forgotten_and_the_rest_is_kept() -> None:
    breakers = breakers_of()
    other = CELL._replace(credential="two")
    breakers.after(outcome(FailureClass.SERVER_ERROR))
    breakers.after(outcome(FailureClass.SERVER_ERROR, cell=other))
    breakers.adopt(config([provider("a", credentials=["one"])]))
    assert breakers.noteworthy() == {CELL}


def test_failure_is_judged_after_the_calls_that_were_answered_before_it() -> None:
    answered = CallRecord("d-1", "", "team", "", "r-1", Operation.CHAT, NOW)
    answered.attempted(outcome(None))
    waiting: list[CallRecord] = []

    def catch_up() -> None:
        breakers.after_calls(waiting)
        waiting.clear()

    breakers = Breakers(Random(1), catch_up=catch_up)
    breakers.adopt(config([provider("a", credentials=["one"], passive=PassiveHealth(consecutive=2))]))
    breakers.after(outcome(FailureClass.SERVER_ERROR))
    waiting.append(answered)
    breakers.after(outcome(FailureClass.SERVER_ERROR))
    assert breakers.admits(CELL, NOW)
    breakers.after(outcome(FailureClass.SERVER_ERROR))
    assert not breakers.admits(CELL, NOW)


def test_what_comes_of_an_attempt_cannot_wait_while_its_breaker_is_not_closed() -> None:
    breakers = breakers_of()
    assert (breakers.troubled, breakers.awaits(CELL)) == (False, False)
    breakers.after(outcome(FailureClass.SERVER_ERROR))
    assert (breakers.troubled, breakers.awaits(CELL)) == (True, True)
    assert not breakers.awaits(CELL._replace(credential="two"))
    breakers.try_acquire(CELL, NOW + 400.0)
    breakers.after(outcome(None, at=NOW + 400.0))
    assert (breakers.troubled, breakers.awaits(CELL)) == (False, False)
