"""From a verdict and what was observed to the whole status of one object."""

from typing import Any

from fairlead_operator.resources.meta import Kind
from fairlead_operator.status.conditions import Condition, ConditionType, Status, carried_over
from fairlead_operator.status.facts import Facts
from fairlead_operator.status.gateway_status import gateway_status
from fairlead_operator.status.policy_status import policy_status
from fairlead_operator.status.programmed import rule_fleet_programmed, rule_programmed
from fairlead_operator.status.provider_status import provider_status
from fairlead_operator.verdict import Verdict


def status_of(verdict: Verdict, facts: Facts, previous: Status, usage: Status | None = None) -> dict[str, Any] | None:
    """Return the whole status of an object; None while it is too early: look again within half a second.

    `previous` is the status that the object has now; `usage` is what it shows of the day (see spending.py). Early is an
    edit whose acknowledgement may still come in time, so that one edit makes one write.
    """
    if verdict.ref.kind is Kind.MODEL_GATEWAY:
        ruling = rule_fleet_programmed(verdict, facts.fleets.get(verdict.ref.id), facts.now)
        if ruling is None:
            return None
        return gateway_status(verdict, Condition.of(ConditionType.PROGRAMMED, ruling), facts, previous)
    ruling = rule_programmed(verdict, facts.fleets, facts.now)
    if ruling is None:
        programmed = carried_over(ConditionType.PROGRAMMED, previous, verdict.generation)
    else:
        programmed = Condition.of(ConditionType.PROGRAMMED, ruling)
    if programmed is None:
        return None
    if verdict.ref.kind is Kind.MODEL_PROVIDER:
        return provider_status(verdict, programmed, facts, previous, usage)
    return policy_status(verdict, programmed, facts, previous, usage)
