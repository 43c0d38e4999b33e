"""The fixtures of every test that needs a real API server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.api_server import audit, helm, kubectl
from cluster.control_plane import ControlPlane
from cluster.crds import install_crds
from cluster.kubectl import Kubectl
from cluster.kubectl_plugin import Fairlead, fleet_of_the_case
from cluster.mini_node import MiniNode
from cluster.namespaces import RESTRICTED, fresh_namespace

__all__ = ["audit", "helm", "kubectl"]


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
def namespace(kubectl: Kubectl, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own, with its default service account; deleted afterwards, without waiting for it.

    Restricted, unless the mini-kubelet itself is tried there: its pods are none of ours, and as short as can be.
    """
    with fresh_namespace(kubectl, enforce="privileged" if "mini_node" in request.fixturenames else RESTRICTED) as name:
        yield name


@pytest.fixture
def mini_node(control_plane: ControlPlane, tmp_path: Path) -> Iterator[MiniNode]:
    """A node that runs pods as processes; `mini_node.settings` may be changed while it runs."""
    with MiniNode(control_plane, tmp_path / "node") as node:
        yield node


@pytest.fixture(scope="module")
def fleet(crds: ControlPlane) -> Iterator[dict[str, str]]:
    """The case's fleet, in namespaces of this module's own; returns what they are called, by the case's names."""
    with fleet_of_the_case(crds.kubectl) as named:
        yield named


@pytest.fixture(scope="module")
def admin(crds: ControlPlane) -> Fairlead:
    """The plugin, run by who may do everything."""
    return Fairlead(crds.admin_kubeconfig)


@pytest.fixture(scope="module")
def nobody(crds: ControlPlane) -> Fairlead:
    """The plugin, run by a user that the API server knows, and that may do nothing."""
    return Fairlead(crds.kubeconfig("nobody", user="nobody@example"))
