"""What is wrong with an object, in one line each: the field as YAML names it, the value, and the remedy."""

import difflib
import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import ErrorDetails

from fairlead_operator.resources.checks import BROKEN
from fairlead_operator.resources.fields import CIDR_PATTERN, FORWARD_PROXY_PATTERN, URL_PATTERN
from fairlead_operator.resources.gateway import HOST_PATTERN
from fairlead_operator.resources.meta import (
    DECIMAL_PATTERN,
    DURATION_PATTERN,
    FRACTION_PATTERN,
    LABEL_KEY_PATTERN,
    NAME_PATTERN,
)
from fairlead_operator.resources.policy import INTENT_PATTERN, VIRTUAL_MODEL_PATTERN
from fairlead_operator.resources.price import CURRENCY_PATTERN
from fairlead_operator.resources.provider import (
    AWS_REGION_PATTERN,
    AZURE_VERSION_PATTERN,
    CAPABILITY_PATTERN,
    FAILURE_DOMAIN_PATTERN,
    MODEL_NAME_PATTERN,
    SECRET_KEY_PATTERN,
    SECRET_NAME_PATTERN,
    UPSTREAM_NAME_PATTERN,
    VERTEX_LOCATION_PATTERN,
    VERTEX_PROJECT_PATTERN,
)

Schema = Mapping[str, Any]

MAX_PROBLEMS = 20
"""More lines than this help nobody; the last one then says how many there are."""

CHOICE_ERRORS = ("enum", "literal_error")
"""What pydantic calls a value that is none of a closed choice."""

_QUIET = ("credentials", "url", "forwardProxy", "headers")
"""Fields below which no value is shown: people paste keys there."""

_REMEDIES: dict[str, str] = {
    NAME_PATTERN: "write lower-case letters, digits and hyphens, as in my-name",
    DURATION_PATTERN: "write a duration such as 250ms, 30s, 5m or 1h30m",
    DECIMAL_PATTERN: 'write a decimal number in quotes, such as "1.25", of at most 9 digits on each side of the point',
    FRACTION_PATTERN: 'write a number from 0 to 1 in quotes, such as "0.5"',
    LABEL_KEY_PATTERN: "write the name of a label, such as example.com/team",
    URL_PATTERN: "write https://host/path in ASCII, without user, query or fragment",
    FORWARD_PROXY_PATTERN: "write http://host:port in ASCII, without user or path; a proxy's password is not supported",
    CIDR_PATTERN: "write a network such as 10.20.0.0/16 or fd00::/8",
    HOST_PATTERN: "write a host such as api.example.com, or *.example.com, in lower case",
    MODEL_NAME_PATTERN: "write letters, digits and . _ : @ - only (a slash may stand in upstreamName)",
    VIRTUAL_MODEL_PATTERN: "begin with a letter or digit, then letters, digits and . _ : / @ -",
    INTENT_PATTERN: "begin with a letter or digit, then letters, digits and . _ -",
    SECRET_NAME_PATTERN: "write the name of a Secret: lower-case letters, digits, hyphens and dots",
    SECRET_KEY_PATTERN: "write a key of a Secret: letters, digits and . _ -",
    CAPABILITY_PATTERN: "write letters only, the first one lower-case, as in jsonSchema",
    CURRENCY_PATTERN: "write an ISO 4217 code such as USD or EUR",
    FAILURE_DOMAIN_PATTERN: "begin with a letter or digit, then letters, digits and . _ / -",
    UPSTREAM_NAME_PATTERN: "write it in ASCII without spaces",
    AZURE_VERSION_PATTERN: "write a date such as 2024-10-21 or 2025-04-01-preview, or omit it for Azure's v1 API",
    VERTEX_PROJECT_PATTERN: "write the id or the number of a project, such as my-project",
    VERTEX_LOCATION_PATTERN: "write a region such as europe-west4, a multi-region such as eu, or global",
    AWS_REGION_PATTERN: "write an AWS region such as eu-central-1",
}
"""How to write what a pattern asks for."""

_TYPES = {
    "string": "a text",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object with fields",
}


