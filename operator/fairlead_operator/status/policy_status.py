"""The status of a RoutePolicy: per rule the target that serves now, and whether a second one could."""

import json
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fairlead_operator.status.conditions import (
    Condition,
    ConditionType,
    Status,
    carried_over,
    readiness,
    until_text,
    write_conditions,
)
from fairlead_operator.status.facts import Facts, TargetSight
from fairlead_operator.verdict import Reason, RuleView, Ruling, Truth, Verdict

STATUS_BYTES = 8 * 1024 - 256
"""What a status may take as JSON; rules that do not fit are cut, their reasons first."""

RULES_CERTAIN_BYTES = 2 * 1024
REASON_LIMIT = 512
RULES_SHOWN_IN_MESSAGE = 10
KEYLESS = TargetSight(able=False, reason="has no key")
WITHHELD = TargetSight(able=False, reason="is not served: its ModelProvider says why")
CLOSED = TargetSight(able=False, reason="takes no new calls: its provider is in maintenance")
UNRULED = Ruling(Truth.UNKNOWN, Reason.NO_TARGET)


class RuleState(StrEnum):
    SERVING = "Serving"
    FALLEN_BACK = "FallenBack"
    NO_TARGET = "NoTarget"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """How one rule serves. `observed`: a target that is able was seen to serve."""

    name: str
    state: RuleState
    active: str = ""
    reason: str = ""
    observed: bool = True

    def write(self) -> dict[str, str]:
        shown = {"name": self.name, "state": str(self.state)}
        if self.active:
            shown["active"] = self.active
        if self.reason:
            shown["reason"] = self.reason if len(self.reason) <= REASON_LIMIT else self.reason[: REASON_LIMIT - 1] + "…"
        return shown


def policy_status(
    verdict: Verdict, programmed: Condition, facts: Facts, previous: Status, usage: Status | None = None
) -> dict[str, Any]:
    """Return the whole status; `programmed` is ruled already."""
    configured = [
        Condition.of(ConditionType.ACCEPTED, verdict.accepted),
        Condition.of(ConditionType.RESOLVED_REFS, verdict.resolved_refs),
        programmed,
    ]
    rules = [rule_status(rule, facts) for rule in verdict.rules] if _is_served(verdict) else []
    available = _available(rules)
    shown = [rule.write() for rule in rules]
    before = carried_over(ConditionType.AVAILABLE, previous, verdict.generation)
    if available.truth is Truth.UNKNOWN and facts.settling and before is not None:
        available, shown = before, list(previous.get("rules", shown))
    redundant = Condition.of(ConditionType.REDUNDANT, verdict.redundant or UNRULED)
    conditions = [readiness(configured), *configured, available, redundant]
    status: dict[str, Any] = {
        "observedGeneration": verdict.generation,
        "conditions": write_conditions(conditions, verdict.generation, previous, facts.now),
        "rules": shown,
    }
    return _fit(status if usage is None else {**status, "usage": usage})


def policy_evidence(verdict: Verdict, facts: Facts) -> Hashable:
    """Return all of the facts that a policy's status is made of, but Programmed and what was used."""
    sights = tuple(map(facts.sight_of, verdict.targets)) if _is_served(verdict) else ()
    return sights, facts.settling


def rule_status(rule: RuleView, facts: Facts) -> RuleStatus:
    """Return which target of a rule serves now: the first one that is able, in the order of trial."""
    sights = [_sight(target, rule, facts) for target in rule.targets]
    active = next((position for position, sight in enumerate(sights) if sight.able), None)
    if active is None:
        why = "; ".join(_why(target, sight) for target, sight in zip(rule.targets[:3], sights, strict=False))
        return RuleStatus(rule.name, RuleState.NO_TARGET, reason=why or "none of its targets is resolved")
    target = rule.targets[active]
    observed = any(sight.able and sight.observed for sight in sights)
    if active >= rule.first:
        why = _why(rule.targets[0], sights[0])
        return RuleStatus(rule.name, RuleState.FALLEN_BACK, target, why, observed)
    state = RuleState.SERVING if observed else RuleState.UNKNOWN
    return RuleStatus(rule.name, state, target, observed=observed)


def _sight(target: str, rule: RuleView, facts: Facts) -> TargetSight:
    if target in rule.withheld:
        return WITHHELD
    if target in rule.closed:
        return CLOSED
    return KEYLESS if target in rule.keyless else facts.sight_of(target)


def _why(target: str, sight: TargetSight) -> str:
    return f"{target} {sight.reason}" + (f" until {until_text(sight.until)}" if sight.until is not None else "")


def _available(rules: Sequence[RuleStatus]) -> Condition:
    if not rules:
        return Condition(ConditionType.AVAILABLE, Truth.FALSE, Reason.NO_TARGET, "nothing of this policy is served")
    without = [rule.name for rule in rules if rule.state is RuleState.NO_TARGET]
    if without:
        message = f"no target can serve now in {_names(without)}"
        return Condition(ConditionType.AVAILABLE, Truth.FALSE, Reason.NO_TARGET, message)
    unseen = [rule.name for rule in rules if not rule.observed]
    if unseen:
        message = f"no target was observed lately in {_names(unseen)}"
        return Condition(ConditionType.AVAILABLE, Truth.UNKNOWN, Reason.NO_TRAFFIC, message)
    return Condition(ConditionType.AVAILABLE, Truth.TRUE, Reason.AVAILABLE)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - RULES_SHOWN_IN_MESSAGE} more" if len(names) > RULES_SHOWN_IN_MESSAGE else ""
    return ("the rule " if len(names) == 1 else "the rules ") + ", ".join(names[:RULES_SHOWN_IN_MESSAGE]) + more


def _is_served(verdict: Verdict) -> bool:
    return bool(verdict.fragments) and not verdict.withdrawn and not verdict.too_large


def _fit(status: dict[str, Any]) -> dict[str, Any]:
    """Return the status within STATUS_BYTES: where it is larger, without its rules' reasons, then without the last."""
    rules = status["rules"]
    if sum(len(text) + 16 for rule in rules for text in rule.values()) <= RULES_CERTAIN_BYTES:
        return status
    room = STATUS_BYTES - len(json.dumps({**status, "rules": []}))
    if len(json.dumps(rules)) > room:
        rules = [{name: text for name, text in rule.items() if name != "reason"} for rule in rules]
    while rules and len(json.dumps(rules)) > room:
        rules = rules[:-1]
    return {**status, "rules": rules}
