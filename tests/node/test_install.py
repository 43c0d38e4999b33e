"""A stranger's Monday on a real node: installed by the documents, looked at, and taken away in any order."""

import json
import time
from collections.abc import Iterator, Sequence

import pytest
from cluster.binaries import locate
from cluster.crds import install_crds
from cluster.helm import Helm
from doubles.figures import Figures
from node.installation import (
    NAMESPACE,
    README,
    Ground,
    Step,
    delete_definitions,
    delete_namespace,
    delete_what_belongs_to_no_namespace,
    uninstall,
    uninstall_definitions,
)
from node.node import Node

ORDERS: dict[str, Sequence[Step]] = {
    "as the README says": README,
    "the definitions first": (delete_definitions, uninstall_definitions, uninstall, delete_namespace),
    "the definitions, then the namespace": (delete_definitions, delete_namespace, delete_what_belongs_to_no_namespace),
    "the operator first": (uninstall, uninstall_definitions, delete_namespace, delete_definitions),
    "the namespace first": (delete_namespace, delete_what_belongs_to_no_namespace, delete_definitions),
}
ALL_OF_IT = (*ORDERS["the definitions first"], delete_what_belongs_to_no_namespace)
REMOVAL_SECONDS = 30.0


@pytest.fixture(scope="module")
def bare(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """The node as a stranger finds it, without anything of ours.

    The definitions come back once, at the end: Kubernetes takes minutes over one that is deleted while it is still new.
    """
    helm = Helm(locate("helm")["helm"], node.kubectl.kubeconfig)
    ground = Ground(node, helm, tmp_path_factory.mktemp("install"))
    remove(ground, ALL_OF_IT)
    try:
        yield ground
    finally:
        install_crds(node.kubectl)


@pytest.fixture
def ground(bare: Ground) -> Iterator[Ground]:
    """The bare node, and bare again afterwards."""
    try:
        yield bare
    finally:
        remove(bare, ALL_OF_IT)


def remove(ground: Ground, order: Sequence[Step]) -> float:
    """Take all of it away; return the seconds until nothing was left, neither of ours nor on its way out."""
    began = time.monotonic()
    for step in order:
        step(ground)
    while left := ground.ours() + ground.ending():
        assert time.monotonic() < began + 3 * REMOVAL_SECONDS, f"this is left: {left}"
        time.sleep(0.2)
    return time.monotonic() - began


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_what_helm_installed_is_gone_whatever_the_order(
    ground: Ground, order: Sequence[Step], figures: Figures, request: pytest.FixtureRequest
) -> None:
    ground.by_helm()
    assert ground.first_answer()["object"] == "chat.completion"
    seconds = remove(ground, order)
    name = request.node.callspec.id
    figures.hold(f"removed, {name}: nothing left, nothing Terminating", seconds, bound=REMOVAL_SECONDS)


def test_what_argocd_would_apply_serves_and_is_healthy_and_goes(ground: Ground, figures: Figures) -> None:
    ground.by_argocd()
    assert ground.first_answer()["object"] == "chat.completion"
    seconds = remove(ground, ORDERS["the namespace first"])
    figures.hold("removed, as Argo CD had applied it", seconds, bound=REMOVAL_SECONDS)


def test_the_programs_commands_tell_how_it_is(ground: Ground) -> None:
    ground.by_helm()
    ground.first_answer()
    looked = ground.fairlead("doctor", "-n", NAMESPACE, "--operator-namespace", NAMESPACE)
    assert (looked.returncode, looked.stderr) == (0, ""), looked.stdout
    shown = ground.fairlead("status", "-A", "-o", "json")
    assert (shown.returncode, shown.stderr) == (0, "")
    told = json.loads(shown.stdout)
    assert [each["id"] for each in told["gateways"]] == [f"{NAMESPACE}/main"]
    assert (told["providers"]["total"], told["policies"]["total"]) == (1, 1)
    assert {NAMESPACE, "quickstart"} <= set(ground.fairlead("providers", "-A").stdout.split())
