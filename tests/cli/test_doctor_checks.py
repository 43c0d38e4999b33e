"""What the doctor makes of a Lease, of watches, fleets, proxies and fragments."""

from datetime import UTC, datetime
from typing import Any

import pytest

from fairlead_operator.cli.diagnosis import Finding, Level, Unread, diagnosis_answer
from fairlead_operator.cli.doctor_checks import (
    check_fleet,
    check_fragments,
    check_lease,
    check_proxies,
    check_snapshot,
    check_standalone,
    check_watch_age,
)

Json = dict[str, Any]

NOW = datetime(2026, 11, 27, 10, 42, tzinfo=UTC).timestamp()
UNREAD = Unread("you lack a right: get leases", "ask for it")


def lease(holder: str = "operator-7f_1a2b3c4d", renewed: str = "2026-11-27T10:41:58.000000Z") -> Json:
    return {"spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": renewed}}


def gateway(programmed: str = "True", message: str = "", *, proxies: tuple[int, int, int] = (2, 2, 2)) -> Json:
    conditions = [
        {"type": "Ready", "status": programmed, "reason": "Ready", "message": message},
        {"type": "Accepted", "status": "True", "reason": "Accepted", "message": ""},
        {"type": "Programmed", "status": programmed, "reason": "Partial", "message": message},
    ]
    counts = dict(zip(("total", "ready", "programmed"), proxies, strict=True))
    return {
        "kind": "ModelGateway",
        "metadata": {"name": "main", "namespace": "ai", "generation": 1},
        "status": {"observedGeneration": 1, "conditions": conditions, "revision": "r-5d2e", "proxies": counts},
    }


def pod(name: str, *, ready: bool = True, nudge: str = "") -> Json:
    metadata = {"name": name, "namespace": "ai", "uid": name, "labels": {"fairlead.dev/gateway": "main"}}
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {
        "metadata": {**metadata, "annotations": {"fairlead.dev/nudge": nudge}},
        "status": {"podIP": "10.0.0.1", "conditions": conditions},
    }


def policy(programmed: str, generation: int = 1, reason: str = "Refused") -> Json:
    conditions = [{"type": "Programmed", "status": programmed, "reason": reason, "message": "main-a: no room"}]
    return {
        "kind": "RoutePolicy",
        "metadata": {"name": "bot", "namespace": "team", "generation": generation},
        "status": {"observedGeneration": 1, "conditions": conditions},
    }


@pytest.mark.parametrize(
    ("found", "level", "word"),
    [
        (lease(), Level.OK, "operator-7f_1a2b3c4d holds it, and renewed it 2s ago"),
        (lease(renewed="2026-11-27T10:41:00.000000Z"), Level.FAIL, "has not renewed it for 60s"),
        (lease(renewed="2026-11-27T10:42:30.000000Z"), Level.WARN, "30 s ahead of this machine's"),
        (lease(holder=""), Level.FAIL, "no operator leads"),
        (lease(renewed=""), Level.FAIL, "has never renewed it"),
        (None, Level.FAIL, "none in namespace ops"),
        (UNREAD, Level.UNKNOWN, "you lack a right"),
    ],
)
def test_a_lease_is_well_only_while_its_holder_keeps_its_promise(
    found: Json | Unread | None, level: Level, word: str
) -> None:
    said = check_lease(found, "ops", NOW)
    assert (said.level, word in said.why) == (level, True)


@pytest.mark.parametrize(
    ("age", "level"),
    [(0.0, Level.OK), (29.0, Level.OK), (30.0, Level.WARN), (180.0, Level.FAIL), (UNREAD, Level.UNKNOWN)],
)
def test_a_watch_is_judged_by_the_operators_own_bounds(age: float | Unread, level: Level) -> None:
    assert check_watch_age(age).level is level


def test_a_fleet_whose_every_proxy_serves_the_revision_is_well() -> None:
    found = check_fleet(gateway())
    assert (found.level, found.what, found.why) == (Level.OK, "fleet ai/main", "2 of 2 ready proxies serve r-5d2e")


