"""status, providers, routes, top and doctor on a state directory: scope, shapes, refusals, and what nobody observes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from doubles.case_files import input_of
from doubles.command_line import invoke

from fairlead_operator.cluster.local_state import StateDirectory
from fairlead_operator.resources.meta import Kind, ObjectRef

COMMANDS = [["status"], ["providers"], ["routes"], ["top", "providers"], ["top", "teams"]]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDirectory]:
    """A directory that a run holds, with the fleet of the case."""
    directory = StateDirectory(tmp_path / "state")
    directory.open()
    for content in yaml.safe_load(input_of("kubectl", "fleet").read_text()):
        metadata = content["metadata"]
        directory.write_object(ObjectRef(Kind(content["kind"]), metadata["namespace"], metadata["name"]), content)
    yield directory
    directory.close()


def firsts(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines() if line]


def test_one_namespace_is_shown_without_its_name(state: StateDirectory) -> None:
    shown = invoke("providers", "-n", "ai", "--state", state.path)
    assert (shown.exit_code, shown.stderr, firsts(shown.stdout)) == (0, "", ["NAME", "anthropic", "openai"])


def test_every_namespace_is_shown_with_its_name(state: StateDirectory) -> None:
    assert firsts(invoke("routes", "-A", "--state", state.path).stdout) == [
        "NAMESPACE",
        "team-a",
        "team-a",
        "team-b",
        "team-b",
        "team-b",
    ]


def test_one_object_is_shown_by_its_name(state: StateDirectory) -> None:
    assert firsts(invoke("providers", "openai", "-n", "ai", "--state", state.path).stdout) == ["NAME", "openai"]
    absent = invoke("routes", "gone", "-n", "ai", "--state", state.path)
    assert (absent.exit_code, absent.stderr) == (1, 'Error from fairlead: routepolicy "gone" not found\n')


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_speaks_json_and_yaml(command: list[str], state: StateDirectory) -> None:
    told = [invoke(*command, "-A", "-o", shape, "--state", state.path).stdout for shape in ("json", "yaml")]
    assert json.loads(told[0]) == yaml.safe_load(told[1]) != {}


@pytest.mark.parametrize("command", COMMANDS[1:], ids=" ".join)
def test_nothing_found_is_said_as_kubectl_says_it(command: list[str], state: StateDirectory) -> None:
    empty = invoke(*command, "-n", "nobody", "--state", state.path)
    assert (empty.exit_code, empty.stdout, empty.stderr) == (0, "", "No resources found in nobody namespace.\n")


@pytest.mark.parametrize("command", [*COMMANDS, ["doctor"]], ids=" ".join)
def test_a_directory_that_is_not_there_is_refused_with_the_remedy(command: list[str], tmp_path: Path) -> None:
    result = invoke(*command, "--state", tmp_path / "none")
    assert (result.exit_code, "start fairlead run here" in result.stderr) == (2, True)


@pytest.mark.parametrize("command", [*COMMANDS, ["doctor"], ["trace", "x"]], ids=" ".join)
def test_without_any_cluster_the_remedies_are_named(command: list[str], tmp_path: Path) -> None:
    result = invoke(*command, environ={"HOME": str(tmp_path), "KUBECONFIG": ""})
    assert (result.exit_code, "--kubeconfig PATH, or --state DIR" in result.stderr) == (2, True)


def test_what_was_observed_is_unknown_once_nobody_runs(state: StateDirectory) -> None:
    state.close()
    shown = invoke("providers", "-A", "-o", "json", "--state", state.path)
    assert "nobody runs on this directory" in shown.stderr
    assert {each["state"] for each in json.loads(shown.stdout)["providers"]} == {"Unknown"}


def test_the_doctor_of_a_run_names_what_is_not_in_force_and_fails(state: StateDirectory) -> None:
    state.write_facts({"problems": ["a.yaml:3: not valid YAML"]})
    result = invoke("doctor", "-A", "-o", "json", "--state", state.path)
    checks = {each["what"]: each["level"] for each in json.loads(result.stdout)["checks"]}
    assert result.exit_code == 1
    assert checks == {
        "the run": "ok",
        "a file": "fail",
        "fleet ai/main": "ok",
        "fleet ai/spare": "fail",
        "fragments of providers": "ok",
        "fragment RoutePolicy team-b/never-looked-at": "warn",
        "fragment RoutePolicy team-b/wrong": "fail",
    }


def test_the_doctor_of_a_run_where_all_is_well_ends_well(state: StateDirectory) -> None:
    result = invoke("doctor", "-n", "team-a", "--state", state.path)
    assert (result.exit_code, "3 ok, 0 warn, 0 fail, 0 unknown" in result.stdout) == (0, True)


def test_the_doctor_fails_where_nobody_runs(state: StateDirectory) -> None:
    state.close()
    result = invoke("doctor", "-n", "team-a", "--state", state.path)
    assert (result.exit_code, "nobody holds the state directory" in result.stdout) == (1, True)


@pytest.mark.parametrize(
    ("command", "names"),
    [
        (
            ["top", "providers"],
            [
                "modelprovider.fairlead.dev/anthropic",
                "modelprovider.fairlead.dev/openai",
                "modelprovider.fairlead.dev/vllm",
            ],
        ),
        (["top", "teams"], ["namespace/team-a", "namespace/team-b"]),
        (
            ["doctor"],
            ["fleet ai/spare", "fragment RoutePolicy team-b/never-looked-at", "fragment RoutePolicy team-b/wrong"],
        ),
    ],
    ids=["top providers", "top teams", "doctor"],
)
def test_names_are_one_a_line_and_those_of_the_doctor_are_what_is_not_well(
    command: list[str], names: list[str], state: StateDirectory
) -> None:
    named = invoke(*command, "-A", "-o", "name", "--state", state.path)
    assert (sorted(named.stdout.splitlines()), named.stderr) == (names, "")


@pytest.mark.parametrize("command", [["top", "providers"], ["doctor"]], ids=" ".join)
def test_a_form_that_there_is_not_is_refused_with_those_there_are(command: list[str], state: StateDirectory) -> None:
    refused = invoke(*command, "-o", "wide", "--state", state.path)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert all(form in refused.stderr for form in ("table", "json", "yaml", "name"))
