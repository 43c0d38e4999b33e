"""The generated files of the charts: the definitions as templates, schemas of values, READMEs' tables, Chart.yaml."""

from collections.abc import Mapping
from pathlib import Path

import yaml
from architecture.chart_facts import chart_file
from architecture.values import Chart, CrdChart
from architecture.values_schema import values_schema, values_table

CHARTS = Path(__file__).resolve().parents[2] / "charts"

_HEAD = "metadata:\n  name: "
_MORE = """\
  annotations:
    # Uninstalling the chart must not delete every object of this kind.
    helm.sh/resource-policy: keep
  labels:
    {{- include "fairlead-crds.labels" . | nindent 4 }}
"""
_TABLE_BEGINS = "<!-- values begin: make generate -->\n"
_TABLE_ENDS = "<!-- values end -->\n"


def chart_files(crds: Mapping[str, str]) -> dict[str, str]:
    """Return path (from the root) → text; `crds` are the definitions, file name → YAML."""
    files = {f"charts/fairlead-crds/templates/{name}": crd_template(text) for name, text in crds.items()}
    gateway = yaml.safe_load(crds["modelgateways.fairlead.dev.yaml"])
    files["charts/fairlead/values.schema.json"] = values_schema("fairlead", Chart, gateway)
    files["charts/fairlead-crds/values.schema.json"] = values_schema("fairlead-crds", CrdChart)
    files["charts/fairlead/README.md"] = with_table(
        (CHARTS / "fairlead" / "README.md").read_text(), values_table(Chart)
    )
    for name in ("fairlead", "fairlead-crds"):
        files[f"charts/{name}/Chart.yaml"] = chart_file(name, crds)
    return files


def crd_template(definition: str) -> str:
    """Return a definition as a template that Helm upgrades and does not delete."""
    assert "{{" not in definition, "this would be read as a template: escape it here"
    before, _, after = definition.partition(_HEAD)
    name, _, rest = after.partition("\n")
    return f"{before}{_HEAD}{name}\n{_MORE}{rest}"


def with_table(page: str, table: str) -> str:
    """Return a page with this table between its two marks; raise ValueError where they are not there."""
    before, begins, after = page.partition(_TABLE_BEGINS)
    _, ends, rest = after.partition(_TABLE_ENDS)
    if not (begins and ends):
        raise ValueError(f"the page holds no place for the table: put {_TABLE_BEGINS!r} and {_TABLE_ENDS!r}")
    return f"{before}{begins}\n{table}\n{ends}{rest}"
