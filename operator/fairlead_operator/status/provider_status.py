"""The status of a ModelProvider: what was compiled, what the proxies acknowledged, and how they see it serve."""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

from fairlead_operator.status.conditions import (
    Condition,
    ConditionType,
    Status,
    conditions_of,
    readiness,
    timestamp,
    until_text,
    until_timestamp,
    write_conditions,
)
from fairlead_operator.status.drained import rule_drained
from fairlead_operator.status.facts import Facts
from fairlead_operator.status.figures import steady_rate, steady_seconds
from fairlead_operator.status.health import HealthState, PartHealth, ProviderHealth
from fairlead_operator.verdict import Reason, Truth, Verdict
from fairlead_proxy.contract.names import ProbeLimit

PARTS_SHOWN = 20


def provider_status(
    verdict: Verdict, programmed: Condition, facts: Facts, previous: Status, usage: Status | None = None
) -> dict[str, Any]:
    """Return the whole status; `programmed` is ruled already."""
    health = facts.health_of(verdict.ref.id)
    configured = [
        Condition.of(ConditionType.ACCEPTED, verdict.accepted),
        Condition.of(ConditionType.RESOLVED_REFS, verdict.resolved_refs),
        programmed,
    ]
    if health.truth is Truth.UNKNOWN and facts.settling and "health" in previous:
        healthy, shown = _healthy_before(previous), previous["health"]
    else:
        healthy = _with_limit(_healthy(health, facts, previous), facts.health.limits.get(verdict.ref.id))
        shown = _health(verdict, health, facts, previous)
    conditions = [readiness(configured), *configured, healthy]
    drained = rule_drained(verdict, facts.fleets)
    if drained is not None:
        conditions.append(Condition.of(ConditionType.DRAINED, drained))
    status = {
        "observedGeneration": verdict.generation,
        "conditions": write_conditions(conditions, verdict.generation, previous, facts.now),
        "health": shown,
        "dependents": {
            "policies": len(verdict.users),
            "namespaces": len({policy.partition("/")[0] for policy in verdict.users}),
            "soleTargetOf": len(verdict.sole_target_of),
        },
    }
    return status if usage is None else {**status, "usage": usage}


def provider_evidence(verdict: Verdict, facts: Facts) -> Hashable:
    """Return all of the facts that a provider's status is made of, but Programmed and what was used."""
    seen = facts.health_of(verdict.ref.id), facts.health.silent, facts.settling, _ready_proxies(verdict, facts)
    return *seen, facts.health.limits.get(verdict.ref.id), rule_drained(verdict, facts.fleets)


def _healthy_before(previous: Status) -> Condition:
    before = conditions_of(previous).get(ConditionType.HEALTHY)
    if before is None:
        return Condition(ConditionType.HEALTHY, Truth.UNKNOWN, Reason.NO_TRAFFIC)
    return Condition(ConditionType.HEALTHY, Truth(before["status"]), before["reason"], before["message"])


def _healthy(health: ProviderHealth, facts: Facts, previous: Status) -> Condition:
    if health.truth is Truth.UNKNOWN:
        reason = Reason.STALE if facts.health.silent and _was_observed(previous) else health.reason
        return Condition(ConditionType.HEALTHY, Truth.UNKNOWN, reason, UNKNOWN_MESSAGES[Reason(reason)])
    message = _down_message(health) if health.truth is Truth.FALSE else _serving_message(health)
    return Condition(ConditionType.HEALTHY, health.truth, health.reason, message)


UNKNOWN_MESSAGES = {
    Reason.STALE: "no proxy has reported in the last 10 s",
    Reason.NO_TRAFFIC: "no call was answered in the last 60 s, and no probe shows that one would be",
}


LIMIT_MESSAGES = {
    ProbeLimit.BUDGET_SPENT: "Chat probes rest until 00:00 UTC: spec.health.active.maxCostPerDay is spent",
    ProbeLimit.PRICE_UNKNOWN: "Chat probes rest: what they would ask has no known price; set spec.models[].price",
}


def _with_limit(healthy: Condition, limit: ProbeLimit | None) -> Condition:
    if limit is None:
        return healthy
    message = "; ".join(part for part in (healthy.message, LIMIT_MESSAGES[limit]) if part)
    return replace(healthy, message=message)


def _was_observed(previous: Status) -> bool:
    before = conditions_of(previous).get(ConditionType.HEALTHY)
    return before is not None and before["reason"] != Reason.NO_TRAFFIC


def _down_message(health: ProviderHealth) -> str:
    until = f" until {until_text(health.until)}" if health.until is not None else ""
    return f"{health.against} of {health.observers} observers: {health.reason}{until}"


def _serving_message(health: ProviderHealth) -> str:
    parts: list[str] = []
    if health.dissenting:
        parts.append(f"EgressBroken({', '.join(health.dissenting[:PARTS_SHOWN])}): only there it does not serve")
    named = _named_parts(health)
    parts.extend(f"{kind} {part_text(part)}" for kind, part in named[:PARTS_SHOWN])
    return "; ".join(parts)


def _named_parts(health: ProviderHealth) -> list[tuple[str, PartHealth]]:
    """Return what is down, at the coarsest grain that says it all."""
    whole = [("credential", part) for part in health.credentials] + [("model", part) for part in health.models]
    return whole or [("credential/model", part) for part in health.pairs]


def part_text(part: PartHealth) -> str:
    until = f" until {until_text(part.until)}" if part.until is not None else ""
    return f"{part.name} {part.reason}{until}"


def _health(verdict: Verdict, health: ProviderHealth, facts: Facts, previous: Status) -> dict[str, Any]:
    before: Status = previous.get("health", {})
    same = before.get("state") == health.state
    shown: dict[str, Any] = {
        "state": str(health.state),
        "since": before["since"] if same and "since" in before else timestamp(facts.now),
        "observers": {
            "reporting": health.observers,
            "total": _ready_proxies(verdict, facts),
            "dissenting": list(health.dissenting[:PARTS_SHOWN]),
        },
    }
    rate = steady_rate(health.success_rate, before.get("successRate") if same else None)
    ttft = steady_seconds(health.ttft_p95_seconds, before.get("ttftP95") if same else None)
    if rate is not None:
        shown["successRate"] = rate
    if ttft is not None:
        shown["ttftP95"] = ttft
    if health.state is not HealthState.UNKNOWN:
        shown["credentials"] = _parts(health.credentials)
        shown["models"] = _parts(health.models)
    return shown


def _ready_proxies(verdict: Verdict, facts: Facts) -> int:
    return sum(len(facts.fleets[gateway].ready) for gateway in verdict.fragments if gateway in facts.fleets)


def _parts(parts: Sequence[PartHealth]) -> list[dict[str, str]]:
    return [
        {"name": part.name, "state": str(part.reason)}
        | ({"until": until_timestamp(part.until)} if part.until is not None else {})
        for part in parts[:PARTS_SHOWN]
    ]
