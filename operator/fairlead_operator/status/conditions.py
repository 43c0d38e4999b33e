"""The conditions of a status: how they are written, and how they carry over from one status to the next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from math import ceil
from typing import Any

from fairlead_operator.verdict import Reason, Ruling, Truth

MESSAGE_LIMIT = 1024

Status = Mapping[str, Any]
"""A status as JSON: the edge of the API."""


class ConditionType(StrEnum):
    READY = "Ready"
    ACCEPTED = "Accepted"
    RESOLVED_REFS = "ResolvedRefs"
    PROGRAMMED = "Programmed"
    HEALTHY = "Healthy"
    DRAINED = "Drained"
    AVAILABLE = "Available"
    REDUNDANT = "Redundant"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, not yet dated. `reason` is a Reason, or for Healthy one of the health reasons."""

    type: ConditionType
    truth: Truth
    reason: str
    message: str = ""

    @classmethod
    def of(cls, kind: ConditionType, ruling: Ruling) -> "Condition":
        return cls(kind, ruling.truth, ruling.reason, ruling.message)


def readiness(parts: Sequence[Condition]) -> Condition:
    """Return Ready: False if one of its parts is, else Unknown if one is; the first such part says why."""
    for truth in (Truth.FALSE, Truth.UNKNOWN):
        failing = next((part for part in parts if part.truth is truth), None)
        if failing is not None:
            return Condition(ConditionType.READY, truth, failing.reason, failing.message)
    return Condition(ConditionType.READY, Truth.TRUE, Reason.READY)


def write_conditions(
    conditions: Iterable[Condition], generation: int, previous: Status, now: float
) -> list[dict[str, Any]]:
    """Return the conditions as JSON; `lastTransitionTime` moves only where the condition's status changes."""
    before = conditions_of(previous)
    return [_write(condition, generation, before.get(condition.type, {}), now) for condition in conditions]


def conditions_of(status: Status) -> dict[str, Status]:
    """Return the conditions of a status by type."""
    return {condition["type"]: condition for condition in status.get("conditions", ())}


def carried_over(kind: ConditionType, previous: Status, generation: int) -> Condition | None:
    """Return the condition as it was last written, if that was for this generation."""
    before = conditions_of(previous).get(kind)
    if before is None or before.get("observedGeneration") != generation:
        return None
    return Condition(kind, Truth(before["status"]), before["reason"], before.get("message", ""))


def listed(items: Sequence[str], separator: str, *, shown: int = 5) -> str:
    """Return the first few, and how many more there are."""
    more = f" and {len(items) - shown} more" if len(items) > shown else ""
    return separator.join(items[:shown]) + more


def timestamp(instant: float) -> str:
    """Return Unix seconds as RFC 3339 in UTC; part of a second is cut off."""
    return datetime.fromtimestamp(int(instant), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def until_text(instant: float) -> str:
    """Return the time of day at which something ends; a part of a second counts as a whole one."""
    return datetime.fromtimestamp(ceil(instant), UTC).strftime("%H:%M:%SZ")


def until_timestamp(instant: float) -> str:
    return timestamp(ceil(instant))


def _write(condition: Condition, generation: int, before: Status, now: float) -> dict[str, Any]:
    same = before.get("status") == condition.truth and "lastTransitionTime" in before
    return {
        "type": str(condition.type),
        "status": str(condition.truth),
        "reason": str(condition.reason),
        "message": _clip(condition.message),
        "observedGeneration": generation,
        "lastTransitionTime": before["lastTransitionTime"] if same else timestamp(now),
    }


def _clip(message: str) -> str:
    return message if len(message) <= MESSAGE_LIMIT else message[: MESSAGE_LIMIT - 1] + "…"
