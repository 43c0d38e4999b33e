"""The write budget: what is written at once, what waits, what never, and in which order."""

from typing import Any

import pytest

from fairlead_operator.resources.found import Found
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_operator.status.write_budget import Change, StatusLedger, StatusWrite, change_between


def status(
    generation: int = 1, *, truth: str = "True", message: str = "", state: str = "Healthy", rate: str = "1.00"
) -> dict[str, Any]:
    condition = {
        "type": "Healthy",
        "status": truth,
        "reason": "r",
        "message": message,
        "observedGeneration": generation,
    }
    return {
        "observedGeneration": generation,
        "conditions": [condition],
        "health": {"state": state, "successRate": rate, "credentials": [], "models": []},
    }


def found(name: str = "openai", version: str = "1", namespace: str = "platform", **seen: Any) -> Found[Any]:
    ref = ObjectRef(Kind.MODEL_PROVIDER, namespace, name)
    return Found(ref, f"uid-{name}", 1, version, "", None, status=seen)


def write_all(ledger: StatusLedger, wanted: list[tuple[Found[Any], dict[str, Any]]], now: float) -> list[StatusWrite]:
    writes = ledger.choose(wanted, now)
    for write in writes:
        ledger.done(write, now)
    return writes


def test_a_first_status_is_written_at_once() -> None:
    (write,) = StatusLedger().choose([(found(version="7"), status())], 0.0)
    assert (write.resource_version, write.status) == ("7", status())


def test_what_stands_there_already_is_not_written() -> None:
    assert StatusLedger().choose([(found(**status()), status())], 0.0) == []


def test_the_order_of_conditions_is_no_difference() -> None:
    two = [{"type": "Ready", "status": "True"}, {"type": "Accepted", "status": "True"}]
    assert change_between({"conditions": two}, {"conditions": two[::-1]}) is Change.NONE


def test_what_was_written_is_not_written_again_before_its_event_is_back() -> None:
    ledger = StatusLedger()
    write_all(ledger, [(found(), status())], 0.0)
    assert ledger.choose([(found(), status())], 0.1) == []
    assert ledger.status_now(found()) == status()


def test_a_status_that_somebody_else_changed_is_written_again() -> None:
    ledger = StatusLedger()
    write_all(ledger, [(found(), status())], 0.0)
    assert len(ledger.choose([(found(version="3", **status(truth="False")), status())], 1.0)) == 1


def test_figures_wait_until_thirty_seconds_after_the_last_write() -> None:
    ledger = StatusLedger()
    write_all(ledger, [(found(), status())], 0.0)
    changed = [(found(), status(rate="0.80"))]
    assert ledger.choose(changed, 29.9) == []
    assert ledger.next_due() == 30.0
    assert len(ledger.choose(changed, 30.0)) == 1


@pytest.mark.parametrize("changed", [status(truth="False"), status(state="Degraded"), status(generation=2)])
def test_transitions_do_not_wait(changed: dict[str, Any]) -> None:
    ledger = StatusLedger()
    write_all(ledger, [(found(), status())], 0.0)
    assert len(ledger.choose([(found(), changed)], 0.01)) == 1


def test_a_text_about_health_is_a_figure() -> None:
    assert change_between(status(), status(message="until 10:00:02Z")) is Change.FIGURES


def test_a_credential_that_goes_down_is_a_transition_and_its_time_a_figure() -> None:
    before, until, other = status(), status(), status()
    before["health"]["credentials"] = [{"name": "a", "state": "RateLimited", "until": "1"}]
    until["health"]["credentials"] = [{"name": "a", "state": "RateLimited", "until": "2"}]
    other["health"]["credentials"] = [{"name": "a", "state": "CredentialRejected", "until": "2"}]
    assert change_between(before, until) is Change.FIGURES
    assert change_between(before, other) is Change.TRANSITION


def test_another_active_target_is_a_transition() -> None:
    before = {"rules": [{"name": "r", "state": "Serving", "active": "a/b/c"}]}
    after = {"rules": [{"name": "r", "state": "Serving", "active": "a/b/d"}]}
    assert change_between(before, after) is Change.TRANSITION


def test_counts_of_a_fleet_are_written_once_a_second() -> None:
    ledger = StatusLedger()
    write_all(ledger, [(found(), {"revision": "r-1"})], 0.0)
    changed = [(found(), {"revision": "r-2"})]
    assert ledger.choose(changed, 0.5) == []
    assert len(ledger.choose(changed, 1.0)) == 1


