"""The fixtures of every test that needs a real API server; the marker `cluster` on each of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.audit import Audit
from cluster.binaries import locate
from cluster.control_plane import ControlPlane
from cluster.crds import install_crds
from cluster.helm import Helm
from cluster.kubectl import Kubectl
from cluster.mini_node import MiniNode
from cluster.namespaces import fresh_namespace

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what stands in this folder."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.cluster)


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
def kubectl(control_plane: ControlPlane) -> Kubectl:
    """kubectl as a cluster administrator."""
    return control_plane.kubectl


@pytest.fixture
def helm(control_plane: ControlPlane) -> Helm:
    """Helm as a cluster administrator."""
    return Helm(locate("helm")["helm"], control_plane.kubectl.kubeconfig)


@pytest.fixture
def audit(control_plane: ControlPlane) -> Audit:
    """The audit log from the start of the test on."""
    reader = Audit(control_plane.audit_log)
    reader.mark()
    return reader


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A namespace of the test's own, with its default service account; deleted afterwards, without waiting for it."""
    with fresh_namespace(kubectl) as name:
        yield name


@pytest.fixture
def mini_node(control_plane: ControlPlane, tmp_path: Path) -> Iterator[MiniNode]:
    """A node that runs pods as processes; `mini_node.settings` may be changed while it runs."""
    with MiniNode(control_plane, tmp_path / "node") as node:
        yield node
