"""What is observed of each provider: its state, since when, which of its parts are down and until when."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fairlead_operator.cli.answer import Answer, object_name, table
from fairlead_operator.cli.object_facts import (
    Content,
    age_of,
    condition_status,
    condition_words,
    is_stale,
    name_of,
    namespace_of,
    spec_of,
    status_in,
    why_not_ready,
)
from fairlead_operator.resources.meta import Kind
from fairlead_operator.status.conditions import conditions_of

HEAD = ["NAMESPACE", "NAME", "HEALTH", "SINCE", "TTFT-P95", "SUCCESS", "USED-BY", "READY", "WHY"]


@dataclass(frozen=True, slots=True)
class ProviderLine:
    """One provider. `down`: credentials and models that are not healthy; `why`: these, or what else is the matter."""

    namespace: str
    name: str
    state: str
    since: str
    ttft_p95: str
    success_rate: str
    used_by: int
    ready: str
    down: tuple[dict[str, str], ...]
    why: str

    def values(self) -> dict[str, Any]:
        return {
            "namespace": self.namespace,
            "name": self.name,
            "state": self.state,
            "since": self.since or None,
            "ttftP95": self.ttft_p95 or None,
            "successRate": self.success_rate or None,
            "usedBy": self.used_by,
            "ready": self.ready,
            "down": list(self.down),
            "why": self.why,
        }


def provider_line(content: Content) -> ProviderLine:
    status = status_in(content)
    health = status.get("health") or {}
    down = (*_parts("credential", health.get("credentials")), *_parts("model", health.get("models")))
    return ProviderLine(
        namespace=namespace_of(content),
        name=name_of(content),
        state=str(health.get("state") or "Unknown"),
        since=str(health.get("since") or ""),
        ttft_p95=str(health.get("ttftP95") or ""),
        success_rate=str(health.get("successRate") or ""),
        used_by=int((status.get("dependents") or {}).get("policies") or 0),
        ready=condition_status(content, "Ready"),
        down=down,
        why=_why(content, down),
    )


def provider_answer(contents: Iterable[Content], *, now: float, namespaces: bool) -> Answer:
    """Return the table of these providers, and the same as values; `now` in Unix seconds."""
    lines = [provider_line(content) for content in contents]
    rows = [HEAD, *(_row(line, now) for line in lines)]
    return Answer(
        text=table(rows, namespaces=namespaces),
        document={"providers": [line.values() for line in lines]},
        names=tuple(object_name(Kind.MODEL_PROVIDER, line.name) for line in lines),
    )


def _row(line: ProviderLine, now: float) -> list[str]:
    figures = [line.ttft_p95, line.success_rate, str(line.used_by)]
    return [line.namespace, line.name, line.state, age_of(line.since, now), *figures, line.ready, line.why]


def _parts(kind: str, parts: Iterable[Mapping[str, str]] | None) -> Iterable[dict[str, str]]:
    for part in parts or ():
        yield {"kind": kind, **part}


def _why(content: Content, down: Iterable[Mapping[str, str]]) -> str:
    """Return what to know first: what keeps it from being configured, else maintenance, else what is down."""
    words = [why_not_ready(content)]
    if is_stale(content):
        words.append("the status speaks of an older generation")
    maintenance = str((spec_of(content).get("maintenance") or {}).get("state") or "Active")
    if maintenance != "Active":
        words.append(f"{maintenance}: takes no new calls")
    parts = "; ".join(_part_text(part) for part in down)
    # A pair of credential and model that is down stands in the message alone.
    words.append(parts or _health_words(content))
    return "; ".join(word for word in words if word)


def _part_text(part: Mapping[str, str]) -> str:
    until = f" until {part['until']}" if part.get("until") else ""
    return f"{part['kind']} {part['name']} {part['state']}{until}"


def _health_words(content: Content) -> str:
    healthy = conditions_of(status_in(content)).get("Healthy")
    if healthy is None:
        return ""
    serves = healthy.get("status") == "True"
    return str(healthy.get("message", "")) if serves else condition_words(content, "Healthy")
