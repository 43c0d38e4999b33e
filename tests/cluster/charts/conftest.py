"""Charts want a control plane of their own: names are fixed, and installing our kinds is what they are to show."""

from collections.abc import Iterator

import pytest
from cluster.binaries import locate
from cluster.charts.release import Ground
from cluster.control_plane import ControlPlane
from cluster.helm import Helm
from cluster.mini_node import MiniNode


@pytest.fixture(scope="session")
def offline_helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm with no cluster in reach."""
    return Helm(locate("helm")["helm"], tmp_path_factory.mktemp("helm") / "none.kubeconfig")


@pytest.fixture(scope="package")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A cluster with one node and nothing of ours in it."""
    plane = ControlPlane(tmp_path_factory.mktemp("charts"))
    try:
        plane.start()
        with MiniNode(plane, plane.directory / "node") as node:
            yield Ground(plane, node, Helm(locate("helm")["helm"], plane.admin_kubeconfig))
    finally:
        plane.stop()
