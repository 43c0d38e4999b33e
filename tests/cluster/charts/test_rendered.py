"""What the charts render to, case by case on disk, and which values they refuse; no cluster is asked."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cluster.charts.rendered import CHART, CHARTS, CRD_CHART, Json, render, render_case
from cluster.helm import Helm, HelmFailed
from doubles.case_files import CASES, case_names, expected_output, input_of

ROOM = "charts"
BAD = sorted((CASES / ROOM / "bad").glob("*.yaml"))
MARK = "# message: "
CRDS = CHARTS.parent / "crds"
HIDDEN = "generated anew at each rendering"


def stem(path: Path) -> str:
    """Return what a case is called."""
    return path.stem


def without_key(content: Json) -> Json:
    """Return an object with a generated key masked."""
    return {**content, "data": {"key": HIDDEN}} if content["kind"] == "Secret" else content


@pytest.mark.parametrize("chart", [CHART, CRD_CHART], ids=stem)
def test_helm_finds_nothing_to_complain_of(chart: Path, offline_helm: Helm) -> None:
    assert "0 chart(s) failed" in offline_helm("lint", "--strict", str(chart))


@pytest.mark.parametrize("name", case_names(ROOM))
def test_values_render_to_the_objects_on_disk(name: str, offline_helm: Helm, tmp_path: Path) -> None:
    actual = {
        "objects": [without_key(each) for each in render_case(offline_helm, input_of(ROOM, name), tmp_path).objects]
    }
    assert actual == expected_output(ROOM, name, actual)


@pytest.mark.parametrize("case", BAD, ids=stem)
def test_values_that_are_wrong_are_refused_by_the_name_of_the_field(case: Path, offline_helm: Helm) -> None:
    message = case.read_text().splitlines()[0].removeprefix(MARK)
    with pytest.raises(HelmFailed) as refused:
        render(offline_helm, CHART, "fairlead", "fairlead-system", "-f", str(case))
    assert message in str(refused.value)


def test_values_of_the_chart_of_definitions_are_refused(offline_helm: Helm) -> None:
    with pytest.raises(HelmFailed, match="'keep' not allowed"):
        render(offline_helm, CRD_CHART, "fairlead-crds", "fairlead-system", "--set", "keep=false")


def test_every_value_of_the_schema_has_a_description_and_a_default() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    described = dict(descriptions(schema))
    assert [path for path, description in described.items() if not description] == []
    assert set(described) - {("global",)} == set(keys(values, set(described)))


def descriptions(schema: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield path and description of every value that is declared where it stands, not by reference."""
    for name, each in schema.get("properties", {}).items():
        yield (*path, name), each.get("description", "")
        yield from descriptions(each, (*path, name))


def keys(values: Json, known: set[tuple[str, ...]], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every default, not looking into what is described elsewhere."""
    for name, value in values.items():
        yield (*path, name)
        if isinstance(value, dict) and any(each[:-1] == (*path, name) for each in known):
            yield from keys(value, known, (*path, name))


def test_definitions_equal_the_shipped_ones_and_outlive_their_release(offline_helm: Helm) -> None:
    rendered = render(offline_helm, CRD_CHART, "fairlead-crds", "fairlead-system").objects
    shipped = [yaml.safe_load(path.read_text()) for path in sorted(CRDS.glob("*.yaml"))]
    assert [{**each, "metadata": {"name": each["metadata"]["name"]}} for each in rendered] == shipped
    assert [each["metadata"]["annotations"] for each in rendered] == [{"helm.sh/resource-policy": "keep"}] * 3


def test_a_generated_key_is_long_and_another_each_time(offline_helm: Helm, tmp_path: Path) -> None:
    case = input_of(ROOM, "quickstart")
    secrets = [render_case(offline_helm, case, tmp_path).of_kind("Secret")[0] for _ in range(2)]
    one, other = (base64.b64decode(secret["data"]["key"]) for secret in secrets)
    assert one != other
    assert len(one) == len(other) == len("fl-") + 40


def test_versions_of_charts_and_application_are_those_of_the_project() -> None:
    project = next(
        line.split('"')[1]
        for line in (CHARTS.parent / "pyproject.toml").read_text().splitlines()
        if line.startswith("version = ")
    )
    charts = [yaml.safe_load((chart / "Chart.yaml").read_text()) for chart in (CHART, CRD_CHART)]
    assert [(chart["version"], chart["appVersion"]) for chart in charts] == [(project, project)] * 2
