"""Argo CD's view of our objects: each health.lua in a sandboxed Lua 5.1, over its own data and over what we write."""

from pathlib import Path
from typing import Any

import lupa.lua51 as lua
import pytest
import yaml
from doubles.case_files import case_names, input_of
from doubles.status_passes import run_passes

CUSTOMIZATIONS = Path(__file__).parents[2] / "gitops/argocd/resource_customizations/fairlead.dev"
KINDS = ("ModelGateway", "ModelProvider", "RoutePolicy")
STATES = {"Healthy", "Progressing", "Degraded", "Suspended"}
CASES = [
    pytest.param(kind, each, id=f"{kind} {Path(each['inputPath']).stem}")
    for kind in KINDS
    for each in yaml.safe_load((CUSTOMIZATIONS / kind / "health_test.yaml").read_text())["tests"]
]


def health_of(content: dict[str, Any]) -> tuple[str, str]:
    """Return what Argo CD would show. Like there, the script gets `obj` and no library that reaches outside."""
    runtime = lua.LuaRuntime(register_eval=False, register_builtins=False)
    for name in ("io", "os", "package", "require", "dofile", "loadfile", "debug", "python"):
        runtime.globals()[name] = None
    runtime.globals()["obj"] = _table(runtime, content)
    found: Any = runtime.execute((CUSTOMIZATIONS / content["kind"] / "health.lua").read_text())
    return str(found["status"]), str(found["message"])


def _table(runtime: lua.LuaRuntime, value: Any) -> Any:
    if isinstance(value, dict):
        return runtime.table_from({name: _table(runtime, each) for name, each in value.items()})
    if isinstance(value, list):
        return runtime.table_from([_table(runtime, each) for each in value])
    return value


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
    """Return the objects with each status that a case of the operator's status writes."""
    case = yaml.safe_load(input_of("status", name).read_text())
    verdict = case["verdict"]
    metadata = {"name": verdict["name"], "namespace": verdict["namespace"], "generation": verdict["generation"]}
    return [
        {"kind": verdict["kind"], "metadata": metadata, "status": each["status"]}
        for each in run_passes(case)
        if isinstance(each["status"], dict)
    ]


@pytest.mark.parametrize("name", case_names("status"))
def test_every_status_that_the_operator_writes_has_a_health(name: str) -> None:
    for content in written(name):
        assert health_of(content)[0] in STATES


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
