"""The values of the charts: model, schema, values.yaml and README say the same, and what is not known is refused."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from architecture.chart_facts import ARTIFACT_HUB, images
from architecture.values import Chart, CrdChart, Section
from architecture.values_schema import DRAFT, OPEN, leaves
from cluster.charts.rendered import CHART, CHARTS, CRD_CHART, render
from cluster.helm import Helm, HelmFailed

from fairlead_operator.resources.parse import parse_resource
from fairlead_operator.resources.schema import crd_files

MODELS: Mapping[Path, type[Section]] = {CHART: Chart, CRD_CHART: CrdChart}
EVERYTHING = "every"
Json = dict[str, Any]
Place = tuple[str, ...]


def stem(path: Path) -> str:
    return path.stem


def schema_of(chart: Path) -> Json:
    found: Json = json.loads((chart / "values.schema.json").read_text())
    return found


def written(chart: Path) -> Json:
    found: Json = yaml.safe_load((chart / "values.yaml").read_text())
    return found


def comments(chart: Path) -> dict[Place, str]:
    """Return the comment right above each key of values.yaml, as one line of words."""
    text = (chart / "values.yaml").read_text()
    lines = text.splitlines()
    found = {}
    for place, line in keys_and_lines(yaml.compose(text)):
        above: list[str] = []
        while line > 0 and lines[line - 1].lstrip().startswith("#"):
            line -= 1
            above.insert(0, lines[line].strip().removeprefix("#").strip())
        found[place] = " ".join(above)
    return found


def keys_and_lines(node: yaml.Node | None, place: Place = ()) -> Iterator[tuple[Place, int]]:
    """Yield each key of a document with the number of its line."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*place, key.value), key.start_mark.line
            yield from keys_and_lines(value, (*place, key.value))


def at(values: Any, place: Place) -> Any:
    """Return what stands at a place; raise KeyError where nothing does."""
    for name in place:
        values = values[name]
    return values


def objects(schema: Any, definitions: Json, place: str = "") -> Iterator[tuple[str, Json]]:
    """Yield every schema of an object, references followed, but what a parent chart may put anything into."""
    if not isinstance(schema, dict) or place == f".{OPEN}":
        return
    for reference in schema.get("allOf", ()):
        yield from objects(definitions[reference["$ref"].removeprefix("#/definitions/")], definitions, place)
    if schema.get("type") == "object":
        yield place, schema
    for name, each in schema.get("properties", {}).items():
        yield from objects(each, definitions, f"{place}.{name}")
    yield from objects(schema.get("items"), definitions, f"{place}[]")
    yield from objects(schema.get("additionalProperties"), definitions, f"{place}.*")


@pytest.mark.parametrize("chart", MODELS, ids=stem)
def test_the_schema_is_of_a_draft_that_every_helm_reads_and_closed_at_each_level(chart: Path) -> None:
    schema = schema_of(chart)
    assert schema["$schema"] == DRAFT
    found = dict(objects(schema, schema.get("definitions", {})))
    assert {place: each for place, each in found.items() if not is_closed(each)} == {}
    assert len(found) > (30 if chart == CHART else 0)


def is_closed(schema: Json) -> bool:
    """Say whether an object admits known fields only, or, as labels and quantities do, any key with a plain value."""
    more = schema.get("additionalProperties", True)
    plain = isinstance(more, dict) and "type" in more and more["type"] != "object"
    return (more is False and "properties" in schema) or (plain and "properties" not in schema)


def test_a_misspelt_field_is_refused_at_each_level_by_its_place(offline_helm: Helm) -> None:
    schema = schema_of(CHART)
    places = [
        place.removeprefix(".").split(".") if place else []
        for place, each in objects(schema, schema["definitions"])
        # What stands in lists and maps is walked above; here the way down is through sections.
        if "properties" in each and "[]" not in place and "*" not in place
    ]
    assert len(places) > 20
    values: Json = {}
    for place in places:
        section = values
        for name in place:
            section = section.setdefault(name, {})
        section["mispelt"] = 1
    with pytest.raises(HelmFailed) as refused:
        offline_helm(
            "template", "x", str(CHART), "--set-json", ",".join(f"{k}={json.dumps(v)}" for k, v in values.items())
        )
    told = str(refused.value)
    missing = [place for place in places if f"at '{'/' + '/'.join(place) if place else ''}'" not in told]
    assert missing == []


