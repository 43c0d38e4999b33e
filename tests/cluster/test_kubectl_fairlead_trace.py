"""`kubectl fairlead trace` and `doctor` on a whole fleet, through a real API server that forwards ports."""

import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster.control_plane import ControlPlane
from cluster.kubectl import Kubectl
from cluster.loop.stage import Stage, chat, gateway, policy, simulated, staged
from cluster.mini_node import MiniNode
from cluster.processes import wait_until
from doubles.forwarding_kubelet import ForwardingKubelet
from fence.stage_canaries import KEYS

from fairlead_operator.cli.doctor_lookup import METRICS_PORT

Json = dict[str, Any]
KEY = KEYS["caller"]
OPERATOR_POD = socket.gethostname()
"""What the operator calls itself in its Lease: in a pod, that is the pod's name."""


@pytest.fixture
def stage(crds: ControlPlane, mini_node: MiniNode, tmp_path: Path) -> Iterator[Stage]:
    """An operator that runs, as the pod that its Lease names, and nodes whose kubelet forwards ports."""
    pki = crds.authority.serve("kubelet", hosts=["mini-node"], addresses=["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.certificate, pki.key)
    operators: dict[str, int] = {}

    def find(pod: str, port: int) -> tuple[str, int]:
        namespace, _, name = pod.partition("/")
        if pod in operators:
            assert port == METRICS_PORT
            return "127.0.0.1", operators[pod]
        return str(crds.kubectl.read("get", "pod", name, "-n", namespace)["status"]["podIP"]), port

    with ForwardingKubelet(context, find) as kubelet, staged(crds, mini_node, tmp_path) as stage:
        forward_from(crds.kubectl, mini_node.settings.node_name, kubelet.port)
        node = f"node-of-{stage.ops}"
        crds.kubectl.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})
        forward_from(crds.kubectl, node, kubelet.port)
        operators[f"{stage.ops}/{OPERATOR_POD}"] = stage.health_port
        crds.kubectl.apply(pod_on(node, stage.ops))
        try:
            yield stage
        finally:
            crds.kubectl("delete", "node", node)


def forward_from(kubectl: Kubectl, node: str, port: int) -> None:
    """Tell the API server where the kubelet of a node is."""
    status = {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
    }
    patch = json.dumps({"status": status})
    kubectl("patch", "node", node, "--subresource=status", "--type=merge", "-p", patch)


def pod_on(node: str, namespace: str) -> Json:
    """Return the pod that the operator would be: it is a process of this machine, and nobody starts this one."""
    container = {
        "name": "operator",
        "image": "localhost/fairlead-operator:dev",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    metadata = {"name": OPERATOR_POD, "namespace": namespace}
    spec = {"nodeName": node, "containers": [container], "terminationGracePeriodSeconds": 0}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@pytest.fixture
def address(stage: Stage) -> str:
    """Gateway `main` with two proxies; the first target of its policy fails. Returns where applications call."""
    stage.secret("caller", labels={"fairlead.dev/key": "true"}, key=KEY)
    broken = {"ttft": "1ms", "errorRate": "1", "failure": "ServerError"}
    stage.create("ModelProvider", "broken", {**simulated(), "simulated": broken})
    stage.create("ModelProvider", "sim", simulated())
    stage.create("RoutePolicy", "smart", policy(stage.platform, ["broken/small", "sim/small"]))
    stage.create("ModelGateway", "main", gateway())
    return stage.serving()


def fairlead(kubeconfig: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "fairlead_operator.cli.main", *arguments]
    environ = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environ, check=False)


def user_with(kubectl: Kubectl, plane: ControlPlane, stage: Stage, *rights: tuple[str, str]) -> Path:
    """Return the kubeconfig of a user who has these rights (verbs, resource) in the gateway's namespace."""
    for number, (verbs, resource) in enumerate(rights):
        name = f"tracer-{number}"
        kubectl("create", "role", name, "-n", stage.platform, f"--verb={verbs}", f"--resource={resource}")
        kubectl("create", "rolebinding", name, "-n", stage.platform, f"--role={name}", "--user=tracer")
    return plane.kubeconfig("tracer", user="tracer")