def problem_of(error: ErrorDetails, schema: Schema) -> str:
    """Return the line for one error of pydantic; `schema` is the resolved schema of the spec."""
    location = error["loc"]
    path = path_of(location)
    kind = error["type"]
    if kind == BROKEN:
        if "entry" in error.get("ctx", {}):
            path = f"{path}[{error['ctx']['entry']}]"
        return f"spec{path}: {_shown(error, quoted=True)}{error['msg']}"
    if kind == "extra_forbidden":
        return f"spec{path}: there is no such field; {_nearest(str(location[-1]), _at(schema, location[:-1]))}"
    if kind == "missing":
        return f"spec{path}: is missing; {_description(_at(schema, location))}"
    return f"spec{path}: {_fault(error, _at(schema, location))}"


def path_of(location: tuple[int | str, ...]) -> str:
    """Return a place below spec as YAML names it, such as `.rules[0].name`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)


def mistyped(value: object, wanted: str) -> str:
    """Return what to say of a value of the wrong JSON type; a text is not shown where fields belong."""
    shown = "a text" if isinstance(value, str) and wanted in ("object", "array") else _named(value)
    remedy = "put it in quotes" if wanted == "string" and isinstance(value, int | float) else f"write {_TYPES[wanted]}"
    return f"{shown} is not {_TYPES[wanted]}; {remedy}"


def _fault(error: ErrorDetails, node: Schema) -> str:
    kind, value = error["type"], error["input"]
    shown = _shown(error) or "the value"
    if "enum" in node and kind in CHOICE_ERRORS:
        return f"{shown} is not one of {', '.join(node['enum'])}; {_nearest_value(value, node['enum'])}"
    if kind == "string_pattern_mismatch":
        return f"{shown} does not fit; {_REMEDIES[node['pattern']]}"
    if kind in ("greater_than_equal", "less_than_equal"):
        low, high = node.get("minimum"), node.get("maximum")
        wrong = f"less than {low}" if kind == "greater_than_equal" else f"greater than {high}"
        return f"{shown} is {wrong}; write a whole number from {low} to {high}"
    if kind in ("string_too_short", "string_too_long"):
        low, high = node.get("minLength", 0), node["maxLength"]
        return f"has {len(value)} characters; write {low} to {high}"
    if kind in ("too_short", "too_long"):
        low, high = node.get("minItems", 0), node.get("maxItems", node.get("maxProperties"))
        return f"has {len(value)} entries; write {low} to {high}"
    remedy = _REMEDIES.get(node.get("pattern", ""))
    unquoted = kind == "string_type" and isinstance(value, int | float) and remedy
    if unquoted and re.search(node["pattern"], _named(value)) is None:  # in quotes it would be refused again
        return f"{shown} does not fit; {remedy}"
    if "type" in node:
        return mistyped(None if _quiet(error) and isinstance(value, str) else value, node["type"])
    return error["msg"]


def _shown(error: ErrorDetails, *, quoted: bool = False) -> str:
    """The value in quotes, empty where it must not be shown or is no single value."""
    value = error["input"]
    if _quiet(error) or isinstance(value, dict | list) or value is None:
        return ""
    text = _named(value)
    return f"{text} " if quoted else text


def _quiet(error: ErrorDetails) -> bool:
    return any(part in _QUIET for part in error["loc"])


def _named(value: object) -> str:
    match value:
        case None:
            return "the value"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)[:40]
        case str():
            return f'"{value}"' if len(value) <= 60 and value.isprintable() else f"a text of {len(value)} characters"
        case list():
            return "a list"
        case _:
            return "an object"


def _nearest(name: str, node: Schema) -> str:
    fields = list(node.get("properties", ()))
    by_lower = {field.lower(): field for field in fields}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return f"did you mean {by_lower[near[0]]}?" if near else f"the fields here are {', '.join(fields)}"


def _nearest_value(value: object, choices: list[str]) -> str:
    by_lower = {choice.lower(): choice for choice in choices}
    near = difflib.get_close_matches(str(value).lower(), by_lower, n=1, cutoff=0.6)
    return f"did you mean {by_lower[near[0]]}?" if near else "choose one of them"


def _description(node: Schema) -> str:
    text = str(node.get("description", ""))
    return f"write it: {text[:1].lower()}{text[1:].rstrip('.')}" if text else "write it"


def _at(schema: Schema, location: tuple[int | str, ...]) -> Schema:
    node = schema
    for part in location:
        if isinstance(part, int):
            node = node.get("items", {})
        else:
            node = node.get("properties", {}).get(part, node.get("additionalProperties") or {})
    return node
