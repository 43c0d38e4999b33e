"""`fairlead get` reads a state directory: columns, shapes, and what nobody observes any more."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from doubles.command_line import invoke

from fairlead_operator.cluster.local_state import StateDirectory
from fairlead_operator.resources.meta import Kind, ObjectRef


def provider(name: str, namespace: str) -> dict[str, Any]:
    conditions = [
        {"type": "Ready", "status": "True", "reason": "Ready"},
        {"type": "Healthy", "status": "True", "reason": "Serving"},
    ]
    return {
        "apiVersion": "fairlead.dev/v1alpha1",
        "kind": "ModelProvider",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "generation": 1,
            "creationTimestamp": "2026-11-22T10:00:00Z",
        },
        "spec": {"type": "Simulated", "models": [{"name": "tiny"}]},
        "status": {"conditions": conditions, "health": {"state": "Healthy"}},
    }


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDirectory]:
    """A directory that a run holds, with three providers in two namespaces."""
    directory = StateDirectory(tmp_path / "state")
    directory.open()
    for name, namespace in (("fast", "default"), ("slow", "default"), ("lab", "team")):
        directory.write_object(ObjectRef(Kind.MODEL_PROVIDER, namespace, name), provider(name, namespace))
    yield directory
    directory.close()


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_one_namespace_is_shown_in_kubectls_columns(state: StateDirectory) -> None:
    rows = words(invoke("get", "mp", "--state", state.path).stdout)
    assert rows[0] == ["NAME", "TYPE", "READY", "HEALTH", "SINCE", "TTFT-P95", "USED-BY", "AGE"]
    assert [row[:4] for row in rows[1:]] == [
        ["fast", "Simulated", "True", "Healthy"],
        ["slow", "Simulated", "True", "Healthy"],
    ]


def test_every_namespace_is_shown_with_its_name(state: StateDirectory) -> None:
    rows = words(invoke("get", "modelproviders", "-A", "--state", state.path).stdout)
    assert [row[1] for row in rows] == ["NAME", "fast", "slow", "lab"]
    assert [row[0] for row in rows] == ["NAMESPACE", "default", "default", "team"]


def test_another_namespace_and_one_name(state: StateDirectory) -> None:
    rows = words(invoke("get", "mp", "lab", "-n", "team", "--state", state.path).stdout)
    assert [row[0] for row in rows] == ["NAME", "lab"]


def test_wide_shows_the_reason(state: StateDirectory) -> None:
    assert "REASON" in invoke("get", "mp", "-o", "wide", "--state", state.path).stdout


def test_one_object_as_yaml_is_the_object_itself(state: StateDirectory) -> None:
    shown = yaml.safe_load(invoke("get", "mp", "lab", "-n", "team", "-o", "yaml", "--state", state.path).stdout)
    assert shown == provider("lab", "team")


def test_several_objects_as_json_are_a_list(state: StateDirectory) -> None:
    shown = json.loads(invoke("get", "mp", "-o", "json", "--state", state.path).stdout)
    assert (shown["kind"], [item["metadata"]["name"] for item in shown["items"]]) == ("List", ["fast", "slow"])


def test_several_kinds_are_several_tables_with_the_kind_in_the_name(state: StateDirectory) -> None:
    rows = words(invoke("get", "mp,rp", "--state", state.path).stdout)
    assert rows[1][0] == "modelprovider.fairlead.dev/fast"


def test_what_was_observed_is_unknown_once_nobody_runs(state: StateDirectory) -> None:
    state.close()
    result = invoke("get", "mp", "fast", "-o", "json", "--state", state.path)
    conditions = {each["type"]: each for each in json.loads(result.stdout)["status"]["conditions"]}
    assert (conditions["Healthy"]["status"], conditions["Healthy"]["reason"]) == ("Unknown", "Stale")
    assert "nobody runs on this directory" in result.stderr


def test_problems_of_files_are_repeated(state: StateDirectory) -> None:
    state.write_facts({"problems": ["a.yaml:3: not valid YAML"]})
    assert invoke("get", "mp", "--state", state.path).stderr == "not in force: a.yaml:3: not valid YAML\n"


def test_nothing_found_is_said_as_kubectl_says_it(state: StateDirectory) -> None:
    empty = invoke("get", "rp", "--state", state.path)
    assert (empty.exit_code, empty.stderr) == (0, "No resources found in default namespace.\n")
    absent = invoke("get", "mp", "gone", "--state", state.path)
    assert (absent.exit_code, absent.stderr) == (1, 'Error from fairlead: modelprovider "gone" not found\n')


def test_an_unknown_kind_is_refused_naming_those_there_are(state: StateDirectory) -> None:
    result = invoke("get", "pods", "--state", state.path)
    assert result.exit_code == 2
    assert "mp (modelproviders), rp (routepolicies), mg (modelgateways)" in result.stderr


def test_a_directory_that_is_not_there_is_refused_with_the_remedy(tmp_path: Path) -> None:
    result = invoke("get", "mp", "--state", tmp_path / "none")
    assert (result.exit_code, "start fairlead run here, or name the directory" in result.stderr) == (2, True)
