"""The dashboards that the chart ships: promtool parses each expression, and each asks for what exists."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from architecture.dashboards import DASHBOARDS
from monitoring.exposition import Shown
from monitoring.expressions import unknown
from monitoring.promtool import ROOT, Json, promtool

FILES = sorted((ROOT / "charts/fairlead/dashboards").glob("*.json"))
VALUES = {"$__rate_interval": "5m", "$__range": "6h"}
FILTER = re.compile(r"label_values\((\w+), (\w+)\)")


def read(path: Path) -> Json:
    content: Json = json.loads(path.read_text())
    return content


def expressions(path: Path) -> Iterator[str]:
    """Yield every expression of a dashboard, as Grafana sends it when nothing is filtered."""
    content = read(path)
    names = sorted((each["name"] for each in content["templating"]["list"]), key=len, reverse=True)
    for panel in content["panels"]:
        for target in panel["targets"]:
            expression: str = target["expr"]
            for name, value in [*VALUES.items(), *((f"${name}", ".*") for name in names)]:
                expression = expression.replace(name, value)
            assert "$" not in expression, "a variable that the dashboard does not have"
            yield expression


def test_every_dashboard_is_shipped() -> None:
    assert [path.stem for path in FILES] == sorted(each.name for each in DASHBOARDS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_promtool_parses_every_expression(path: Path, tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": each} for number, each in enumerate(expressions(path))]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": path.stem, "rules": rules}]}))
    assert f"SUCCESS: {len(rules)} rules found" in promtool("check", "rules", tmp_path / "rules.yaml")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dashboard_asks_only_for_what_is_shown(path: Path, shown: Shown) -> None:
    assert {each: found for each in expressions(path) if (found := unknown(each, shown))} == {}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_filter_offers_the_values_of_a_label_that_is_shown(path: Path, shown: Shown) -> None:
    queries = [each["query"]["query"] for each in read(path)["templating"]["list"] if each["type"] == "query"]
    assert queries
    for query in queries:
        match = FILTER.fullmatch(query)
        assert match
        assert unknown(f'{match[1]}{{{match[2]}=""}}', shown) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_legends_name_labels_that_the_expression_keeps(path: Path) -> None:
    for panel in read(path)["panels"]:
        for target in panel["targets"]:
            named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            kept = re.search(r"by \(([^)]*)\)", target["expr"])
            known = set(kept[1].split(", ")) if kept else {"gateway", "gateway_namespace"}
            assert named <= known, panel["title"]


def test_dashboards_are_taken_for_no_other_and_ask_whatever_prometheus_is_chosen() -> None:
    contents = [read(path) for path in FILES]
    assert len({each["title"] for each in contents}) == len(contents)
    assert all("uid" not in each and "id" not in each for each in contents)
    sources = {
        source["uid"]
        for each in contents
        for panel in each["panels"]
        for source in (panel["datasource"], *(target["datasource"] for target in panel["targets"]))
    }
    assert sources == {"${datasource}"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_panels_stand_side_by_side_and_none_upon_another(path: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in read(path)["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (column, line)
            for column in range(place["x"], place["x"] + place["w"])
            for line in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        taken |= cells
