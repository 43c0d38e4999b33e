"""The charts, installed on a real API server as a user installs them, and what the API server then lets whom do."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from cluster.charts.rendered import CHART, CRD_CHART, Right, values_file
from cluster.control_plane import ControlPlane
from cluster.helm import Helm
from cluster.kubectl import Kubectl
from cluster.mini_node import MiniNode
from cluster.namespaces import make_namespace
from cluster.processes import answers, wait_until

OPS = "fairlead-system"
CRD_RELEASE = "fairlead-crds"
RELEASE = "fairlead"
IMAGES = {"operator": {"image": {"tag": "dev"}}, "proxy": {"image": {"tag": "dev"}}}
"""What the mini-kubelet runs."""
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ground:
    """A cluster to install charts on."""

    plane: ControlPlane
    node: MiniNode
    helm: Helm

    @property
    def kubectl(self) -> Kubectl:
        return self.plane.kubectl

    def namespace(self, name: str) -> None:
        """Make a namespace that admits restricted pods only, where it is not there yet."""
        make_namespace(self.kubectl, name)

    def install(self, directory: Path, values: Json, *, crds: Path = CRD_CHART, chart: Path = CHART) -> str:
        """Install or upgrade both charts, ours with these values; return the notes that Helm prints."""
        file = values_file(directory, values)
        self.helm("upgrade", "--install", CRD_RELEASE, str(crds), "-n", OPS, "--wait")
        return self.helm(
            "upgrade", "--install", RELEASE, str(chart), "-n", OPS, "-f", str(file), "--wait", "--timeout", "90s"
        )

    def uninstall(self) -> None:
        """Uninstall both charts, where they are installed, and return once the operator has ended."""
        self.helm("uninstall", RELEASE, "-n", OPS, "--ignore-not-found", "--wait")
        self.helm("uninstall", CRD_RELEASE, "-n", OPS, "--ignore-not-found", "--wait")
        wait_until(lambda: not self.node.pods(OPS), what="no operator runs")

    def serving(self, namespace: str, gateway: str = "main") -> str:
        """Wait until all proxies of a gateway serve; return host:port of its Service on loopback."""
        self.kubectl(
            "wait", f"modelgateway/{gateway}", "-n", namespace, "--for=condition=Programmed", "--timeout=90s",
            timeout_seconds=100,
        )  # fmt: skip
        deployment = f"deployment/{gateway}-proxy"
        self.kubectl("rollout", "status", deployment, "-n", namespace, "--timeout=60s", timeout_seconds=70)
        address = self.node.expose(namespace, gateway)
        wait_until(lambda: answers(address), what=f"the Service of {gateway} answers")
        return address


def allowed(kubectl: Kubectl, user: str, rights: Iterable[Right], namespace: str = "") -> set[Right]:
    """Return those rights that the API server grants a user in a namespace, or, without one, in all of the cluster.

    This is what `kubectl auth can-i --as` asks, all of it in one go.
    """
    asked = sorted(rights)
    answers = kubectl(
        f"--as={user}", "create", "--validate=false", "-f", "-", "-o", 'jsonpath={.status.allowed}{"\\n"}',
        stdin=yaml.safe_dump_all([_question(*right, namespace) for right in asked]),
    ).splitlines()  # fmt: skip
    assert len(answers) == len(asked)
    return {right for right, answer in zip(asked, answers, strict=True) if answer == "true"}


def every(resources: Iterable[tuple[str, str]], verbs: Iterable[str] = VERBS) -> set[Right]:
    """Return every verb on each of these `(group, resource)`."""
    return {(group, resource, verb) for (group, resource), verb in product(resources, verbs)}


def wait_gone(kubectl: Kubectl, kinds: str, namespace: str, selector: str) -> None:
    """Return once nothing of these kinds with these labels is left."""
    wait_until(
        lambda: not kubectl("get", kinds, "-n", namespace, "-l", selector, "-o", "name").split(),
        what=f"{kinds} with {selector} are gone from {namespace}",
        seconds=120,
    )


def _question(group: str, resource: str, verb: str, namespace: str) -> Json:
    plural, _, subresource = resource.partition("/")
    attributes = {"group": group, "resource": plural, "subresource": subresource, "verb": verb, "namespace": namespace}
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
