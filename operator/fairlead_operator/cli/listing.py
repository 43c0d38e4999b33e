"""Objects as text: the table of their kind, or YAML or JSON as kubectl prints them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from fairlead_operator.cli.columns import render_table, table_of
from fairlead_operator.resources.meta import GROUP, Kind
from fairlead_operator.resources.schema import CATEGORIES, KINDS


class KindUnknown(Exception):
    """A kind that is not ours; the message lists those that are."""


def kinds_of(text: str) -> list[Kind]:
    """Return the kinds of `mp,rp`, in any spelling that kubectl takes. Raises KindUnknown."""
    # A category is listed by name of kind, as by an API server.
    names: dict[str, Sequence[Kind]] = dict.fromkeys(("all", *CATEGORIES), sorted(Kind))
    for kind, facts in KINDS.items():
        for name in (facts.short_name, facts.plural, kind.lower(), f"{facts.plural}.{GROUP}"):
            names[name] = (kind,)
    found: list[Kind] = []
    for name in text.lower().split(","):
        if name not in names:
            known = ", ".join(f"{facts.short_name} ({facts.plural})" for facts in KINDS.values())
            raise KindUnknown(f"{name!r} is not a kind of Fairlead; there are {known} and all")
        found.extend(kind for kind in names[name] if kind not in found)
    return found


def render_tables(
    kinds: Sequence[Kind], objects: Sequence[Mapping[str, Any]], *, now: float, wide: bool, namespaces: bool
) -> str:
    """Return one table for each kind that has objects; with several kinds a name says which it is of."""
    tables = []
    for kind in kinds:
        own = [content for content in objects if content["kind"] == kind]
        if own:
            rows = table_of(KINDS[kind].columns, own, now=now, wide=wide, namespaces=namespaces)
            tables.append(render_table(_prefixed(rows, kind, namespaces) if len(kinds) > 1 else rows))
    return "\n".join(tables)


def render_objects(objects: Sequence[Mapping[str, Any]], *, as_json: bool, single: bool) -> str:
    """Return one object as it is, or several as a List."""
    one_of_many: Mapping[str, Any] = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    content = objects[0] if single and len(objects) == 1 else one_of_many
    if as_json:
        return json.dumps(content, indent=4, ensure_ascii=False) + "\n"
    return yaml.safe_dump(json.loads(json.dumps(content)), sort_keys=False, allow_unicode=True, width=120)


def _prefixed(rows: Sequence[Sequence[str]], kind: Kind, namespaces: bool) -> list[list[str]]:
    position = 1 if namespaces else 0
    head, *body = rows
    return [
        list(head),
        *([*row[:position], f"{kind.lower()}.{GROUP}/{row[position]}", *row[position + 1 :]] for row in body),
    ]