def test_a_call_is_traced_through_the_api_server_to_the_proxy_that_served_it(
    stage: Stage, address: str, crds: ControlPlane, kubectl: Kubectl
) -> None:
    call = str(chat(address, "smart", key=KEY)["headers"]["x-fairlead-decision"])
    told = fairlead(crds.admin_kubeconfig, "trace", call, "-n", stage.platform, "-o", "json")
    assert (told.returncode, told.stderr) == (0, "")
    record = json.loads(told.stdout)
    assert record["call"] == call
    assert record["proxy"] in [f"{stage.platform}/{pod['metadata']['name']}" for pod in stage.pods()]
    assert [each["outcome"] for each in record["attempts"]] == ["ServerError", "Answered"]

    absent = fairlead(crds.admin_kubeconfig, "trace", "no-such-call", "-n", stage.platform)
    assert (absent.returncode, "none of 2 proxies remembers the call" in absent.stderr) == (1, True)

    main = ("trace", call, "--gateway", f"{stage.platform}/main")
    user = user_with(kubectl, crds, stage, ("get", "secrets"), ("list", "pods"))
    missing = f"you lack a right: create and get pods/portforward in namespace {stage.platform}"
    wait_until(lambda: missing in fairlead(user, *main).stderr, what="the right that is missing is named")
    user_with_all = user_with_forwarding(kubectl, stage, user)
    wait_until(lambda: call in fairlead(user_with_all, *main).stdout, what="the rights of the guide suffice")


def test_where_proxies_remember_no_call_that_is_told(stage: Stage, address: str, crds: ControlPlane) -> None:
    call = str(chat(address, "smart", key=KEY)["headers"]["x-fairlead-decision"])
    stage.create("ModelGateway", "main", gateway(telemetry={"decisionRing": 0}))
    stage.wait_for("modelgateway", "main", "Programmed", "True")
    told = fairlead(crds.admin_kubeconfig, "trace", call, "-n", stage.platform)
    assert (told.returncode, told.stderr) == (
        1,
        f"none of 2 proxies remembers the call {call}, nor any other: telemetry.decisionRing of the gateway is 0; "
        "raise it to trace calls that come after that\n",
    )


def user_with_forwarding(kubectl: Kubectl, stage: Stage, user: Path) -> Path:
    """Give the user the last right that the guide names."""
    name = "tracer-forwards"
    rights = ("--verb=create,get", "--resource=pods/portforward")
    kubectl("create", "role", name, "-n", stage.platform, *rights)
    kubectl("create", "rolebinding", name, "-n", stage.platform, f"--role={name}", "--user=tracer")
    return user


def test_the_doctor_finds_nothing_wrong_with_a_fleet_that_serves(
    stage: Stage, address: str, crds: ControlPlane
) -> None:
    asked = ("doctor", "-n", stage.platform, "--operator-namespace", stage.ops, "-o", "json")

    def checks() -> dict[str, Json]:
        return {each["what"]: each for each in json.loads(fairlead(crds.admin_kubeconfig, *asked).stdout)["checks"]}

    about = ("lease", "fleet", "snapshot", "proxy", "fragments", "the operator's rights")
    found = checks()
    levels = {what: check["level"] for what, check in found.items() if what.startswith(about)}
    proxies = [f"proxy {stage.platform}/{pod['metadata']['name']}" for pod in stage.pods()]
    assert set(proxies) < set(levels)
    assert set(levels.values()) == {"ok"}, found
    watches = found["watches of the operator"]
    assert (watches["level"], watches["why"]) == ("ok", "behind for 0 s")


def test_the_doctor_finds_the_operator_gone_and_a_policy_that_nobody_looked_at(
    stage: Stage, address: str, crds: ControlPlane
) -> None:
    stage.operator.kill()
    stage.create("RoutePolicy", "later", policy(stage.platform, ["sim/small"], models=["later"]))
    asked = ("doctor", "-n", stage.platform, "--operator-namespace", stage.ops, "-o", "json")

    def checks() -> dict[str, Json]:
        return {each["what"]: each for each in json.loads(fairlead(crds.admin_kubeconfig, *asked).stdout)["checks"]}

    fragment = f"fragment RoutePolicy {stage.platform}/later"
    assert checks()[fragment]["why"] == "no status yet: no operator has looked at it"
    gone = wait_until(
        lambda: (found := checks()["lease of the operator"])["level"] == "fail" and found, what="the lease is old"
    )
    assert gone
    assert "has not renewed it for" in gone["why"]
