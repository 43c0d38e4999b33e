"""Probes that are real calls, as a user of `fairlead run` sees them: in status, and in what `fairlead cost` says."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from doubles.processes import Standalone, eventually, standalone

CALLER = "fairlead:probe"
PRICE = {"perMTok": {"input": "1", "output": "10"}}


def provider(name: str, price: dict[str, Any] | None, **active: str) -> dict[str, Any]:
    model: dict[str, Any] = {"name": "m"} | ({} if price is None else {"price": price})
    return {
        "apiVersion": "fairlead.dev/v1alpha1",
        "kind": "ModelProvider",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "type": "Simulated",
            "simulated": {"ttft": "1ms", "tokensPerSecond": 1000},
            "models": [model],
            "health": {"active": {"mode": "Chat", "interval": "1s", **active}},
        },
    }


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    directory = tmp_path_factory.mktemp("chat-probes")
    documents = [
        provider("asked", PRICE),
        provider("poor", PRICE, maxCostPerDay="0.0000001"),
        provider("unpriced", None),
    ]
    (directory / "objects.yaml").write_text(yaml.safe_dump_all(documents))
    with standalone(directory, "-f", str(directory / "objects.yaml")) as gateway:
        yield gateway


def healthy(running: Standalone, name: str) -> dict[str, Any]:
    return running.condition("ModelProvider", "default", name, "Healthy")


def cost(running: Standalone, *arguments: str) -> str:
    command = [sys.executable, "-m", "fairlead_operator.cli.main", "cost", "--state", str(running.state), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_a_provider_that_nobody_calls_is_healthy_by_its_probes(running: Standalone) -> None:
    eventually(lambda: healthy(running, "asked").get("status") == "True", within=20)
    assert healthy(running, "asked")["message"] == ""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("poor", "Chat probes rest until 00:00 UTC: spec.health.active.maxCostPerDay is spent"),
        ("unpriced", "Chat probes rest: what they would ask has no known price; set spec.models[].price"),
    ],
)
def test_a_provider_that_may_not_be_asked_by_real_calls_says_so_and_is_observed_by_its_list(
    running: Standalone, name: str, message: str
) -> None:
    eventually(lambda: healthy(running, name).get("message") == message, within=40)
    assert healthy(running, name)["status"] == "True"


def test_cost_shows_whose_probes_they_are_and_that_they_are_probes(running: Standalone) -> None:
    def callers() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(cost(running, "--by", "caller", "--format", "json"))["rows"]
        return rows

    (row,) = eventually(callers, within=20)
    assert CALLER in json.dumps(row)
    assert "default" in json.dumps(row)
    focus = cost(running, "--format", "focus").splitlines()
    assert any(CALLER in line for line in focus[1:])
    assert cost(running, "--by", "route").splitlines()
