"""A fleet that has lost every proxy: status claims nothing that nobody observes, until they are back."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from cluster.binaries import locate
from cluster.helm import Helm
from cluster.processes import wait_until
from doubles.figures import Figures
from node.fleet import Fleet, installed
from node.node import Node

TRUE = "True"
SERVING = {
    "modelprovider": {"Programmed": TRUE, "Ready": TRUE, "Healthy": TRUE},
    "routepolicy": {"Programmed": TRUE, "Ready": TRUE, "Available": TRUE},
    "modelgateway": {"Programmed": TRUE, "Ready": TRUE, "Available": TRUE},
}
GONE = {
    "modelprovider": {"Programmed": "Unknown/NoProxies", "Ready": "Unknown/NoProxies", "Healthy": "Unknown/Stale"},
    "routepolicy": {"Programmed": "Unknown/NoProxies", "Ready": "Unknown/NoProxies", "Available": "Unknown/NoTraffic"},
    "modelgateway": {"Programmed": "Unknown/NoProxies", "Ready": "Unknown/NoProxies", "Available": "False/NoProxies"},
}
LONGEST_SECONDS = 60.0
Conditions = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Loss:
    """What status told of the quickstart's objects: before the proxies were gone, without them, once they were back."""

    before: Conditions
    without: Conditions
    seconds: float
    """From the end of the last container to the status that tells it; nothing where status was first."""
    rules: list[dict[str, str]]
    """Of the policy, without proxies."""
    proxies: dict[str, int]
    """Of the gateway, without proxies."""
    back: Conditions


@pytest.fixture(scope="module")
def loss(node: Node) -> Iterator[Loss]:
    """All proxies lost once, and given back, in a release of its own."""
    with installed(node, Helm(locate("helm")["helm"], node.kubectl.kubeconfig)) as fleet:
        yield lose_all_proxies(fleet)


def test_what_was_observed_is_told_before(loss: Loss) -> None:
    assert loss.before == SERVING


def test_status_claims_nothing_within_fifteen_seconds_of_the_last_containers_end(loss: Loss, figures: Figures) -> None:
    assert loss.without == GONE
    figures.hold("all proxies gone: from the last container's end to Unknown in status", loss.seconds, bound=15.0)


def test_no_rule_is_said_to_serve_while_there_are_no_proxies(loss: Loss) -> None:
    assert [rule["state"] for rule in loss.rules] == ["Unknown"]


def test_the_gateway_counts_no_proxy_as_ready_that_has_nowhere_to_run(loss: Loss) -> None:
    assert loss.proxies == {"total": 2, "ready": 0, "programmed": 0}


def test_status_tells_the_truth_again_once_the_proxies_are_back_and_called(loss: Loss) -> None:
    assert loss.back == SERVING


def lose_all_proxies(fleet: Fleet) -> Loss:
    """Take the node away from new pods, delete those that are there by force, and let them come back afterwards."""
    before = called_until(fleet, SERVING)
    with cordoned(fleet):
        ended = end_all_containers(fleet)
        without = told_once(fleet, GONE)
        seconds = max(0.0, time.monotonic() - ended)
        rules = status(fleet, "routepolicy")["rules"]
        proxies = status(fleet, "modelgateway")["proxies"]
    fleet.wait_programmed()
    return Loss(before, without, seconds, rules, proxies, back=called_until(fleet, SERVING))


@contextmanager
def cordoned(fleet: Fleet) -> Iterator[None]:
    """Let no pod start on the node."""
    (name,) = fleet.kubectl("get", "nodes", "-o", "name").split()
    fleet.kubectl("cordon", name)
    try:
        yield
    finally:
        fleet.kubectl("uncordon", name)


def end_all_containers(fleet: Fleet) -> float:
    """Delete the proxies by force; return when one of their containers was last seen to run."""
    started = [state["containerID"] for pod in fleet.proxies() for state in pod["status"]["containerStatuses"]]
    containers = {name.rpartition("/")[2] for name in started}
    assert containers <= fleet.node.running()
    force = ("--force", "--grace-period=0", "--wait=false")
    fleet.kubectl("delete", "pods", "-n", fleet.namespace, "-l", "fairlead.dev/gateway=main", *force)
    deleted = asked = seen = time.monotonic()
    while containers & fleet.node.running():
        assert asked < deleted + LONGEST_SECONDS, "the containers of the deleted pods still run"
        seen, asked = asked, time.monotonic()
    return seen


def told_once(fleet: Fleet, wanted: Conditions) -> Conditions:
    """Return the conditions once they are these, or what they are after a long while."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while (told := conditions(fleet)) != wanted and time.monotonic() < deadline:
        time.sleep(0.1)
    return told


def called_until(fleet: Fleet, wanted: Conditions) -> Conditions:
    """Call every proxy until the conditions are these; return what they are then, or after a long while."""
    wait_until(lambda: all(fleet.answers(address) for address in addresses(fleet)), what="every proxy answers")
    return told_once(fleet, wanted)


def addresses(fleet: Fleet) -> list[str]:
    return [f"{pod['status']['podIP']}:8080" for pod in fleet.proxies()]


def conditions(fleet: Fleet) -> Conditions:
    """Return the conditions that matter here: `True`, or the status with its reason."""
    return {kind: _written(status(fleet, kind), list(wanted)) for kind, wanted in SERVING.items()}


def status(fleet: Fleet, kind: str) -> dict[str, Any]:
    """Return the status of the quickstart's object of a kind."""
    name = "main" if kind == "modelgateway" else "quickstart"
    found: dict[str, Any] = fleet.kubectl.read("get", kind, name, "-n", fleet.namespace)["status"]
    return found


def _written(told: dict[str, Any], types: list[str]) -> dict[str, str]:
    found = {each["type"]: each for each in told["conditions"]}
    return {
        name: TRUE if found[name]["status"] == TRUE else f"{found[name]['status']}/{found[name]['reason']}"
        for name in types
    }
