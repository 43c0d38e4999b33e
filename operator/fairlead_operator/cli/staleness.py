"""What is left of a status when nobody observes any more: what was seen is history, and says so."""

from collections.abc import Mapping
from typing import Any

OBSERVED = ("Programmed", "Healthy", "Available", "Ready")
"""Conditions that rest on what proxies report; the others follow from the objects alone."""

MESSAGE = "nobody observes: no fairlead run holds this state directory"


def as_stale(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object with everything that was observed turned to Unknown."""
    status = dict(content.get("status") or {})
    if "conditions" in status:
        status["conditions"] = [_stale_condition(condition) for condition in status["conditions"]]
    if "health" in status:
        status["health"] = {"state": "Unknown"}
    if "rules" in status:
        status["rules"] = [{"name": rule["name"], "state": "Unknown"} for rule in status["rules"]]
    if "proxies" in status:
        status["proxies"] = {"total": 0, "ready": 0, "programmed": 0}
    return {**content, "status": status}


def _stale_condition(condition: Mapping[str, Any]) -> dict[str, Any]:
    if condition["type"] not in OBSERVED or (condition["type"] == "Ready" and condition["status"] == "False"):
        return dict(condition)
    return {**condition, "status": "Unknown", "reason": "Stale", "message": MESSAGE}
