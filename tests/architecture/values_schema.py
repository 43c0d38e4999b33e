"""What is made of the model of a chart's values: their JSON schema, and the table of them in its README."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from architecture.values import Section

from fairlead_operator.resources.schema import Schema, resolved_schema

DRAFT = "http://json-schema.org/draft-07/schema#"
"""The draft that every Helm of both lines reads."""

OPEN = "global"
"""Whatever a parent chart shares among its parts: the one value that nothing here reads, and the one that is open."""

GATEWAY_SPEC = "modelGatewaySpec"
"""Under this name a schema holds the spec of a ModelGateway."""

Path = tuple[str, ...]


def values_schema(chart: str, model: type[Section], gateway: Mapping[str, Any] | None = None) -> str:
    """Return the schema of a chart's values; `gateway` is the definition of the kind whose spec they may hold."""
    schema: Schema = {"$schema": DRAFT, "title": f"Values of the chart {chart}", **_closed(resolved_schema(model))}
    schema.pop("description", None)
    schema["properties"][OPEN]["additionalProperties"] = True
    if gateway is not None:
        root = gateway["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        spec = schema["properties"]["gateway"]["properties"]["spec"]
        schema["properties"]["gateway"]["properties"]["spec"] = {
            "description": spec["description"],
            "allOf": [{"$ref": f"#/definitions/{GATEWAY_SPEC}"}],
        }
        schema["definitions"] = {GATEWAY_SPEC: _closed(root["properties"]["spec"])}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def leaves(model: type[Section], path: Path = ()) -> Iterator[tuple[Path, str, Any]]:
    """Yield path, description and default of each value that values.yaml writes out with a comment."""
    for field in model.model_fields.values():
        place, kind = (*path, str(field.alias)), field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from leaves(kind, place)
        elif place != (OPEN,):
            yield place, field.description or "", _written(field.get_default())


def values_table(model: type[Section]) -> str:
    """Return the table of all values in Markdown."""
    rows = [f"| `{'.'.join(path)}` | `{_short(default)}` | {words} |" for path, words, default in leaves(model)]
    return "\n".join(["| value | default | what it is |", "|---|---|---|", *rows]) + "\n"


def _written(default: Any) -> Any:
    """Return a default as values.yaml holds it."""
    return default.model_dump(by_alias=True, exclude_unset=True) if hasattr(default, "model_dump") else default


def _short(default: Any) -> str:
    return json.dumps(default, ensure_ascii=False)


def _closed(schema: Mapping[str, Any]) -> Schema:
    """Return a schema without Kubernetes' own words and without defaults, refusing fields that it does not know."""
    kept = {
        word: value
        for word, value in schema.items()
        if not word.startswith("x-kubernetes-") and word not in ("default", "properties", "items")
    }
    if "properties" in schema:
        kept["properties"] = {name: _closed(each) for name, each in schema["properties"].items()}
        kept["additionalProperties"] = False
    if "items" in schema:
        kept["items"] = _closed(schema["items"])
    return kept
