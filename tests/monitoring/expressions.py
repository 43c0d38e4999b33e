"""What an expression of PromQL asks for: names of metrics, and the labels that it selects and groups by."""

import re
from collections.abc import Iterator, Mapping

TARGET_LABELS = frozenset({"gateway", "gateway_namespace", "pod"})
"""What is added when a pod is scraped, by the Prometheus operator and by the relabelings of the chart's PodMonitor."""

_SELECTOR = re.compile(r"\b(fairlead[\w:]*)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_GROUPING = re.compile(r"\b(?:by|on|ignoring|without|group_left|group_right)\s*\(([\w\s,]*)\)")
_STRING = re.compile(r'"[^"]*"')


def selectors(expression: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield each metric with the labels that are selected by."""
    for name, matchers in _SELECTOR.findall(_STRING.sub('""', expression)):
        yield name, frozenset(_MATCHER.findall(matchers))


def groupings(expression: str) -> frozenset[str]:
    """Return every label that is grouped by or matched on."""
    lists = _GROUPING.findall(expression)
    return frozenset(label.strip() for each in lists for label in each.split(",") if label.strip())


def unknown(expression: str, shown: Mapping[str, frozenset[str]]) -> list[str]:
    """Return what an expression asks for and nobody shows: names of metrics, `metric{label}`, and grouped labels."""
    missing: list[str] = []
    labels = set(TARGET_LABELS)
    for name, selected in selectors(expression):
        if name not in shown:
            missing.append(name)
            continue
        labels |= shown[name]
        missing += [f"{name}{{{label}}}" for label in sorted(selected - shown[name] - TARGET_LABELS)]
    return missing + [f"by ({label})" for label in sorted(groupings(expression) - labels)]


def with_recordings(shown: Mapping[str, frozenset[str]], recorded: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Return what is shown and what rules record of it; a recording has the labels that it groups by."""
    return {**shown, **{name: groupings(expression) - {"le"} for name, expression in recorded.items()}}
