"""Without an observer, what was observed is history."""

from typing import Any

from fairlead_operator.cli.staleness import as_stale


def condition(kind: str, status: str = "True") -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": kind, "message": ""}


def statuses(content: dict[str, Any]) -> dict[str, str]:
    return {each["type"]: f"{each['status']}/{each['reason']}" for each in content["status"]["conditions"]}


def test_observed_conditions_become_unknown_and_the_others_stay() -> None:
    kinds = ("Ready", "Accepted", "ResolvedRefs", "Programmed", "Healthy", "Available", "Redundant")
    stale = as_stale({"status": {"conditions": [condition(kind) for kind in kinds]}})
    assert statuses(stale) == {
        "Ready": "Unknown/Stale",
        "Accepted": "True/Accepted",
        "ResolvedRefs": "True/ResolvedRefs",
        "Programmed": "Unknown/Stale",
        "Healthy": "Unknown/Stale",
        "Available": "Unknown/Stale",
        "Redundant": "True/Redundant",
    }


def test_an_object_that_was_not_ready_for_what_was_observed_is_unknown_now() -> None:
    conditions = [condition("Ready", "False"), condition("Accepted"), condition("Programmed", "False")]
    assert statuses(as_stale({"status": {"conditions": conditions}}))["Ready"] == "Unknown/Stale"


def test_an_object_that_could_not_be_ready_anyway_stays_not_ready() -> None:
    stale = as_stale({"status": {"conditions": [condition("Ready", "False"), condition("Accepted", "False")]}})
    assert statuses(stale)["Ready"] == "False/Ready"


def test_health_rules_and_proxies_are_unknown() -> None:
    status = {
        "health": {"state": "Healthy", "ttftP95": "100ms"},
        "rules": [{"name": "all", "state": "Serving", "active": "a/b/c"}],
        "proxies": {"total": 2, "ready": 2, "programmed": 2},
    }
    assert as_stale({"status": status})["status"] == {
        "health": {"state": "Unknown"},
        "rules": [{"name": "all", "state": "Unknown"}],
        "proxies": {"total": 0, "ready": 0, "programmed": 0},
    }


def test_an_object_without_a_status_stays_without() -> None:
    assert as_stale({"kind": "RoutePolicy"}) == {"kind": "RoutePolicy", "status": {}}
