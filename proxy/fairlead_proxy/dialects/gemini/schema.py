"""Schemas as the vendor's type `Schema` has them, made ordinary JSON schemas.

Source: https://ai.google.dev/api/caching#Schema (a choice of OpenAPI 3.0, its types in upper case).
"""

from typing import Any

from fairlead_proxy.dialects.gemini.given import camel_case, whole_number_of
from fairlead_proxy.dialects.given_json import wrong_type
from fairlead_proxy.exchange.conversation import JsonObject

_COUNTS = frozenset(
    {"maxItems", "minItems", "maxLength", "minLength", "maxProperties", "minProperties"},
)
"""Of 64 bits, which protobuf's JSON writes as strings."""

_UNSPECIFIED = "TYPE_UNSPECIFIED"
_NAMES = {"defs": "$defs", "ref": "$ref"}
_DROPPED = frozenset({"nullable", "propertyOrdering"})


def to_json_schema(schema: object, path: str) -> JsonObject:
    """Return the same as a JSON schema; raise InvalidCall for what is no schema.

    The order of properties has no word there; a type that may be null becomes one of two. What is not known of a
    schema stays as it is. The schema is no deeper than a request may be.
    """
    if not isinstance(schema, dict):
        raise wrong_type(path, schema, "a schema")
    made: JsonObject = {}
    for key, value in schema.items():
        name = key if key.startswith("$") else camel_case(key)
        if value is None or name in _DROPPED:
            continue
        made[_NAMES.get(name, name)] = _member(name, value, f"{path}.{key}")
    if made.get("type") == "":
        del made["type"]
    if made.get("format") == "enum":  # says no more than the enum that stands beside it
        del made["format"]
    return _with_null(made) if schema.get("nullable") is True else made


def _member(name: str, value: Any, path: str) -> Any:
    match name:
        case "type" if isinstance(value, str):
            return "" if value == _UNSPECIFIED else value.lower()
        case "properties" | "defs" | "$defs" if isinstance(value, dict):
            return {each: to_json_schema(inner, f"{path}.{each}") for each, inner in value.items()}
        case "items":
            return to_json_schema(value, path)
        case "anyOf" | "oneOf" | "allOf" | "prefixItems" if isinstance(value, list):
            return [to_json_schema(inner, f"{path}[{index}]") for index, inner in enumerate(value)]
        case "additionalProperties" if isinstance(value, dict):
            return to_json_schema(value, path)
        case "example":
            return value
        case _ if name in _COUNTS:
            count = whole_number_of(value)
            return value if count is None else count
        case _:
            return value


def _with_null(schema: JsonObject) -> JsonObject:
    kind, choices = schema.get("type"), schema.get("anyOf")
    if isinstance(kind, str):
        enum = schema.get("enum")
        widened = {**schema, "type": [kind, "null"]}
        return {**widened, "enum": [*enum, None]} if isinstance(enum, list) and None not in enum else widened
    if isinstance(choices, list):
        return {**schema, "anyOf": [*choices, {"type": "null"}]}
    return schema
