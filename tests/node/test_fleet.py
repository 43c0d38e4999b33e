"""A fleet on a real node: serving, edited, restarted, and left alone by its operator and by the API server."""

import signal
import time
from collections.abc import Iterator

import pytest
from cluster.binaries import locate
from cluster.helm import Helm
from cluster.processes import wait_until
from node.fleet import Fleet, installed
from node.load import Load
from node.node import Node

OPERATOR = "deployment/fairlead-operator"
PROXIES = "deployment/main-proxy"


@pytest.fixture(scope="module")
def release(node: Node) -> Iterator[Fleet]:
    """A release for all tests here."""
    with installed(node, Helm(locate("helm")["helm"], node.kubectl.kubeconfig)) as fleet:
        yield fleet


@pytest.fixture
def fleet(release: Fleet) -> Fleet:
    """The release, whole: both proxies ready and programmed."""
    release.wait_programmed()
    return release


def test_calls_are_answered_through_the_service_by_both_proxies(fleet: Fleet) -> None:
    addresses = [f"{pod['status']['podIP']}:8080" for pod in fleet.proxies()]
    assert len(addresses) == 2
    assert all(fleet.answers(address) for address in [fleet.address, *addresses])


def test_an_answer_says_that_no_model_was_called(fleet: Fleet) -> None:
    headers = fleet.call()
    assert headers["x-fairlead-simulated"] == "true"
    assert headers["x-fairlead-provider"] == f"{fleet.namespace}/quickstart"


def test_an_edit_takes_effect_on_every_proxy_within_five_seconds_and_no_pod_is_replaced(fleet: Fleet) -> None:
    before = sorted(pod["metadata"]["name"] for pod in fleet.proxies())
    addresses = [f"{pod['status']['podIP']}:8080" for pod in fleet.proxies()]
    name = f"edited-{time.monotonic_ns()}"
    edit = f'[{{"op": "replace", "path": "/spec/rules/0/name", "value": "{name}"}}]'
    edited = time.monotonic()
    fleet.kubectl("patch", "rp", "quickstart", "-n", fleet.namespace, "--type=json", "-p", edit)
    wait_until(
        lambda: {fleet.call(address)["x-fairlead-rule"] for address in addresses} == {name},
        what="both proxies serve the edit",
        seconds=20,
    )
    assert time.monotonic() - edited < 5
    assert sorted(pod["metadata"]["name"] for pod in fleet.proxies()) == before


def test_no_call_fails_while_the_fleet_restarts_one_by_one(fleet: Fleet) -> None:
    with Load(fleet, per_second=50) as load:
        fleet.kubectl("rollout", "restart", PROXIES, "-n", fleet.namespace)
        status = ("rollout", "status", PROXIES, "-n", fleet.namespace, "--timeout=120s")
        fleet.kubectl(*status, timeout_seconds=130)
        wait_until(lambda: len(all_pods(fleet)) == 2, what="the old proxies have ended", seconds=90)
    assert load.failures == []
    assert load.answered > 200


def test_calls_are_answered_and_a_proxy_starts_while_there_is_no_operator(fleet: Fleet) -> None:
    fleet.kubectl("scale", OPERATOR, "-n", fleet.namespace, "--replicas=0")
    try:
        victim = fleet.proxies()[0]["metadata"]["name"]
        fleet.kubectl("delete", "pod", victim, "-n", fleet.namespace, "--wait=false")
        wait_until(
            lambda: victim not in ready_names(fleet) and len(ready_names(fleet)) == 2, what="a new proxy is ready"
        )
        addresses = [f"{pod['status']['podIP']}:8080" for pod in fleet.proxies()]
        assert all(fleet.answers(address) for address in addresses)
    finally:
        fleet.kubectl("scale", OPERATOR, "-n", fleet.namespace, "--replicas=2")


def test_calls_are_answered_while_the_api_server_stands_still(fleet: Fleet, node: Node) -> None:
    node.send(signal.SIGSTOP, "kube-apiserver")
    try:
        with Load(fleet, per_second=20) as load:
            wait_until(lambda: load.answered > 100, what="a hundred calls were answered")
        assert load.failures == []
    finally:
        node.send(signal.SIGCONT, "kube-apiserver")
        wait_until(lambda: fleet.kubectl("get", "--raw", "/readyz") == "ok", what="the API server is back")


def all_pods(fleet: Fleet) -> list[str]:
    """Return the names of all proxy pods, those that are ending included."""
    return fleet.kubectl("get", "pods", "-n", fleet.namespace, "-l", "fairlead.dev/gateway=main", "-o", "name").split()


def ready_names(fleet: Fleet) -> set[str]:
    """Return the names of the proxies that are ready and there to stay."""
    return {
        pod["metadata"]["name"]
        for pod in fleet.proxies()
        for each in pod["status"].get("conditions", [])
        if (each["type"], each["status"]) == ("Ready", "True")
    }
