"""Completion: of commands, options and the names of objects, in the shell and through kubectl."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from doubles.case_files import input_of

from fairlead_operator.cluster.local_state import StateDirectory
from fairlead_operator.resources.meta import Kind, ObjectRef


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    directory = StateDirectory(tmp_path / "state")
    directory.open()
    for content in yaml.safe_load(input_of("kubectl", "fleet").read_text()):
        metadata = content["metadata"]
        directory.write_object(ObjectRef(Kind(content["kind"]), metadata["namespace"], metadata["name"]), content)
    yield directory.path
    directory.close()


def completed(*words: str) -> list[str]:
    """Return what kubectl is told for these words, the last one unfinished."""
    program = "from fairlead_operator.cli.completion import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"KUBECONFIG": "", "HOME": "/nowhere"},
        check=True,
    )
    return ran.stdout.splitlines()


def test_kubectl_is_told_the_commands_and_that_files_are_none() -> None:
    *found, last = completed("pro")
    assert (found, last) == (["providers"], ":4")


def test_the_choices_of_an_argument_are_completed() -> None:
    assert completed("top", "te") == ["teams", ":4"]


def test_names_of_objects_are_completed(state: Path) -> None:
    assert completed("providers", "--state", str(state), "-n", "ai", "o") == ["openai", ":4"]
    assert completed("routes", "--state", str(state), "-n", "team-b", "") == [
        "never-looked-at",
        "search",
        "wrong",
        ":4",
    ]


def test_where_nothing_can_be_read_nothing_is_completed_and_nothing_complains() -> None:
    assert completed("providers", "") == [":4"]


def test_the_models_that_policies_offer_are_completed_and_those_of_files_are_not(state: Path, tmp_path: Path) -> None:
    assert completed("explain", "--state", str(state), "-n", "team-b", "--model", "") == ["other", "smart", ":4"]
    assert completed("explain", "-f", str(tmp_path), "--state", str(state), "-n", "team-b", "--model", "") == [":4"]
