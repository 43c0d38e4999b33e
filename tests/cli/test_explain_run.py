"""`fairlead explain --state`: by what a standalone run has loaded, also when it is over."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cli.explained import objects
from doubles.command_line import invoke
from doubles.processes import Standalone, eventually, standalone


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    """A run of a gateway whose tenants are chosen by labels, which only its snapshot remembers."""
    directory = tmp_path_factory.mktemp("explain")
    simulated = [each for each in objects() if each["metadata"]["name"] not in ("slow", "second")]
    written = [
        {"apiVersion": "v1" if each["kind"] == "Namespace" else "fairlead.dev/v1alpha1", **each} for each in simulated
    ]
    (directory / "objects.yaml").write_text(yaml.safe_dump_all(written))
    with standalone(directory, "-f", str(directory / "objects.yaml")) as run:
        yield run


def test_a_run_is_explained_by_what_its_workers_have_loaded(running: Standalone) -> None:
    eventually(lambda: running.condition("RoutePolicy", "team", "first", "Programmed"), within=10)
    told = invoke("explain", "--model", "smart", "-n", "team", "--state", running.state)
    assert (told.exit_code, told.stderr) == (0, "")
    assert "policy    team/first\n" in told.stdout
    assert "  1. ai/fast/tiny   priority 0  first\n  2. ai/fast/small  priority 1  fallback\n" in told.stdout
    assert "hint      RoutePolicy team/first: PartiallyResolved: spec.rules[0].route.targets[0]" in told.stdout


def test_what_a_run_had_loaded_is_explained_when_it_is_over_and_that_is_said(
    running: Standalone, tmp_path: Path
) -> None:
    left = shutil.copytree(running.state, tmp_path / "left", ignore=shutil.ignore_patterns("sockets"))
    named = invoke("explain", "--model", "smart", "-n", "team", "-o", "name", "--state", left)
    assert (named.exit_code, named.stdout) == (0, "modelprovider.fairlead.dev/fast\n")
    assert "nobody runs on this directory" in named.stderr


def test_a_model_that_a_run_does_not_offer_is_refused_with_those_there_are(running: Standalone) -> None:
    refused = invoke("explain", "--model", "gone", "-n", "team", "--state", running.state, "-o", "json")
    told = json.loads(refused.stdout)
    assert (refused.exit_code, told["refused"]["code"]) == (1, "model_not_found")
    assert told["hints"][0] == "the namespace team has the models partial, smart"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--gateway", "ai/gone"], "--gateway ai/gone: not served from "),
        (["--gateway", "main"], "--gateway main: not NAMESPACE/NAME"),
    ],
)
def test_a_gateway_that_a_run_does_not_serve_is_refused(running: Standalone, options: list[str], message: str) -> None:
    refused = invoke("explain", "--model", "smart", "--state", running.state, *options)
    assert (refused.exit_code, refused.stderr.startswith(message)) == (2, True), refused.stderr


def test_a_state_from_which_nothing_was_ever_served_is_refused(tmp_path: Path) -> None:
    refused = invoke("explain", "--model", "smart", "--state", tmp_path)
    assert (refused.exit_code, "no gateway was ever served from it; start fairlead run on it" in refused.stderr) == (
        2,
        True,
    )
