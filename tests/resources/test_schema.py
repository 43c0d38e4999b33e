"""The generated definitions: structural, bounded, described, small; and the models agree with them."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from fairlead_operator.resources.documents import read_documents
from fairlead_operator.resources.meta import Kind
from fairlead_operator.resources.reference import reference_page
from fairlead_operator.resources.schema import KINDS, crd_files, crd_of

ROOT = Path(__file__).parents[2]
Node = dict[str, Any]


def schema_of(kind: Kind) -> Node:
    schema: Node = crd_of(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def fields_of(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    """Yield each field, list entry and map value below, with its path."""
    below = {f"{path}.{name}": each for name, each in node.get("properties", {}).items()}
    below |= {
        f"{path}{mark}": node[key] for key, mark in (("items", "[]"), ("additionalProperties", "{}")) if key in node
    }
    for place, each in below.items():
        yield place, each
        yield from fields_of(each, place)


ALL_FIELDS = [(f"{kind.value}{path}", node) for kind in Kind for path, node in fields_of(schema_of(kind))]
SPEC_FIELDS = [(path, node) for path, node in ALL_FIELDS if ".spec" in path]


@pytest.mark.parametrize("name", sorted(crd_files()))
def test_the_files_under_crds_are_generated(name: str) -> None:
    assert (ROOT / "crds" / name).read_text() == crd_files()[name]


def test_there_is_one_file_for_each_kind_and_nothing_else() -> None:
    assert {path.name for path in (ROOT / "crds").iterdir()} == set(crd_files())
    assert {yaml.safe_load(text)["spec"]["names"]["kind"] for text in crd_files().values()} == {
        kind.value for kind in Kind
    }


def test_the_reference_page_is_generated() -> None:
    assert (ROOT / "docs" / "reference" / "resources.md").read_text() == reference_page()


@pytest.mark.parametrize("name", sorted(crd_files()))
def test_a_definition_fits_an_annotation_of_client_side_apply(name: str) -> None:
    assert len(crd_files()[name].encode()) < 200_000


def test_every_field_is_described() -> None:
    fields = [(path, node) for path, node in ALL_FIELDS if not path.endswith(("[]", "{}", ".metadata"))]
    assert [path for path, node in fields if not node.get("description")] == []


def test_every_list_text_and_map_is_bounded() -> None:
    bound = {"array": "maxItems", "string": "maxLength"}
    open_ended = [
        path
        for path, node in ALL_FIELDS
        if path.partition(".")[2] not in ("apiVersion", "kind")
        and "enum" not in node
        and (
            bound.get(node["type"], "type") not in node
            or ("additionalProperties" in node and "maxProperties" not in node)
        )
    ]
    assert open_ended == []


def test_the_schema_is_structural() -> None:
    forbidden = {"$ref", "$defs", "anyOf", "oneOf", "allOf", "patternProperties", "propertyNames", "title", "const"}
    assert [path for path, node in ALL_FIELDS if forbidden & node.keys() or "type" not in node] == []
    assert [path for path, node in ALL_FIELDS if "x-kubernetes-preserve-unknown-fields" in node] == []


def test_no_list_holds_defaults_that_would_be_written_into_it() -> None:
    assert [path for path, node in SPEC_FIELDS if "default" in node and "[]" in path] == []


def test_single_values_outside_lists_keep_their_defaults() -> None:
    passive = schema_of(Kind.MODEL_PROVIDER)["properties"]["spec"]["properties"]["health"]["properties"]["passive"]
    defaults = {name: each["default"] for name, each in passive["properties"].items()}
    assert defaults == {
        "window": "30s",
        "minRequests": 10,
        "errorRate": "0.5",
        "consecutive": 5,
        "baseCooldown": "5s",
        "maxCooldown": "5m",
    }


def test_lists_merge_by_name_where_entries_have_one_and_order_means_nothing() -> None:
    merged = {
        path: node["x-kubernetes-list-map-keys"] for path, node in ALL_FIELDS if "x-kubernetes-list-map-keys" in node
    }
    assert merged == {
        "ModelProvider.spec.credentials": ["name"],
        "ModelProvider.spec.models": ["name"],
        "ModelProvider.status.usage.cost": ["currency"],
        "RoutePolicy.status.usage.cost": ["currency"],
        "ModelProvider.status.conditions": ["type"],
        "RoutePolicy.status.conditions": ["type"],
        "ModelGateway.spec.listeners": ["name"],
        "ModelGateway.status.conditions": ["type"],
    }


@pytest.mark.parametrize("path", ["rules", "rules[].match", "rules[].route.targets"])
def test_lists_whose_order_is_meaning_are_atomic(path: str) -> None:
    assert dict(ALL_FIELDS)[f"RoutePolicy.spec.{path}"]["x-kubernetes-list-type"] == "atomic"


def test_no_name_and_no_choice_reads_as_something_else_in_yaml() -> None:
    words = {path.rpartition(".")[2].rstrip("[]{}") for path, _ in ALL_FIELDS}
    words |= {choice for _, node in SPEC_FIELDS for choice in node.get("enum", ())}
    [document] = read_documents("\n".join(f"{word}: {word}" for word in sorted(words)), "words.yaml")
    assert document.content == {word: word for word in sorted(words)}


def test_kubectl_shows_the_columns_of_the_design() -> None:
    shown = {
        kind: [column.name.upper() for column in facts.columns if not column.wide] for kind, facts in KINDS.items()
    }
    assert shown == {
        Kind.MODEL_PROVIDER: ["TYPE", "READY", "HEALTH", "SINCE", "TTFT-P95", "USED-BY", "AGE"],
        Kind.ROUTE_POLICY: ["READY", "AVAILABLE", "ACTIVE", "REDUNDANT", "GATEWAY", "AGE"],
        Kind.MODEL_GATEWAY: ["READY", "AVAILABLE", "PROXIES", "POLICIES", "ADDRESS", "REVISION", "AGE"],
    }


@pytest.mark.parametrize("kind", Kind)
def test_whoever_changes_a_definition_changes_nobody_elses(kind: Kind) -> None:
    def emptied(node: object) -> None:
        children = list(node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
        for child in children:
            emptied(child)
        if isinstance(node, dict | list):
            node.clear()

    before = deepcopy(crd_of(kind))
    emptied(crd_of(kind))
    assert crd_of(kind) == before
