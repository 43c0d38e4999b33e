"""The fixtures of every test that needs pods in containers."""

import os
from collections.abc import Iterator

import pytest
from cluster.api_server import audit, helm, kubectl, namespace
from cluster.crds import install_crds
from node.kind_node import KindNode
from node.node import Node, RealNode

__all__ = ["audit", "helm", "kubectl", "namespace"]


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
def api_server(node: Node) -> Node:
    return node
