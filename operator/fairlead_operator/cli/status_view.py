"""How everything is, on one screen: fleets, providers by state, policies that are not well, and today's cost."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from fairlead_operator.cli.answer import Answer, object_name, table
from fairlead_operator.cli.columns import render_table
from fairlead_operator.cli.object_facts import (
    Content,
    condition_status,
    condition_words,
    cost_text,
    id_of,
    is_stale,
    name_of,
    namespace_of,
    status_in,
    sum_of,
    usage_today,
    usage_values,
    why_not_ready,
)
from fairlead_operator.cli.provider_view import ProviderLine, provider_line
from fairlead_operator.resources.meta import Kind
from fairlead_proxy.contract.usage_of_day import Spent, day_of

STATES = ("Healthy", "Degraded", "Unavailable", "Unknown")
SHOWN = 10
"""How many objects that are not well are named; the others are counted, and the next command is told."""


def status_answer(
    gateways: Sequence[Content],
    providers: Sequence[Content],
    policies: Sequence[Content],
    *,
    now: float,
    namespaces: bool,
) -> Answer:
    """Return the screen, and the same as values; `now` in Unix seconds."""
    lines = [provider_line(content) for content in providers]
    states = Counter(line.state for line in lines)
    ailing = [line for line in lines if line.state != "Healthy" or line.ready != "True"]
    unwell = [content for content in policies if not _is_well(content)]
    by_provider = sum_of(usage_today(content, now) for content in providers)
    by_policy = sum_of(usage_today(content, now) for content in policies)
    sections = [
        _gateways(gateways, namespaces),
        _providers(lines, states, ailing, namespaces),
        _policies(policies, unwell, namespaces),
        _today(by_provider, by_policy, now),
    ]
    named = [
        *(object_name(Kind.MODEL_GATEWAY, name_of(content)) for content in gateways),
        *(object_name(Kind.MODEL_PROVIDER, line.name) for line in ailing),
        *(object_name(Kind.ROUTE_POLICY, name_of(content)) for content in unwell),
    ]
    document: dict[str, Any] = {
        "gateways": [_gateway_values(content) for content in gateways],
        "providers": {
            "total": len(lines),
            "byState": {state: states[state] for state in STATES},
            "notWell": [line.values() for line in ailing],
        },
        "policies": {
            "total": len(policies),
            "notWell": [{"id": id_of(content), **_policy_values(content)} for content in unwell],
        },
        "today": {"byProviders": usage_values(by_provider, now), "byPolicies": usage_values(by_policy, now)},
    }
    return Answer("\n".join(sections), document, tuple(named))


def _gateways(contents: Sequence[Content], namespaces: bool) -> str:
    if not contents:
        return "GATEWAYS    none here\n"
    rows = [["NAMESPACE", "NAME", "READY", "PROXIES", "PROGRAMMED", "POLICIES", "REVISION", "WHY"]]
    for content in contents:
        values = _gateway_values(content)
        proxies = values["proxies"]
        row = [
            namespace_of(content),
            name_of(content),
            values["ready"],
            f"{proxies['ready']}/{proxies['total']}",
            f"{proxies['programmed']}/{proxies['ready']}",
            str(values["policies"]),
            values["revision"] or "-",
            values["why"],
        ]
        rows.append(row)
    return f"GATEWAYS    {len(contents)}\n" + _indented(table(rows, namespaces=namespaces))


def _gateway_values(content: Content) -> dict[str, Any]:
    status = status_in(content)
    proxies = status.get("proxies") or {}
    available = condition_status(content, "Available")
    why = why_not_ready(content) or ("" if available == "True" else condition_words(content, "Available"))
    return {
        "id": id_of(content),
        "ready": condition_status(content, "Ready"),
        "available": available,
        "proxies": {name: int(proxies.get(name) or 0) for name in ("total", "ready", "programmed")},
        "policies": int(status.get("policies") or 0),
        "revision": str(status.get("revision") or ""),
        "why": why,
    }


def _providers(
    lines: Sequence[ProviderLine], states: Counter[str], ailing: Sequence[ProviderLine], namespaces: bool
) -> str:
    if not lines:
        return "PROVIDERS   none here\n"
    head = ", ".join(f"{states[state]} {state}" for state in STATES)
    text = f"PROVIDERS   {len(lines)}: {head}\n"
    rows = [[line.namespace, line.name, line.state, line.ready, line.why] for line in ailing[:SHOWN]]
    if rows:
        shown = table([["NAMESPACE", "NAME", "HEALTH", "READY", "WHY"], *rows], namespaces=namespaces)
        text += _indented(shown)
    return text + _more(len(ailing), "fairlead providers")


def _policies(contents: Sequence[Content], unwell: Sequence[Content], namespaces: bool) -> str:
    if not contents:
        return "POLICIES    none here\n"
    text = f"POLICIES    {len(contents)}: {len(contents) - len(unwell)} ready and available\n"
    rows = []
    for content in unwell[:SHOWN]:
        values = _policy_values(content)
        rows.append([namespace_of(content), name_of(content), values["ready"], values["available"], values["why"]])
    if rows:
        text += _indented(table([["NAMESPACE", "NAME", "READY", "AVAILABLE", "WHY"], *rows], namespaces=namespaces))
    return text + _more(len(unwell), "fairlead routes")


def _is_well(content: Content) -> bool:
    return not is_stale(content) and all(condition_status(content, each) == "True" for each in ("Ready", "Available"))


def _policy_values(content: Content) -> dict[str, str]:
    available = condition_status(content, "Available")
    words = why_not_ready(content) or ("" if available == "True" else condition_words(content, "Available"))
    if is_stale(content):
        words = "; ".join(word for word in (words, "the status speaks of an older generation") if word)
    return {"ready": condition_status(content, "Ready"), "available": available, "why": words}


def _today(by_provider: Spent, by_policy: Spent, now: float) -> str:
    rows = [
        ["", "INPUT", "OUTPUT", "COST", "UNPRICED"],
        *(
            [name, str(spent.input_tokens), str(spent.output_tokens), cost_text(spent), str(spent.unpriced)]
            for name, spent in (("at these providers", by_provider), ("by these policies", by_policy))
        ),
    ]
    return f"TODAY       {day_of(now)} in UTC, rounded\n" + _indented(render_table(rows))


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


def _more(number: int, command: str) -> str:
    return f"  and {number - SHOWN} more: {command}\n" if number > SHOWN else ""
