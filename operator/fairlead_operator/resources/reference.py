"""The page that lists every field of our kinds, made from the same models as the CustomResourceDefinitions."""

import json
from collections.abc import Iterator
from typing import Any

from fairlead_operator.resources.fields import FORWARD_PROXY_PATTERN, URL_PATTERN
from fairlead_operator.resources.meta import API_VERSION, DECIMAL_PATTERN, DURATION_PATTERN, FRACTION_PATTERN, Kind
from fairlead_operator.resources.schema import KINDS, Schema, resolved_schema

_WRITTEN_AS = {
    DURATION_PATTERN: "duration",
    DECIMAL_PATTERN: "decimal, quoted",
    FRACTION_PATTERN: "0 to 1, quoted",
    URL_PATTERN: "URL",
    FORWARD_PROXY_PATTERN: "URL",
}

_HEAD = f"""# Resources

Generated from the models in `operator/fairlead_operator/resources`; edit those, then run `make generate`.

All kinds are namespaced and of `{API_VERSION}`. A duration is written as `250ms`, `30s`, `5m` or `1h30m`. Numbers
with a fraction are written in quotes. A field without a default may be omitted unless it is marked *required*.
An object that breaks a rule is refused by the API server; from a file it is read, and the same message says why.
"""


def reference_page() -> str:
    """Return the text of docs/reference/resources.md."""
    return "\n".join([_HEAD, *(line for kind in Kind for line in _kind_lines(kind))])


def _kind_lines(kind: Kind) -> Iterator[str]:
    facts = KINDS[kind]
    spec, status = resolved_schema(facts.spec), resolved_schema(facts.status)
    yield f"## {kind.value}\n"
    yield f"{facts.spec.__doc__}\n"
    shown = ", ".join(column.name for column in facts.columns if not column.wide)
    yield f"Short name `{facts.short_name}`. Columns of `kubectl get`: {shown}.\n"
    yield "| field | type | default | meaning |"
    yield "|---|---|---|---|"
    for place, field, required in _fields(spec, "spec"):
        default = "*required*" if required else _default(field)
        yield f"| `{place}` | {_type(field)} | {default} | {_cell(field['description'])} |"
    yield "\nRules, beside those of the table:\n"
    yield from _rules(spec, "spec")
    yield "\n| status field | type | meaning |"
    yield "|---|---|---|"
    for place, field, _ in _fields(status, "status"):
        yield f"| `{place}` | {_type(field)} | {_cell(field['description'])} |"
    yield ""


def _fields(node: Schema, path: str) -> Iterator[tuple[str, Schema, bool]]:
    """Yield each field below, in order: its path, its schema, and whether it is required."""
    required = node.get("required", ())
    for name, each in node.get("properties", {}).items():
        place = f"{path}.{name}"
        yield place, each, name in required
        yield from _fields(each, place)
        yield from _fields(each.get("items", {}), f"{place}[]")


def _rules(node: Schema, path: str) -> Iterator[str]:
    for rule in node.get("x-kubernetes-validations", ()):
        yield f"- `{path}{rule.get('fieldPath', '')}`: {_cell(rule['message'])}."
    for name, each in node.get("properties", {}).items():
        yield from _rules(each, f"{path}.{name}")
    if "items" in node:
        yield from _rules(node["items"], f"{path}[]")


def _type(node: Schema) -> str:
    if "enum" in node:
        return "one of " + ", ".join(f"`{choice}`" for choice in node["enum"])
    match node["type"]:
        case "array":
            return f"list of {_type(node['items'])}{_span(node, 'minItems', 'maxItems', 'entries')}"
        case "object" if "additionalProperties" in node and isinstance(node["additionalProperties"], dict):
            return f"map of text{_span(node, 'minProperties', 'maxProperties', 'entries')}"
        case "integer":
            return f"integer{_span(node, 'minimum', 'maximum', '')}"
        case "string" if node.get("format") == "date-time":
            return "time"
        case "string" if node.get("pattern") in _WRITTEN_AS:
            return _WRITTEN_AS[node["pattern"]]
        case "string":
            return f"text{_span(node, 'minLength', 'maxLength', 'characters')}"
        case other:
            return str(other)


def _span(node: Schema, least: str, most: str, unit: str) -> str:
    if most not in node:
        return ""
    bounds = f"{node[least]} to {node[most]}" if least in node else f"at most {node[most]}"
    return f", {bounds} {unit}".rstrip()


def _default(node: Schema) -> str:
    default: Any = node.get("default")
    if default is None or default in ({}, []) or node["type"] == "object":
        return ""
    quoted = not isinstance(default, str) or node.get("pattern") in (DECIMAL_PATTERN, FRACTION_PATTERN)
    return f"`{json.dumps(default) if quoted else default}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
