"""What is left of a status when nobody observes any more: what was seen is history, and says so."""

from collections.abc import Mapping
from typing import Any

OBSERVED = ("Programmed", "Healthy", "Available")
"""Conditions that rest on what proxies report; the others follow from the objects alone."""

DECIDED = ("Accepted", "ResolvedRefs")
"""What Ready rests on beside Programmed."""

STALE = {
    "status": "Unknown",
    "reason": "Stale",
    "message": "nobody observes: no fairlead run holds this state directory",
}


def as_stale(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object with everything that was observed turned to Unknown."""
    status = dict(content.get("status") or {})
    if "conditions" in status:
        conditions = status["conditions"]
        failed = any(each["type"] in DECIDED and each["status"] == "False" for each in conditions)
        gone = OBSERVED if failed else (*OBSERVED, "Ready")
        status["conditions"] = [{**each, **STALE} if each["type"] in gone else dict(each) for each in conditions]
    if "health" in status:
        status["health"] = {"state": "Unknown"}
    if "rules" in status:
        status["rules"] = [{"name": rule["name"], "state": "Unknown"} for rule in status["rules"]]
    if "proxies" in status:
        status["proxies"] = {"total": 0, "ready": 0, "programmed": 0}
    return {**content, "status": status}
