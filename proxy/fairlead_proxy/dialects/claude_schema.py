"""A JSON schema in the subset that the structured outputs of Anthropic's models take, whoever serves them.

Source: https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs, "JSON Schema limitations".
"""

from typing import Any

from fairlead_proxy.exchange.conversation import JsonObject

_UNKNOWN = frozenset(
    {
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength", "maxItems", "uniqueItems", "contains", "minContains", "maxContains"),
        *("minProperties", "maxProperties", "propertyNames", "patternProperties", "not", "if", "then", "else"),
    }
)
"""Constraints that are refused; the caller's own check of the answer still holds them."""

_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"})
_SCHEMAS_BY_NAME = frozenset({"properties", "$defs", "definitions"})
_SCHEMAS = frozenset({"anyOf", "allOf", "oneOf", "prefixItems"})


def write_schema(schema: JsonObject) -> tuple[JsonObject, bool]:
    """Return the schema as it is taken, and whether it demands less than it did."""
    writer = _Writer()
    return writer.write(schema), writer.lost


class _Writer:
    def __init__(self) -> None:
        self.lost = False

    def write(self, schema: JsonObject) -> JsonObject:
        written: JsonObject = {}
        for name, value in schema.items():
            if not _is_taken(name, value):
                self.lost = True
            elif name == "oneOf" and "anyOf" not in schema:
                written["anyOf"] = self._write_any(name, value)
            else:
                written[name] = self._write_any(name, value)
        if "properties" in schema or schema.get("type") == "object":
            self.lost = self.lost or schema.get("additionalProperties", False) is not False
            written["additionalProperties"] = False
        return written

    def _write_any(self, name: str, value: Any) -> Any:
        if name in _SCHEMAS_BY_NAME and isinstance(value, dict):
            return {key: self.write(each) if isinstance(each, dict) else each for key, each in value.items()}
        if name in _SCHEMAS and isinstance(value, list):
            return [self.write(each) if isinstance(each, dict) else each for each in value]
        if name in ("items", "additionalProperties") and isinstance(value, dict):
            return self.write(value)
        return value


def _is_taken(name: str, value: object) -> bool:
    match name:
        case "minItems":
            return isinstance(value, int) and value in (0, 1)
        case "format":
            return isinstance(value, str) and value in _FORMATS
        case _:
            return name not in _UNKNOWN
