"""How each rule of each policy is served: its state, the target that a call would go to now, and why."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fairlead_operator.cli.answer import Answer, object_name, table, unique
from fairlead_operator.cli.object_facts import (
    NOT_LOOKED_AT,
    Content,
    condition_status,
    is_stale,
    name_of,
    namespace_of,
    spec_of,
    status_in,
    why_not_ready,
)
from fairlead_operator.resources.meta import Kind

HEAD = ["NAMESPACE", "POLICY", "RULE", "STATE", "ACTIVE", "READY", "WHY"]
STALE_GENERATION = "the status speaks of an older generation"


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule. `active`: `namespace/provider/model`, empty where no target can serve, or none is known."""

    namespace: str
    policy: str
    rule: str
    state: str
    active: str
    ready: str
    why: str

    def values(self) -> dict[str, Any]:
        return {
            "namespace": self.namespace,
            "policy": self.policy,
            "rule": self.rule,
            "state": self.state,
            "active": self.active or None,
            "ready": self.ready,
            "why": self.why,
        }


def rule_lines(content: Content) -> Iterator[RuleLine]:
    """Yield the rules of a policy in the order in which they are tried; what no status speaks of is Unknown."""
    observed = {rule["name"]: rule for rule in status_in(content).get("rules") or ()}
    why = why_not_ready(content)
    if is_stale(content):
        why = "; ".join(word for word in (why, STALE_GENERATION) if word)
    for rule in spec_of(content).get("rules") or ():
        seen = observed.get(rule["name"], {})
        unseen = "" if seen or why else (NOT_LOOKED_AT if not status_in(content) else "the status does not tell of it")
        yield RuleLine(
            namespace=namespace_of(content),
            policy=name_of(content),
            rule=str(rule["name"]),
            state=str(seen.get("state", "Unknown")),
            active=str(seen.get("active") or ""),
            ready=condition_status(content, "Ready"),
            why="; ".join(word for word in (why, unseen, str(seen.get("reason") or "")) if word),
        )


def route_answer(contents: Iterable[Content], *, namespaces: bool) -> Answer:
    """Return the table of the rules of these policies, and the same as values."""
    lines = [line for content in contents for line in rule_lines(content)]
    rows = [
        HEAD,
        *(
            [line.namespace, line.policy, line.rule, line.state, line.active or "-", line.ready, line.why]
            for line in lines
        ),
    ]
    return Answer(
        text=table(rows, namespaces=namespaces),
        document={"rules": [line.values() for line in lines]},
        names=unique([object_name(Kind.ROUTE_POLICY, line.policy) for line in lines]),
    )
