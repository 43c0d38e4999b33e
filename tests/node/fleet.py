"""Fairlead on a node, installed as users install it: by Helm, with the chart's quickstart."""

import base64
import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cluster.helm import Helm
from cluster.kubectl import Kubectl
from cluster.processes import wait_until
from node.layers import ROOT
from node.node import Node

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fleet:
    """One release: an operator, the gateway `main` with two proxies, the policy `quickstart` and a caller's key."""

    node: Node
    namespace: str
    address: str
    """`host:port` of the gateway's Service."""
    key: str

    @property
    def kubectl(self) -> Kubectl:
        """kubectl as a cluster administrator."""
        return self.node.kubectl

    def proxies(self) -> list[Json]:
        """Return the proxy pods that are there to stay."""
        selector = "fairlead.dev/gateway=main"
        pods: list[Json] = self.kubectl.read("get", "pods", "-n", self.namespace, "-l", selector)["items"]
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def call(self, address: str = "") -> Json:
        """Call the model `smart`, at the Service or at one pod; return the headers of the answer, lower case.

        Raises urllib's HTTPError for an answer that is an error, another OSError for no answer.
        """
        body = {"model": "smart", "messages": [{"role": "user", "content": "Hello"}]}
        request = urllib.request.Request(
            f"http://{address or self.address}/v1/chat/completions",
            data=json.dumps(body).encode(),
            headers={"content-type": "application/json", "authorization": f"Bearer {self.key}"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            json.load(answer)
            return {name.lower(): value for name, value in answer.headers.items()}

    def answers(self, address: str = "") -> bool:
        """Return whether a call is answered."""
        try:
            return bool(self.call(address))
        except OSError:
            return False

    def diagnosis(self) -> str:
        """Return what helps to understand a failure: pods, status, events, and what the programs logged."""
        namespace = ("-n", self.namespace)
        told = [self.kubectl("get", "pods,modelgateways,modelproviders,routepolicies", *namespace)]
        told.append(self.kubectl("get", "events", *namespace, "--field-selector=type=Warning"))
        for name in self.kubectl("get", "pods", *namespace, "-o", "name").split():
            lines = self.kubectl("logs", *namespace, name).splitlines()
            told.append("\n".join([name, *[line for line in lines if '"call":' not in line][-20:]]))
        return "\n\n".join(told)

    def wait_programmed(self, *, seconds: float = 60.0) -> None:
        """Return once both proxies are ready and serve the present configuration."""
        full = {"total": 2, "ready": 2, "programmed": 2}
        wait_until(lambda: self._proxies_of_status() == full, what=f"the gateway tells {full}", seconds=seconds)

    def _proxies_of_status(self) -> Json:
        gateway = self.kubectl.read("get", "modelgateway", "main", "-n", self.namespace)
        proxies: Json = gateway.get("status", {}).get("proxies", {})
        return proxies


def restricted_namespace(name: str) -> Json:
    """Return a namespace in which pod security `restricted` is enforced."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


@contextmanager
def installed(node: Node, helm: Helm) -> Iterator[Fleet]:
    """Install a release into a namespace of its own, and take both away afterwards."""
    namespace = f"fairlead-{uuid.uuid4().hex[:8]}"
    values = {
        "operator.image.tag": "dev",
        "proxy.image.tag": "dev",
        "quickstart.enabled": "true",
        "gateway.spec.proxy.replicas.min": "2",
        "gateway.spec.proxy.replicas.max": "2",
        "gateway.spec.proxy.drain.timeout": "20s",
    }
    settings = [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
    chart = str(ROOT / "charts" / "fairlead")
    node.kubectl.apply(restricted_namespace(namespace))
    helm("install", "fairlead", chart, "-n", namespace, "--wait", "--timeout=120s", *settings)
    try:
        node.kubectl(
            *("wait", "modelgateway/main", "-n", namespace, "--for=condition=Programmed", "--timeout=120s"),
            timeout_seconds=130,
        )
        secret = node.kubectl.read("get", "secret", "quickstart-key", "-n", namespace)
        key = base64.b64decode(secret["data"]["key"]).decode()
        fleet = Fleet(node, namespace, node.reach(namespace, "main"), key)
        fleet.wait_programmed()
        helm("test", "fairlead", "-n", namespace, "--timeout=120s")
        yield fleet
    finally:
        helm("uninstall", "fairlead", "-n", namespace, "--wait", "--timeout=120s")
        node.kubectl("delete", "namespace", namespace, "--wait=false")
