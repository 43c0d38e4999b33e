"""The shape of a Grafana dashboard: panels laid out in rows of a grid, with the data source and filters as variables.

Source: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SCHEMA_VERSION = 39
"""Of Grafana 11; later releases migrate it when they load it."""

WIDTH = 24
HEIGHT = 8
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `queries`: legend → expression; `unit` as Grafana names it; `kind`: timeseries, stat or table."""

    title: str
    queries: Mapping[str, str]
    unit: str = "short"
    kind: str = "timeseries"
    description: str = ""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """`name` is its file's; `variables`: label → the metric whose values of it are offered as a filter."""

    name: str
    title: str
    variables: Mapping[str, str]
    rows: Sequence[Sequence[Panel]]


def dashboard_json(dashboard: Dashboard) -> str:
    """Return the dashboard as Grafana imports it: without `id` and `uid`, so that none is taken for another."""
    content = {
        "title": dashboard.title,
        "tags": ["fairlead"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_source(), *(_filter(*each) for each in dashboard.variables.items())]},
        "panels": list(_panels(dashboard.rows)),
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _source() -> Json:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}


def _filter(label: str, metric: str) -> Json:
    return {
        "name": label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": f"label_values({metric}, {label})", "refId": label},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _panels(rows: Sequence[Sequence[Panel]]) -> list[Json]:
    return [
        _panel(panel, {"x": column * (WIDTH // len(row)), "y": HEIGHT * line, "w": WIDTH // len(row), "h": HEIGHT})
        for line, row in enumerate(rows)
        for column, panel in enumerate(row)
    ]


def _panel(panel: Panel, place: Json) -> Json:
    instant = panel.kind != "timeseries"
    return {
        "title": panel.title,
        "description": panel.description,
        "type": panel.kind,
        "gridPos": place,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": SOURCE,
                "expr": expression,
                "legendFormat": legend,
                "instant": instant,
                "range": not instant,
                "format": "table" if panel.kind == "table" else "time_series",
            }
            for number, (legend, expression) in enumerate(panel.queries.items())
        ],
    }
