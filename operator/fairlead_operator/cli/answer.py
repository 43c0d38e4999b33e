"""What a command found out, in each shape: tables for people, JSON and YAML for programs, names for pipes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from fairlead_operator.cli.cluster_options import Shape
from fairlead_operator.cli.columns import render_table
from fairlead_operator.resources.meta import GROUP, Kind

Rows = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` is the table; `document` the same as JSON values; `names` a line for each object that it speaks of."""

    text: str
    document: dict[str, Any]
    names: tuple[str, ...]

    def render(self, shape: Shape) -> str:
        match shape:
            case Shape.TABLE:
                return self.text
            case Shape.JSON:
                return json.dumps(self.document, indent=2, ensure_ascii=False) + "\n"
            case Shape.YAML:
                return yaml.safe_dump(self.document, sort_keys=False, allow_unicode=True, width=120)
            case Shape.NAME:
                return "".join(f"{name}\n" for name in self.names)


def object_name(kind: Kind, name: str) -> str:
    """Return an object as `kubectl -o name` writes it."""
    return f"{kind.lower()}.{GROUP}/{name}"


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """Return each name once, in their order."""
    return tuple(dict.fromkeys(names))


def table(rows: Rows, *, namespaces: bool) -> str:
    """Return rows, whose first column is the namespace, as text; without that column where all are of one."""
    return render_table(rows if namespaces else [row[1:] for row in rows])
