"""The control plane that all other tests here stand on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.audit import Audit
from cluster.control_plane import ControlPlane
from cluster.control_plane_flags import Part
from cluster.helm import Helm
from cluster.kubectl import Kubectl, KubectlFailed
from cluster.processes import wait_until


@pytest.fixture
def frozen(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """A control plane whose API server stands still until the test is over."""
    control_plane.freeze()
    yield control_plane
    control_plane.thaw()
    control_plane.wait_ready()


def test_an_object_that_is_created_can_be_read_back(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "configmap", "colours", "-n", namespace, "--from-literal=sky=blue")
    assert kubectl.read("get", "configmap", "colours", "-n", namespace)["data"] == {"sky": "blue"}


def test_the_audit_log_tells_who_wrote_what(kubectl: Kubectl, namespace: str, audit: Audit) -> None:
    kubectl("create", "configmap", "colours", "-n", namespace)
    requests = audit.writes(user="admin", namespace=namespace)
    assert [(each.verb, each.resource, each.name, each.code) for each in requests] == [
        ("create", "configmaps", "colours", 201)
    ]


def test_a_mark_hides_what_was_before_it(kubectl: Kubectl, namespace: str, audit: Audit) -> None:
    kubectl("create", "configmap", "colours", "-n", namespace)
    audit.mark()
    assert audit.writes(namespace=namespace, resource="configmaps") == []


def test_a_user_without_a_role_is_refused(control_plane: ControlPlane, namespace: str) -> None:
    stranger = Kubectl(control_plane.kubectl.program, control_plane.kubeconfig("stranger", user="stranger"))
    assert "Forbidden" in stranger.refusal("get", "secrets", "-n", namespace)


def test_a_service_account_may_do_what_its_role_says(
    control_plane: ControlPlane, kubectl: Kubectl, namespace: str
) -> None:
    kubectl(
        "create", "rolebinding", "looks", "-n", namespace, "--clusterrole=view", f"--serviceaccount={namespace}:default"
    )
    robot = Kubectl(kubectl.program, control_plane.service_account_kubeconfig(namespace, "default"))
    wait_until(lambda: robot("auth", "can-i", "list", "pods", "-n", namespace) == "yes\n", what="the role is in force")
    assert "Forbidden" in robot.refusal("get", "secrets", "-n", namespace)


def test_helm_installs_a_chart_and_takes_it_away_again(
    helm: Helm, kubectl: Kubectl, namespace: str, tmp_path: Path
) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: colours\nversion: 1.0.0\n")
    template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: colours}\ndata: {sky: {{ .Values.sky }}}\n"
    (tmp_path / "templates" / "colours.yaml").write_text(template)
    helm("install", "colours", str(tmp_path), "-n", namespace, "--set", "sky=blue")
    assert kubectl.read("get", "configmap", "colours", "-n", namespace)["data"] == {"sky": "blue"}
    helm("uninstall", "colours", "-n", namespace)
    assert not kubectl("get", "configmap", "colours", "-n", namespace, "--ignore-not-found")


def test_what_is_owned_goes_with_its_owner(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "configmap", "owner", "-n", namespace)
    uid = kubectl.read("get", "configmap", "owner", "-n", namespace)["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}
    metadata = {"name": "owned", "namespace": namespace, "ownerReferences": [owner]}
    kubectl.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    kubectl("delete", "configmap", "owner", "-n", namespace)
    wait_until(
        lambda: not kubectl("get", "configmap", "owned", "-n", namespace, "--ignore-not-found"),
        what="the garbage collector took what was owned",
    )


def test_a_frozen_api_server_answers_nothing_until_it_is_thawed(frozen: ControlPlane) -> None:
    with pytest.raises(KubectlFailed):
        frozen.kubectl("get", "namespaces", "--request-timeout=1s")
    frozen.thaw()
    frozen.wait_ready(seconds=20)
    assert "default" in frozen.kubectl("get", "namespaces", "-o", "name")


@pytest.mark.parametrize("part", list(Part))
def test_a_part_that_was_killed_comes_back_with_what_it_knew(
    control_plane: ControlPlane, kubectl: Kubectl, namespace: str, part: Part
) -> None:
    kubectl("create", "configmap", "memory", "-n", namespace)
    control_plane.kill(part)
    control_plane.restart(part)
    assert "memory" in kubectl("get", "configmap", "-n", namespace, "-o", "name")
