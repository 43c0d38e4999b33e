"""Who used and spent most today, by the figures of status: providers, or teams, which are namespaces of policies."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fairlead_operator.cli.answer import Answer, object_name, table
from fairlead_operator.cli.columns import render_table
from fairlead_operator.cli.object_facts import (
    Content,
    cost_text,
    name_of,
    namespace_of,
    status_in,
    sum_of,
    usage_today,
    usage_values,
)
from fairlead_operator.resources.meta import Kind
from fairlead_proxy.contract.usage_of_day import Spent

FIGURES = ["INPUT", "OUTPUT", "COST-TODAY", "UNPRICED"]
ROUNDED = "Today in UTC, with two digits each: fairlead cost is exact."


@dataclass(frozen=True, slots=True)
class _Line:
    """One row. `more`: what only a provider has, headings and values in one order."""

    namespace: str
    name: str
    spent: Spent
    more: tuple[str, ...] = ()


def top_providers(contents: Iterable[Content], *, now: float, namespaces: bool) -> Answer:
    """Return the providers, the one that cost most first, with how fast and how well they answered of late."""
    lines = _sorted(
        [
            _Line(namespace_of(content), name_of(content), usage_today(content, now), _observed(content))
            for content in contents
        ]
    )
    rows = [
        ["NAMESPACE", "NAME", *FIGURES, "TTFT-P95", "SUCCESS"],
        *([line.namespace, line.name, *_figures(line.spent), *(each or "-" for each in line.more)] for line in lines),
    ]
    items = [
        {
            "namespace": line.namespace,
            "name": line.name,
            **usage_values(line.spent, now),
            "ttftP95": line.more[0] or None,
            "successRate": line.more[1] or None,
        }
        for line in lines
    ]
    return Answer(
        text=table(rows, namespaces=namespaces) + f"\n{ROUNDED}\n",
        document={"providers": items},
        names=tuple(object_name(Kind.MODEL_PROVIDER, line.name) for line in lines),
    )


def top_teams(contents: Iterable[Content], *, now: float) -> Answer:
    """Return the namespaces of these policies, the one that spent most first."""
    used: dict[str, list[Spent]] = {}
    for content in contents:
        used.setdefault(namespace_of(content), []).append(usage_today(content, now))
    lines = _sorted([_Line(namespace, "", sum_of(each)) for namespace, each in used.items()])
    rows = [
        ["TEAM", "POLICIES", *FIGURES],
        *([line.namespace, str(len(used[line.namespace])), *_figures(line.spent)] for line in lines),
    ]
    items: list[dict[str, Any]] = [
        {"namespace": line.namespace, "policies": len(used[line.namespace]), **usage_values(line.spent, now)}
        for line in lines
    ]
    return Answer(
        text=render_table(rows) + f"\n{ROUNDED}\n",
        document={"teams": items},
        names=tuple(f"namespace/{line.namespace}" for line in lines),
    )


def _sorted(lines: Sequence[_Line]) -> list[_Line]:
    """Return the lines by cost in the currency that most of them have, since currencies do not compare; then tokens."""
    held = Counter(currency for line in lines for currency in line.spent.cost_nano)
    currency = min(held, key=lambda name: (-held[name], name), default="")

    def order(line: _Line) -> tuple[int, int, str, str]:
        tokens = line.spent.input_tokens + line.spent.output_tokens
        return -line.spent.cost_nano.get(currency, 0), -tokens, line.namespace, line.name

    return sorted(lines, key=order)


def _figures(spent: Spent) -> list[str]:
    return [str(spent.input_tokens), str(spent.output_tokens), cost_text(spent), str(spent.unpriced)]


def _observed(content: Content) -> tuple[str, str]:
    health = status_in(content).get("health") or {}
    return str(health.get("ttftP95") or ""), str(health.get("successRate") or "")
