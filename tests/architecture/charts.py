"""The generated files of the charts: the definitions as templates, and the gateway's spec in the schema of values."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

CHARTS = Path(__file__).resolve().parents[2] / "charts"
SCHEMA = CHARTS / "fairlead" / "values.schema.json"

_HEAD = "metadata:\n  name: "
_MORE = """\
  annotations:
    # Uninstalling the chart must not delete every object of this kind.
    helm.sh/resource-policy: keep
  labels:
    {{- include "fairlead-crds.labels" . | nindent 4 }}
"""


def chart_files(crds: Mapping[str, str]) -> dict[str, str]:
    """Return path (from the root) → text; `crds` are the definitions, file name → YAML."""
    files = {f"charts/fairlead-crds/templates/{name}": crd_template(text) for name, text in crds.items()}
    gateway = yaml.safe_load(crds["modelgateways.fairlead.dev.yaml"])
    files["charts/fairlead/values.schema.json"] = values_schema(SCHEMA.read_text(), gateway)
    return files


def crd_template(definition: str) -> str:
    """Return a definition as a template that Helm upgrades and does not delete."""
    assert "{{" not in definition, "this would be read as a template: escape it here"
    before, _, after = definition.partition(_HEAD)
    name, _, rest = after.partition("\n")
    return f"{before}{_HEAD}{name}\n{_MORE}{rest}"


def values_schema(written: str, gateway: Mapping[str, Any]) -> str:
    """Return the schema as it is written by hand, with the spec of the gateway taken from its definition."""
    schema = json.loads(written)
    root = gateway["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["definitions"]["modelGatewaySpec"] = _closed(root["properties"]["spec"])
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a structural schema as JSON schema: without Kubernetes' own words, and refusing unknown fields."""
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
