"""The fixtures of every test that needs a real API server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.api_server import audit, helm, kubectl, namespace
from cluster.control_plane import ControlPlane
from cluster.crds import install_crds
from cluster.mini_node import MiniNode

__all__ = ["audit", "helm", "kubectl", "namespace"]


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane for the whole session; a test that freezes or kills a part of it puts that right itself."""
    plane = ControlPlane(tmp_path_factory.mktemp("control-plane"))
    try:
        plane.start()
        yield plane
    finally:
        plane.stop()


@pytest.fixture(scope="session")
def crds(control_plane: ControlPlane) -> ControlPlane:
    """The control plane with our kinds installed and served."""
    install_crds(control_plane.kubectl)
    return control_plane


@pytest.fixture
def api_server(control_plane: ControlPlane) -> ControlPlane:
    return control_plane


@pytest.fixture
def mini_node(control_plane: ControlPlane, tmp_path: Path) -> Iterator[MiniNode]:
    """A node that runs pods as processes; `mini_node.settings` may be changed while it runs."""
    with MiniNode(control_plane, tmp_path / "node") as node:
        yield node
