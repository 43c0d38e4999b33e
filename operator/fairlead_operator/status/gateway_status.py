"""The status of a ModelGateway: the fleet's revision and counts, which stand nowhere else."""

from typing import Any

from fairlead_operator.status.conditions import Condition, ConditionType, Status, readiness, write_conditions
from fairlead_operator.status.facts import Facts
from fairlead_operator.verdict import Reason, Truth, Verdict

SEVERAL = (
    "each ready proxy, be it a pod or a worker, has breakers of its own and observes providers for itself; "
    "their health is what most observers see"
)
"""No count in it, so that a proxy more or less changes no message."""


def gateway_status(verdict: Verdict, programmed: Condition, facts: Facts, previous: Status) -> dict[str, Any]:
    """Return the whole status; `programmed` is ruled already."""
    fleet = facts.fleets.get(verdict.ref.id)
    ready = len(fleet.ready) if fleet else 0
    configured = [
        Condition.of(ConditionType.ACCEPTED, verdict.accepted),
        Condition.of(ConditionType.RESOLVED_REFS, verdict.resolved_refs),
        programmed,
    ]
    conditions = [readiness(configured), *configured, _available(ready)]
    return {
        "observedGeneration": verdict.generation,
        "conditions": write_conditions(conditions, verdict.generation, previous, facts.now),
        "address": fleet.address if fleet else "",
        "revision": fleet.revision if fleet else "",
        "proxies": {
            "total": fleet.total if fleet else 0,
            "ready": ready,
            "programmed": fleet.programmed if fleet else 0,
        },
        "policies": verdict.policies,
    }


def _available(ready: int) -> Condition:
    if ready:
        message = SEVERAL if ready > 1 else ""
        return Condition(ConditionType.AVAILABLE, Truth.TRUE, Reason.AVAILABLE, message)
    return Condition(ConditionType.AVAILABLE, Truth.FALSE, Reason.NO_PROXIES, "no proxy is ready")
