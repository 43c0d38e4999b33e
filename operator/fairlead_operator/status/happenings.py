"""What happened between one status of an object and the next."""

from fairlead_operator.happening import Happening
from fairlead_operator.status.conditions import ConditionType, Status, conditions_of
from fairlead_operator.verdict import Reason, Truth

_TOLD = (
    ConditionType.ACCEPTED,
    ConditionType.RESOLVED_REFS,
    ConditionType.PROGRAMMED,
    ConditionType.HEALTHY,
    ConditionType.AVAILABLE,
)
"""Ready follows from others of these; Redundant is as its owner wrote it."""


def happenings(before: Status, after: Status) -> tuple[Happening, ...]:
    """Return the conditions that turned bad, those bad for another reason now, and those that are good again.

    What nobody knows is neither: a provider that is not called at night does not tell of it each evening.
    """
    old, new = conditions_of(before), conditions_of(after)
    found: list[Happening] = []
    for kind in _TOLD:
        was, now = old.get(kind, {}), new.get(kind, {})
        if _is_bad(now):
            if (was.get("status"), was.get("reason")) != (now["status"], now["reason"]):
                found.append(_happening(kind, now, bad=True))
        elif _is_bad(was) and now.get("status") == Truth.TRUE:
            found.append(_happening(kind, now, bad=False))
    was, now = old.get(ConditionType.DRAINED, {}), new.get(ConditionType.DRAINED, {})
    if now.get("status") == Truth.TRUE and was.get("status") != Truth.TRUE:
        found.append(_happening(ConditionType.DRAINED, now, bad=False))
    return tuple(found)


def _is_bad(condition: Status) -> bool:
    """Say whether somebody should look; what is on its way is not bad yet."""
    return condition.get("status") == Truth.FALSE and condition.get("reason") != Reason.PENDING


def _happening(kind: ConditionType, condition: Status, *, bad: bool) -> Happening:
    return Happening(kind, condition["reason"], condition.get("message", ""), bad)
