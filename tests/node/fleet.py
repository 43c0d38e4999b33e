"""Fairlead on a node, installed as users install it: by Helm, with the chart's quickstart, and canaries for keys."""

import base64
import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from cluster.helm import Helm
from cluster.kubectl import Kubectl
from cluster.loop.stage import status_of
from cluster.namespaces import namespace_object
from cluster.processes import wait_until
from doubles.processes import ScriptedUpstream, scripted_upstream
from fence.emitted import nothing_leaks
from fence.node_output import look_for_leaks
from fence.stage_canaries import KEYS, PROMPT
from node.layers import ROOT
from node.node import Node

Json = dict[str, Any]
QUOTING = "quoting"
"""The provider that quotes the key that it is sent, and its policy and model."""
CALLS_THAT_MEET_EVERY_PROXY = 12
"""Each is a connection of its own, and the Service takes proxies at random."""
ANSWER_SECONDS = 10.0


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
        body = {"model": "smart", "messages": [{"role": "user", "content": PROMPT}]}
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


@contextmanager
def installed(node: Node, helm: Helm) -> Iterator[Fleet]:
    """Install a release into a namespace of its own; at its end look for leaks, and take both away."""
    namespace = f"fairlead-{uuid.uuid4().hex[:8]}"
    upstreams = "gateway.spec.egress.allowCIDRs[0]"
    values = {
        "operator.image.tag": "dev",
        "proxy.image.tag": "dev",
        "quickstart.enabled": "true",
        "gateway.spec.proxy.replicas.min": "2",
        "gateway.spec.proxy.replicas.max": "2",
        "gateway.spec.proxy.drain.timeout": "20s",
        f"{upstreams}.cidr": f"{node.host_address}/32",
        f"{upstreams}.namespaces[0]": namespace,
    }
    settings = [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
    chart = str(ROOT / "charts" / "fairlead")
    audit_from = node.audit_log.stat().st_size
    node.kubectl.apply(namespace_object(namespace))
    helm("install", "fairlead", chart, "-n", namespace, "--wait", "--timeout=120s", *settings)
    try:
        with nothing_leaks(lambda: look_for_leaks(node, namespace, audit_from)):
            node.kubectl(
                *("wait", "modelgateway/main", "-n", namespace, "--for=condition=Programmed", "--timeout=120s"),
                timeout_seconds=130,
            )
            secret = node.kubectl.read("get", "secret", "quickstart-key", "-n", namespace)
            key = base64.b64decode(secret["data"]["key"]).decode()
            fleet = Fleet(node, namespace, node.reach(namespace, "main"), key)
            fleet.wait_programmed()
            helm("test", "fairlead", "-n", namespace, "--timeout=120s")
            with scripted_upstream(node.host_address) as upstream:
                plant(fleet, upstream)
                provoke(fleet, upstream)
                yield fleet
                # What a test has left may be no fleet that serves.
                with suppress(OSError):
                    provoke(fleet, upstream)
    finally:
        helm("uninstall", "fairlead", "-n", namespace, "--wait", "--timeout=120s")
        node.kubectl("delete", "namespace", namespace, "--wait=false")


def plant(fleet: Fleet, upstream: ScriptedUpstream) -> None:
    """Add a caller's key, a provider that has a key, and a key in a Secret that nobody refers to; all are canaries."""

    def named(name: str, **metadata: Any) -> Json:
        return {"metadata": {"name": name, "namespace": fleet.namespace, **metadata}}

    ours, secret = {"apiVersion": "fairlead.dev/v1alpha1"}, {"apiVersion": "v1", "kind": "Secret"}
    provider = {
        "type": "OpenAICompatible",
        "endpoint": {"url": f"http://{fleet.node.host_address}:{upstream.port}/v1"},
        "credentials": [{"name": "main", "secretRef": {"name": QUOTING, "key": "apiKey"}}],
        "models": [{"name": "m"}],
        # It is called again, however often it has refused.
        "health": {
            "passive": {"consecutive": 1000, "baseCooldown": "10ms", "maxCooldown": "10ms"},
            "active": {"mode": "None"},
        },
    }
    targets = [{"provider": {"name": QUOTING}, "model": "m"}]
    policy = {
        "gatewayRef": {"name": "main"},
        "models": [QUOTING],
        "rules": [{"name": "all", "route": {"targets": targets}}],
    }
    fleet.kubectl.apply(
        {**secret, **named("caller", labels={"fairlead.dev/key": "true"}), "stringData": {"key": KEYS["caller"]}},
        {**secret, **named(QUOTING), "stringData": {"apiKey": KEYS["first"]}},
        {**secret, **named("bystander"), "stringData": {"password": KEYS["bystander"]}},
        {**ours, "kind": "ModelProvider", **named(QUOTING), "spec": provider},
        {**ours, "kind": "RoutePolicy", **named(QUOTING), "spec": policy},
    )
    fleet.kubectl(
        *("wait", "--for=condition=Programmed", f"routepolicy/{QUOTING}", "-n", fleet.namespace, "--timeout=60s"),
        timeout_seconds=70,
    )
    answered = [200] * CALLS_THAT_MEET_EVERY_PROXY
    wait_until(
        lambda: [status_of(fleet.address, QUOTING, key=KEYS["caller"]) for _ in answered] == answered,
        what="every proxy calls the provider",
    )


def provoke(fleet: Fleet, upstream: ScriptedUpstream) -> None:
    """Have the provider refuse calls in words that quote the key that it was sent, and call with a key of nobody's.

    Raises OSError, TimeoutError for one, where that is not what callers are told.
    """
    quoted = {"message": f"Incorrect API key provided: {KEYS['first']}", "type": "invalid_request_error"}
    for status, told in ((400, 400), (401, 502), (500, 502)):
        upstream.behave("status", status=status, error=quoted)
        call_until(fleet, KEYS["caller"], told)
    upstream.behave()
    call_until(fleet, KEYS["bystander"], 401)


def call_until(fleet: Fleet, key: str, status: int) -> None:
    """Call until that is the answer: while the provider cools down nobody calls it."""
    wait_until(
        lambda: status_of(fleet.address, QUOTING, key=key) == status,
        what=f"a call gets {status}",
        seconds=ANSWER_SECONDS,
    )