@pytest.mark.parametrize(
    ("content", "level", "word"),
    [
        (gateway("False", "main-b has not acknowledged it", proxies=(2, 2, 1)), Level.FAIL, "1 of 2 ready proxies"),
        (gateway("Unknown", proxies=(2, 2, 1)), Level.WARN, "1 of 2 ready proxies"),
        (gateway(proxies=(3, 2, 2)), Level.WARN, "1 of 3 are not ready"),
        (gateway("Unknown", proxies=(2, 0, 0)), Level.FAIL, "none of 2 proxies is ready"),
        ({**gateway(), "status": {}}, Level.FAIL, "no operator has looked at it"),
    ],
)
def test_a_fleet_that_is_not_whole_says_so(content: Json, level: Level, word: str) -> None:
    found = check_fleet(content)
    assert (found.level, word in found.why, found.remedy != "") == (level, True, True)


def test_a_fleet_whose_status_is_older_than_its_spec_is_no_longer_well() -> None:
    content = gateway()
    content["metadata"]["generation"] = 2
    assert check_fleet(content).level is Level.WARN


@pytest.mark.parametrize(
    ("published", "level"),
    [("r-5d2e", Level.OK), ("r-other", Level.WARN), (None, Level.FAIL), (UNREAD, Level.UNKNOWN)],
)
def test_what_is_published_is_compared_with_what_status_speaks_of(published: str | Unread | None, level: Level) -> None:
    assert check_snapshot(gateway(), published).level is level


def test_each_proxy_of_a_programmed_fleet_is_well_with_its_last_nudge() -> None:
    nudge = f"r-5d2e-{int((NOW - 30) * 1000)}"
    [found] = check_proxies(gateway(), [pod("main-a", nudge=nudge)], NOW)
    assert (found.level, found.why) == (Level.OK, "serves r-5d2e, nudged 30s ago")


def test_the_laggard_that_status_names_fails_and_what_it_does_not_tell_is_unknown() -> None:
    content = gateway("False", "main-b has not acknowledged it", proxies=(3, 2, 1))
    found = check_proxies(content, [pod("main-a"), pod("main-b"), pod("main-c", ready=False)], NOW)
    assert {each.what: each.level for each in found} == {
        "proxy ai/main-a": Level.UNKNOWN,
        "proxy ai/main-b": Level.FAIL,
        "proxy ai/main-c": Level.WARN,
    }


def test_pods_that_may_not_be_read_are_unknown() -> None:
    [found] = check_proxies(gateway(), UNREAD, NOW)
    assert (found.level, found.what) == (Level.UNKNOWN, "proxies of ai/main")


def test_fragments_that_every_proxy_acknowledged_are_one_line() -> None:
    [found] = check_fragments([policy("True"), policy("True")], "policies")
    assert (found.level, found.why) == (Level.OK, "all 2 are acknowledged by every ready proxy")


def test_a_fragment_that_is_refused_fails_and_one_that_waits_is_a_warning() -> None:
    found = list(check_fragments([policy("False"), policy("Unknown"), policy("True", generation=2)], "policies"))
    assert [each.level for each in found] == [Level.FAIL, Level.WARN, Level.WARN]
    assert (found[0].what, found[0].why) == ("fragment RoutePolicy team/bot", "Refused: main-a: no room")


def test_of_many_fragments_some_are_named_and_the_others_counted() -> None:
    found = list(check_fragments([policy("False")] * 13, "policies"))
    assert (len(found), found[-1].why) == (11, "3 more are not in force")


def test_a_run_that_nobody_holds_fails_and_each_file_that_is_not_in_force() -> None:
    assert [each.level for each in check_standalone(held=False, problems=[])] == [Level.FAIL]
    assert [each.level for each in check_standalone(held=True, problems=["a.yaml:3: no YAML"])] == [
        Level.OK,
        Level.FAIL,
    ]


def test_the_diagnosis_is_a_line_for_each_finding_and_their_count() -> None:
    answer = diagnosis_answer([Finding(Level.OK, "lease", "held"), Finding.unread("watches", UNREAD)])
    assert [line.split()[0] for line in answer.text.splitlines() if line] == ["LEVEL", "ok", "unknown", "1"]
    assert answer.text.endswith("\n1 ok, 0 warn, 0 fail, 1 unknown\n")
    assert answer.names == ("watches",)
