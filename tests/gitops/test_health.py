"""Argo CD's view of our objects: each health.lua in a sandboxed Lua 5.1, over its own data and over what we write."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from doubles.case_files import case_names, input_of
from doubles.status_passes import run_passes
from gitops.argo_lua import judged

CUSTOMIZATIONS = Path(__file__).parents[2] / "gitops/argocd/resource_customizations/fairlead.dev"
KINDS = ("ModelGateway", "ModelProvider", "RoutePolicy")
STATES = {"Healthy", "Progressing", "Degraded"}
"""Without Suspended, on which a sync wave waits for good."""
CASES = [
    pytest.param(kind, each, id=f"{kind} {Path(each['inputPath']).stem}")
    for kind in KINDS
    for each in yaml.safe_load((CUSTOMIZATIONS / kind / "health_test.yaml").read_text())["tests"]
]


def health_of(content: dict[str, Any]) -> tuple[str, str]:
    """Return what Argo CD would show of an object of ours."""
    return judged((CUSTOMIZATIONS / content["kind"] / "health.lua").read_text(), content)


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_health_is_as_its_own_tests_say(kind: str, case: dict[str, Any]) -> None:
    content = yaml.safe_load((CUSTOMIZATIONS / kind / case["inputPath"]).read_text())
    expected = case["healthStatus"]
    assert health_of(content) == (expected["status"], expected["message"])


def test_every_kind_is_judged_by_the_same_script() -> None:
    assert len({(CUSTOMIZATIONS / kind / "health.lua").read_text() for kind in KINDS}) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_all_data_is_used(kind: str) -> None:
    tests = yaml.safe_load((CUSTOMIZATIONS / kind / "health_test.yaml").read_text())["tests"]
    found = {f"testdata/{path.name}" for path in (CUSTOMIZATIONS / kind / "testdata").iterdir()}
    assert {each["inputPath"] for each in tests} == found


def written(name: str) -> list[dict[str, Any]]:
    """Return the objects, as they were at each pass that wrote a status, of a case of the operator's status."""
    case = yaml.safe_load(input_of("status", name).read_text())
    verdicts = [{**case["verdict"], **each.get("verdict", {})} for each in case["passes"]]
    return [
        {
            "kind": verdict["kind"],
            "metadata": {field: verdict[field] for field in ("name", "namespace", "generation")},
            "status": each["status"],
        }
        for verdict, each in zip(verdicts, run_passes(case), strict=True)
        if isinstance(each["status"], dict)
    ]


@pytest.mark.parametrize("name", case_names("status"))
def test_what_is_written_speaks_of_the_generation_it_was_written_for(name: str) -> None:
    for content in written(name):
        told = [content["status"], *content["status"]["conditions"]]
        assert {each["observedGeneration"] for each in told} == {content["metadata"]["generation"]}


@pytest.mark.parametrize("name", case_names("status"))
def test_every_status_that_the_operator_writes_has_a_health(name: str) -> None:
    for content in written(name):
        assert health_of(content)[0] in STATES


def test_an_edit_is_healthy_once_its_own_generation_is_programmed() -> None:
    found = [(content["metadata"]["generation"], health_of(content)[0]) for content in written("policy-edit-late")]
    assert found == [(2, "Healthy"), (3, "Progressing"), (3, "Progressing"), (3, "Healthy")]


@pytest.mark.parametrize("name", ["provider-outage", "provider-majority-down", "provider-credential-rejected"])
def test_a_vendors_outage_degrades_no_provider(name: str) -> None:
    assert {health_of(content)[0] for content in written(name)} <= {"Healthy", "Progressing"}


@pytest.mark.parametrize("name", case_names("status"))
def test_a_stale_generation_is_never_healthy(name: str) -> None:
    for content in written(name):
        content["metadata"]["generation"] += 1
        assert health_of(content)[0] == "Progressing"


def test_an_object_that_is_being_deleted_is_on_its_way() -> None:
    content = yaml.safe_load((CUSTOMIZATIONS / "ModelProvider/testdata/healthy.yaml").read_text())
    content["metadata"]["deletionTimestamp"] = "2026-11-27T10:00:00Z"
    assert health_of(content)[0] == "Progressing"
