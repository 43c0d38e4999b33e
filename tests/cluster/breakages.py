"""Objects that each break one demand of a definition, made from the definition itself: no demand can be forgotten.

Every demand of the schema of a `spec` (type, enum, pattern, bound, required field, closed object, list of one each,
CEL rule on a value) is broken once, in one of the kept good objects that has the field.
"""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fairlead_operator.resources.meta import Kind
from fairlead_operator.resources.rules import RULES
from fairlead_operator.resources.schema import crd_of

Path = tuple[str | int, ...]

WRONG_TYPE: dict[str, Any] = {"string": 7, "integer": "seven", "boolean": "maybe", "array": "none", "object": "none"}

BREAKING: dict[str, Any] = {
    "must be a URL with a host and, where one is given, a port from 1 to 65535": "http://host.example:0",
    "must be a network such as 10.20.0.0/16 or fd00::/8, with no bits set behind its prefix": "10.20.0.1/16",
    "a header's name is made of letters, digits and hyphens, 64 at most": {"x task": "a"},
    "must be names of labels, such as example.com/team": {"a team": "a"},
    "must grow in `above` from entry to entry; sort them, and give each bound once": [
        {"above": 2, "perMTok": {"input": "1"}},
        {"above": 1, "perMTok": {"input": "1"}},
    ],
}
"""What breaks a CEL rule on one value, by its message."""

RULE_MESSAGES = frozenset(rule.message for rule in RULES)
"""Rules over several fields; tests/cases/crds/reject holds an object for each."""

_DURATION = re.compile(r"must be a duration from (\w+) to (\w+)")
_MAP_KEY = "*"


@dataclass(frozen=True, slots=True)
class Demand:
    """One demand of a schema: the field with `[]` for entries and `*` for keys, and what is asked of it."""

    field: str
    keyword: str


@dataclass(frozen=True, slots=True)
class Breakage:
    demand: Demand
    content: dict[str, Any]


def demands_of(kind: Kind) -> set[Demand]:
    """Return every demand on the spec of a kind."""
    return set(_demands(_spec_schema(kind), "spec"))


def breakages_of(kind: Kind, good: list[dict[str, Any]]) -> dict[Demand, Breakage]:
    """Return one broken object for each demand that applies to a field of these good ones, or for a field there."""
    found: dict[Demand, Breakage] = {}
    for content in good:
        for demand, path, value, remove in _broken(_spec_schema(kind), content["spec"], ("spec",), "spec"):
            if demand not in found:
                found[demand] = Breakage(demand, _with(content, path, value, remove=remove))
    return found


def _spec_schema(kind: Kind) -> dict[str, Any]:
    schema: dict[str, Any] = crd_of(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return schema


def _demands(node: dict[str, Any], field: str) -> Iterator[Demand]:
    for keyword in ("type", "enum", "pattern", "minimum", "maximum", "maxLength", "minItems", "maxItems"):
        if keyword in node:
            yield Demand(field, keyword)
    if node.get("minLength"):
        yield Demand(field, "minLength")
    if "maxProperties" in node:
        yield Demand(field, "maxProperties")
    if node.get("x-kubernetes-list-type") in ("set", "map"):
        yield Demand(field, "unique")
    for rule in node.get("x-kubernetes-validations", ()):
        if rule["message"] not in RULE_MESSAGES:
            yield Demand(field, rule["message"])
    if "properties" in node:
        yield Demand(field, "closed")
        for name in node.get("required", ()):
            yield Demand(f"{field}.{name}", "required")
        for name, below in node["properties"].items():
            yield from _demands(below, f"{field}.{name}")
    if "items" in node:
        yield from _demands(node["items"], f"{field}[]")
    if isinstance(node.get("additionalProperties"), dict):
        yield from _demands(node["additionalProperties"], f"{field}.{_MAP_KEY}")


def _broken(node: dict[str, Any], value: Any, path: Path, field: str) -> Iterator[tuple[Demand, Path, Any, bool]]:
    """Yield each demand on a value and below it, the path of what to change, the new value, and whether to remove."""
    if value is None:  # counts as omitted
        return
    for keyword, wrong in _wrong(node, value):
        yield Demand(field, keyword), path, wrong, False
    for rule in node.get("x-kubernetes-validations", ()):
        message = rule["message"]
        if message not in RULE_MESSAGES:
            yield Demand(field, message), path, _breaking(message), False
    if "properties" in node:
        yield Demand(field, "closed"), (*path, "noSuchField"), 1, False
        for name in node.get("required", ()):
            if name in value:
                yield Demand(f"{field}.{name}", "required"), (*path, name), None, True
        for name, below in node["properties"].items():
            if name in value:
                yield from _broken(below, value[name], (*path, name), f"{field}.{name}")
    if "items" in node:
        for index, entry in enumerate(value):
            yield from _broken(node["items"], entry, (*path, index), f"{field}[]")
    if isinstance(node.get("additionalProperties"), dict):
        for key, entry in value.items():
            yield from _broken(node["additionalProperties"], entry, (*path, key), f"{field}.{_MAP_KEY}")


def _wrong(node: dict[str, Any], value: Any) -> Iterator[tuple[str, Any]]:
    yield "type", WRONG_TYPE[node["type"]]
    if "enum" in node:
        yield "enum", "NoSuchChoice"
    if "pattern" in node:
        yield "pattern", next(text for text in ("é !", "!") if not re.search(node["pattern"], text))
    if "minimum" in node:
        yield "minimum", node["minimum"] - 1
    if "maximum" in node:
        yield "maximum", node["maximum"] + 1
    if node.get("minLength"):
        yield "minLength", ""
    if "maxLength" in node:
        yield "maxLength", "a" * (node["maxLength"] + 1)
    if "minItems" in node:
        yield "minItems", []
    if value and "maxItems" in node:
        yield "maxItems", [_another(value[0], number, node["items"]) for number in range(node["maxItems"] + 1)]
    if "maxProperties" in node:
        yield "maxProperties", {f"key-{number}": "a" for number in range(node["maxProperties"] + 1)}
    if value and node.get("x-kubernetes-list-type") in ("set", "map"):
        yield "unique", [*value, value[0]]


def _another(entry: Any, number: int, node: dict[str, Any]) -> Any:
    """Return an entry like this one that differs from the others, where its name may be chosen."""
    if isinstance(entry, dict) and isinstance(entry.get("name"), str):
        return {**entry, "name": f"entry-{number}"}
    if isinstance(entry, str) and "enum" not in node:
        return f"{entry}{chr(97 + number // 26)}{chr(97 + number % 26)}"
    return entry


def _breaking(message: str) -> Any:
    """Return a value that breaks the rule with this message; raise KeyError for a rule that nobody knows here."""
    duration = _DURATION.fullmatch(message)
    if duration is None:
        return BREAKING[message]
    return "999999h" if duration[1] == "0s" else "1ms"


def _with(content: dict[str, Any], path: Path, value: Any, *, remove: bool) -> dict[str, Any]:
    changed: dict[str, Any] = copy.deepcopy(content)
    node: Any = changed
    *above, last = path
    for step in above:
        node = node[step]
    if remove:
        del node[last]
    else:
        node[last] = copy.deepcopy(value)
    return changed