def test_at_most_twenty_writes_go_out_in_any_second() -> None:
    ledger = StatusLedger()
    wanted = [(found(f"p{number:03}", namespace=f"n{number % 2}"), status()) for number in range(50)]
    moments = [number / 10 for number in range(40)]
    written = [(now, write.ref.name) for now in moments for write in write_all(ledger, wanted, now)]
    in_a_second = [sum(start <= now < start + 1.0 for now, _ in written) for start in moments]
    assert max(in_a_second) == 20
    assert sorted(name for _, name in written) == [f"p{number:03}" for number in range(50)]


def test_who_floods_leaves_room_in_every_second_for_others() -> None:
    ledger = StatusLedger()
    flood = [(found(f"p{number:03}", namespace="flood"), status()) for number in range(1000)]
    assert len(write_all(ledger, flood, 0.0)) == 15
    others = [(found(namespace=f"team-{number}"), status()) for number in range(5)]
    writes = write_all(ledger, [*flood, *others], 0.1)
    assert [write.ref.namespace for write in writes] == [f"team-{number}" for number in range(5)]
    assert ledger.next_due() == 1.0


def test_namespaces_take_turns_whatever_they_have_to_say() -> None:
    ledger = StatusLedger()
    told = found(namespace="team", name="told")
    write_all(ledger, [(told, status())], 0.0)
    flood = [(found(f"p{number:03}", namespace="flood"), status(2)) for number in range(1000)]
    writes = ledger.choose([*flood, (told, status(truth="False"))], 60.0)
    assert [write.ref.namespace for write in writes[:2]] == ["flood", "team"]


def test_what_has_no_room_is_due_when_the_second_is_over() -> None:
    ledger = StatusLedger()
    wanted = [(found(f"p{number:03}"), status()) for number in range(21)]
    write_all(ledger, wanted, 5.0)
    assert ledger.choose(wanted, 5.5) == []
    assert ledger.next_due() == 6.0


def test_edited_objects_go_before_transitions_and_those_before_figures() -> None:
    ledger = StatusLedger()
    names = ("a", "b", "c")
    write_all(ledger, [(found(name), status()) for name in names], 0.0)
    wanted = [
        (found("a"), status(rate="0.50")),
        (found("b"), status(truth="False")),
        (found("c"), status(generation=2)),
    ]
    assert [write.ref.name for write in ledger.choose(wanted, 60.0)] == ["c", "b", "a"]


def test_what_waits_longest_goes_first_among_equals() -> None:
    ledger = StatusLedger()
    early = [(found(f"z{number:02}"), status()) for number in range(20)]
    write_all(ledger, early, 0.0)
    late = [(found(f"a{number:02}"), status()) for number in range(25)]
    names = [write.ref.name for write in ledger.choose([*late, *early], 1.0)]
    assert names[:5] == ["z15", "z16", "z17", "z18", "z19"]


def test_an_outdated_write_waits_for_the_event() -> None:
    ledger = StatusLedger()
    (write,) = ledger.choose([(found(), status())], 0.0)
    ledger.outdated(write, 0.0)
    assert ledger.choose([(found(), status())], 5.0) == []
    assert len(ledger.choose([(found(version="2"), status())], 5.0)) == 1


def test_an_outdated_write_is_tried_again_where_no_event_ever_comes() -> None:
    ledger = StatusLedger()
    (write,) = ledger.choose([(found(), status())], 0.0)
    ledger.outdated(write, 0.0)
    assert ledger.choose([(found(), status())], 29.0) == []
    assert ledger.next_due() == 30.0
    assert len(ledger.choose([(found(), status())], 30.0)) == 1


def test_a_write_that_failed_is_tried_again_ever_later_and_at_once_where_the_object_has_changed() -> None:
    ledger = StatusLedger()
    (write,) = ledger.choose([(found(), status())], 0.0)
    ledger.failed(write, 0.0)
    assert ledger.choose([(found(), status())], 0.9) == []
    assert ledger.next_due() == 1.0
    ledger.failed(write, 1.0)
    assert ledger.choose([(found(), status())], 2.9) == []
    assert len(ledger.choose([(found(version="2"), status())], 2.9)) == 1


def test_an_object_that_was_made_anew_starts_anew() -> None:
    ledger = StatusLedger()
    write_all(ledger, [(found(), status())], 0.0)
    anew: Found[Any] = Found(found().ref, "another uid", 1, "1", "", None)
    assert ledger.status_now(anew) == {}
    assert len(ledger.choose([(anew, status())], 0.1)) == 1


def test_what_is_gone_is_forgotten() -> None:
    ledger = StatusLedger()
    write_all(ledger, [(found(), status())], 0.0)
    ledger.forget_others([])
    assert ledger.status_now(found()) == {}
