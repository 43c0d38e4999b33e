"""The table of `kubectl get` from the same printer columns: what a path finds, and how ages are written."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from fairlead_operator.resources.schema import Column

PADDING = 3
"""Spaces between columns, as kubectl puts them."""

_STEP = re.compile(r"""\.(?P<name>\w+)|\[(?P<index>\d+)\]|\[\?\(@\.(?P<key>\w+)=="(?P<value>[^"]*)"\)\]""")

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86_400, 31_536_000


def table_of(
    columns: Sequence[Column], objects: Iterable[Mapping[str, Any]], *, now: float, wide: bool, namespaces: bool
) -> list[list[str]]:
    """Return the rows, the first of them the headings; `now` in Unix seconds."""
    shown = [column for column in columns if wide or not column.wide]
    first = ["NAMESPACE", "NAME"] if namespaces else ["NAME"]
    rows = [[*first, *(column.name.upper() for column in shown)]]
    for content in objects:
        metadata = content["metadata"]
        names = [metadata["namespace"], metadata["name"]] if namespaces else [metadata["name"]]
        rows.append([*names, *(_cell(content, column, now) for column in shown)])
    return rows


def render_table(rows: Sequence[Sequence[str]]) -> str:
    """Return the rows as text, each column as wide as its longest cell."""
    widths = [max(len(row[position]) for row in rows) + PADDING for position in range(len(rows[0]))]
    lines = ("".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "".join(line.rstrip() + "\n" for line in lines)


def value_at(content: Mapping[str, Any], path: str) -> Any:
    """Return the first value at a JSON path as printer columns use it: names, indices and equality; None if absent."""
    value: Any = content
    for step in _steps(path):
        if step["name"] is not None:
            value = value.get(step["name"]) if isinstance(value, Mapping) else None
        elif not isinstance(value, list):
            value = None
        elif step["index"] is not None:
            value = value[int(step["index"])] if int(step["index"]) < len(value) else None
        else:
            value = next((entry for entry in value if entry.get(step["key"]) == step["value"]), None)
        if value is None:
            return None
    return value


def human_age(seconds: float) -> str:
    """Return an age as kubectl writes it: 59s, 2m5s, 11m, 3h7m, 2d4h. Source: k8s.io/apimachinery, HumanDuration.

    What lies more than a second ahead, beyond what clocks differ by, is `<invalid>`.
    """
    total = int(seconds)
    if total < -1:
        return "<invalid>"
    if total < 2 * _MINUTE:
        return f"{max(total, 0)}s"
    for unit, name, below, below_name, until in (
        (_MINUTE, "m", 1, "s", 10 * _MINUTE),
        (_MINUTE, "m", 0, "", 3 * _HOUR),
        (_HOUR, "h", _MINUTE, "m", 8 * _HOUR),
        (_HOUR, "h", 0, "", 2 * _DAY),
        (_DAY, "d", _HOUR, "h", 8 * _DAY),
        (_DAY, "d", 0, "", 2 * _YEAR),
        (_YEAR, "y", _DAY, "d", 8 * _YEAR),
    ):
        if total < until:
            rest = total % unit // below if below else 0
            return f"{total // unit}{name}{rest}{below_name}" if rest else f"{total // unit}{name}"
    return f"{total // _YEAR}y"


def _steps(path: str) -> list[re.Match[str]]:
    steps = list(_STEP.finditer(path))
    assert "".join(step[0] for step in steps) == path, f"a printer column has a path that is not understood: {path}"
    return steps


def _cell(content: Mapping[str, Any], column: Column, now: float) -> str:
    value = value_at(content, column.path)
    if value is None:
        return ""
    if column.type == "date":
        return _age_of(str(value), now)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _age_of(text: str, now: float) -> str:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return "<invalid>"
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return human_age(now - moment.timestamp())