@pytest.mark.parametrize(("chart", "model"), MODELS.items(), ids=["fairlead", "fairlead-crds"])
def test_values_yaml_holds_every_value_of_the_model_with_its_default_and_nothing_else(
    chart: Path, model: type[Section]
) -> None:
    values = written(chart)
    known = list(leaves(model))
    assert {place: at(values, place) for place, _, _ in known} == {place: default for place, _, default in known}
    assert model.model_validate(values).model_dump(by_alias=True) == model().model_dump(by_alias=True)
    beginnings = {place[:depth] for place, _, _ in known for depth in range(len(place) + 1)}
    leaf_places = {place for place, _, _ in known}
    strange = [
        place
        for place in comments(chart)
        if place not in beginnings and not any(place[: len(leaf)] == leaf for leaf in leaf_places)
    ]
    assert strange == []


def test_the_comment_above_a_value_is_its_description() -> None:
    told = comments(CHART)
    # An example may follow.
    differing = {
        place: (told[place], description)
        for place, description, _ in leaves(Chart)
        if told[place].partition(" For example, ")[0] != description
    }
    assert differing == {}


def test_every_value_has_a_description() -> None:
    assert [place for place, description, _ in leaves(Chart) if not description.endswith((".", ")"))] == []


@pytest.mark.parametrize("name", sorted(CHARTS.glob("*/Chart.yaml")), ids=lambda path: path.parent.name)
def test_artifact_hub_is_told_of_each_definition_as_it_is(name: Path) -> None:
    facts = yaml.safe_load(name.read_text())
    told = {key.removeprefix(ARTIFACT_HUB): value for key, value in facts["annotations"].items()}
    definitions = [yaml.safe_load(text) for text in crd_files().values()]
    listed = yaml.safe_load(told["crds"])
    assert [(each["kind"], each["version"], each["name"]) for each in listed] == [
        (each["spec"]["names"]["kind"], each["spec"]["versions"][0]["name"], each["metadata"]["name"])
        for each in definitions
    ]
    assert all(set(each) == {"kind", "version", "name", "displayName", "description"} for each in listed)
    assert all(each["description"] and "\n" not in each["description"] for each in listed)
    shown = yaml.safe_load(told["crdsExamples"])
    assert sorted(each["kind"] for each in shown) == sorted(each["kind"] for each in listed)
    assert [parse_resource(each).problems for each in shown] == [()] * len(shown)


SHAPES: Mapping[str, Mapping[str, type]] = {
    "changes": {"kind": str, "description": str},
    "images": {"name": str, "image": str, "whitelisted": bool},
    "links": {"name": str, "url": str},
    "recommendations": {"url": str},
}
"""The fields of each entry. Source: https://artifacthub.io/docs/topics/annotations/helm/"""

CHANGE_KINDS = {"added", "changed", "deprecated", "removed", "fixed", "security"}
CAPABILITIES = {"Basic Install", "Seamless Upgrades", "Full Lifecycle", "Deep Insights", "Auto Pilot"}
FLAGS = {"operator", "prerelease"}
WORDS = {"category", "license", "operatorCapabilities"}


@pytest.mark.parametrize("name", sorted(CHARTS.glob("*/Chart.yaml")), ids=lambda path: path.parent.name)
def test_what_artifact_hub_is_told_has_the_shape_that_it_reads(name: Path) -> None:
    annotations = yaml.safe_load(name.read_text())["annotations"]
    told = {key.removeprefix(ARTIFACT_HUB): value for key, value in annotations.items()}
    assert all(key.startswith(ARTIFACT_HUB) and isinstance(value, str) for key, value in annotations.items())
    assert set(told) <= {*SHAPES, *FLAGS, *WORDS, "crds", "crdsExamples"}
    assert {told[flag] for flag in FLAGS & set(told)} == {"true"}
    assert told["category"] == "ai-machine-learning"
    assert told.get("operatorCapabilities", "Basic Install") in CAPABILITIES
    for key in set(SHAPES) & set(told):
        for entry in yaml.safe_load(told[key]):
            assert {field: type(value) for field, value in entry.items()} == SHAPES[key]
    assert {each["kind"] for each in yaml.safe_load(told["changes"])} <= CHANGE_KINDS
    assert all(re.match(r"https://[^/]+/", url) for url in re.findall(r"url: (\S+)", "\n".join(told.values())))


def test_the_images_that_artifact_hub_is_told_of_are_those_that_the_chart_names(offline_helm: Helm) -> None:
    rendered = render(offline_helm, CHART, "fairlead", "fairlead-system")
    (deployment,) = rendered.of_kind("Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    named = {container["image"], container["args"][container["args"].index("--proxy-image") + 1]}
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    assert {each["image"] for each in images(version)} == named
