"""The fixtures of every test that needs pods in containers; the marker `node` on each of them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.audit import Audit
from cluster.binaries import locate
from cluster.crds import install_crds
from cluster.helm import Helm
from cluster.kubectl import Kubectl
from cluster.namespaces import fresh_namespace
from node.kind_node import KindNode
from node.node import Node, RealNode

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what stands in this folder."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.node)


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """A cluster with our images loaded and our kinds installed: a real node, or kind where FAIRLEAD_NODE says so."""
    cluster = KindNode() if os.environ.get("FAIRLEAD_NODE") == "kind" else RealNode()
    cluster.start()
    try:
        install_crds(cluster.kubectl)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def kubectl(node: Node) -> Kubectl:
    """kubectl as a cluster administrator."""
    return node.kubectl


@pytest.fixture
def helm(node: Node) -> Helm:
    """Helm as a cluster administrator."""
    return Helm(locate("helm")["helm"], node.kubectl.kubeconfig)


@pytest.fixture
def audit(node: Node) -> Audit:
    """The audit log from the start of the test on."""
    reader = Audit(node.audit_log)
    reader.mark()
    return reader


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A namespace of the test's own; deleted afterwards, without waiting for it."""
    with fresh_namespace(kubectl) as name:
        yield name
