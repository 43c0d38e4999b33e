"""The whole loop on a real API server: a platform namespace, an operator with exactly its rights, proxies as pods."""

import json
import os
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import openai
from cluster.control_plane import ControlPlane
from cluster.kubectl import Kubectl
from cluster.mini_node import MiniNode
from cluster.namespaces import namespace_object
from cluster.processes import Child, ChildFailed, answers, free_ports, wait_until
from doubles.processes import ScriptedUpstream
from fence.emitted import Emitted, nothing_leaks
from fence.gathering import Sources, check_all, contents_of, gather
from fence.stage_canaries import CANARIES, KEYS, PROMPT, Canary, refuse_short_keys

from fairlead_operator.fleet import rbac

ACCOUNT = "fairlead-operator"
READER = "fairlead-secret-reader"
GROUP = "rbac.authorization.k8s.io"
Json = dict[str, Any]


@dataclass
class Stage:
    """`platform` holds the gateway, `ops` the operator. Whatever is created here goes with its namespaces."""

    plane: ControlPlane
    node: MiniNode
    ops: str
    platform: str
    operator: Child
    health_port: int
    directory: Path
    """Of its logs; below `node` are those of its pods."""
    audit_from: int
    """So much of the audit log is of what was before it."""
    namespaces: list[str] = field(default_factory=list)
    canaries: dict[str, Canary] = field(default_factory=lambda: dict(CANARIES))
    """What must not be found anywhere but in Secrets when it ends; see `look_for_leaks`."""

    @property
    def kubectl(self) -> Kubectl:
        return self.plane.kubectl

    @property
    def user(self) -> str:
        """The operator as the audit log names it."""
        return f"system:serviceaccount:{self.ops}:{ACCOUNT}"

    def tenant(self, **labels: str) -> str:
        """Create a namespace of a team."""
        name = f"team-{uuid.uuid4().hex[:8]}"
        self.kubectl.apply(namespace_object(name, labels))
        self.namespaces.append(name)
        return name

    def create(self, kind: str, name: str, spec: Json, *, namespace: str = "") -> None:
        metadata = {"name": name, "namespace": namespace or self.platform}
        self.kubectl.apply({"apiVersion": "fairlead.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec})

    def secret(self, name: str, *, namespace: str = "", labels: Mapping[str, str] | None = None, **data: str) -> None:
        """Write a Secret; raise ValueError for a key that is too short to be searched for when the stage ends."""
        refuse_short_keys(name, labels or {}, data)
        metadata = {"name": name, "namespace": namespace or self.platform, "labels": dict(labels or {})}
        self.kubectl.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})

    def read(self, kind: str, name: str, *, namespace: str = "") -> Json:
        content: Json = self.kubectl.read("get", kind, name, "-n", namespace or self.platform)
        return content

    def condition(self, kind: str, name: str, type_: str, *, namespace: str = "") -> Json:
        """Return a condition with the object's generation beside it; {} where it is not there."""
        content = self.read(kind, name, namespace=namespace)
        conditions = content.get("status", {}).get("conditions", [])
        found = next((each for each in conditions if each["type"] == type_), None)
        return {} if found is None else {**found, "generation": content["metadata"]["generation"]}

    def wait_for(
        self,
        kind: str,
        name: str,
        type_: str,
        status: str,
        reason: str = "",
        *,
        namespace: str = "",
        seconds: float = 30,
    ) -> Json:
        """Return the condition once it has this status, and reason, on the present generation."""

        def there() -> Json:
            found = self.condition(kind, name, type_, namespace=namespace)
            current = found.get("observedGeneration") == found.get("generation")
            fits = found.get("status") == status and reason in ("", found.get("reason"))
            return found if current and fits else {}

        what = f"{kind} {name} is {type_}={status} {reason}; it is"
        try:
            return wait_until(there, what=what, seconds=seconds)
        except TimeoutError as error:
            now = self.condition(kind, name, type_, namespace=namespace)
            raise TimeoutError(f"{error}\nnow: {now}\noperator:\n{self.operator.log_tail()}") from None

    def serving(self, *, seconds: float = 60) -> str:
        """Wait until all proxies of gateway `main` serve; return host:port of its Service on loopback."""
        self.wait_for("modelgateway", "main", "Programmed", "True", seconds=seconds)
        wanted = self.read("modelgateway", "main")["spec"]["proxy"]["replicas"]["min"]
        full = {"total": wanted, "ready": wanted, "programmed": wanted}
        wait_until(
            lambda: self.read("modelgateway", "main")["status"]["proxies"] == full,
            what="all proxies serve",
            seconds=seconds,
        )
        address = self.node.expose(self.platform, "main")
        wait_until(lambda: answers(address), what="the Service answers")
        return address

    def pods(self) -> list[Json]:
        """Return the proxies that are there to stay, by name."""
        found: list[Json] = self.kubectl.read("get", "pods", "-n", self.platform)["items"]
        staying = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
        return sorted(staying, key=lambda pod: str(pod["metadata"]["name"]))

    def restarts(self) -> dict[str, list[int]]:
        return {
            pod["metadata"]["name"]: [each["restartCount"] for each in pod["status"].get("containerStatuses", [])]
            for pod in self.pods()
        }

    def start_operator(self) -> None:
        self.operator.start()
        self.wait_ready()

    def wait_ready(self) -> None:
        wait_until(self._is_ready, what="the operator is ready", seconds=60)

    def restart_operator(self) -> None:
        """Kill it as a crash would, and start another."""
        self.operator.kill()
        self.start_operator()

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/metrics", timeout=5) as answer:
            text: str = answer.read().decode()
            return text

    def logs(self) -> dict[str, bytes]:
        """Return what its operators and the containers of all its pods have written, and what was spooled."""
        return contents_of(self.directory, "*.log", "node/pods/*/logs/*.log", "node/pods/*/volumes/spool/**/*")

    def given_out(self) -> Emitted:
        """Search all objects of the cluster, the logs, what operator and proxies answer, and the audit log.

        This ends the operator, for its log is to be whole.
        """
        metrics = self._metrics_if_it_runs()
        self.operator.stop()
        sources = Sources(
            self.kubectl, self.directory, self.namespaces, self.logs, self.plane.audit_log, self.audit_from
        )
        emitted = gather(sources, self.canaries)
        emitted.take("answers of the operator", "/metrics of the operator", metrics)
        return emitted

    def look_for_leaks(self) -> None:
        """Raise AssertionError where a key or a prompt was given out, or less was searched than there must be."""
        check_all(self.given_out(), logs=1 if self.operator.log.exists() else 0)

    def _metrics_if_it_runs(self) -> bytes:
        try:
            return self.metrics().encode() if self.operator.pid else b""
        except (ChildFailed, OSError):
            return b""

    def _is_ready(self) -> bool:
        assert self.operator.pid
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def staged(plane: ControlPlane, node: MiniNode, directory: Path, *, start: bool = True) -> Iterator[Stage]:
    """Set the stage, with the operator running; look for leaks at its end, and clear it."""
    names = [f"ops-{uuid.uuid4().hex[:8]}", f"ai-{uuid.uuid4().hex[:8]}"]
    ops, platform = names
    plane.kubectl.apply(namespace_object(ops), namespace_object(platform))
    plane.kubectl.apply(*rights(ops, platform))
    (port,) = free_ports(1)
    kubeconfig = plane.service_account_kubeconfig(ops, ACCOUNT)
    operator = operator_child("operator", directory, kubeconfig, ops, platform, port)
    audit_from = plane.audit_log.stat().st_size if plane.audit_log.exists() else 0
    stage = Stage(plane, node, ops, platform, operator, port, directory, audit_from, names)
    try:
        with nothing_leaks(stage.look_for_leaks):
            for namespace in names:
                stage.secret("bystander", namespace=namespace, password=KEYS["bystander"])
            if start:
                stage.start_operator()
            yield stage
    finally:
        operator.stop()
        for name in stage.namespaces:
            plane.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")
        plane.kubectl("delete", "clusterrole,clusterrolebinding", "-l", f"test-stage={ops}", "--wait=false")


def operator_child(
    name: str, directory: Path, kubeconfig: Path, ops: str, platform: str, port: int, *more: str
) -> Child:
    """Return `fairlead operator` as the chart would run it, but as a process of this machine."""
    command = [sys.executable, "-W", "error", "-m", "fairlead_operator.cli.main", "operator"]
    command += ["--kubeconfig", str(kubeconfig), "--namespace", ops, "--gateway-namespaces", platform]
    command += ["--proxy-image", "localhost/fairlead-proxy:dev", "--metrics", f"127.0.0.1:{port}"]
    command += ["--log-format", "text", *more]
    return Child(name, command, directory / f"{name}.log", {**os.environ, "PYTHONUNBUFFERED": "1"})


def rights(ops: str, platform: str) -> list[Json]:
    """Return the roles and bindings that the operator needs, and not one more: from the same facts as the chart's."""
    account = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": ops}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": ops}},
        _role("ClusterRole", f"fairlead-{ops}", "", rbac.CLUSTER_RULES, ops),
        _role("ClusterRole", f"{READER}-{ops}", "", rbac.SECRET_READER_RULES, ops),
        _role("Role", "fairlead-gateways", platform, rbac.GATEWAY_RULES, ops),
        _role("Role", "fairlead-operator", ops, rbac.OWN_NAMESPACE_RULES, ops),
        _binding("ClusterRoleBinding", f"fairlead-{ops}", "", "ClusterRole", f"fairlead-{ops}", account, ops),
        _binding("RoleBinding", "fairlead-gateways", platform, "Role", "fairlead-gateways", account, ops),
        _binding("RoleBinding", "fairlead-operator", ops, "Role", "fairlead-operator", account, ops),
    ]


def reader_binding(ops: str, namespace: str) -> Json:
    """Return the RoleBinding with which the owner of a namespace lets the operator read its Secrets."""
    account = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": ops}
    return _binding("RoleBinding", READER, namespace, "ClusterRole", f"{READER}-{ops}", account, ops)


def compatible(upstream: ScriptedUpstream) -> Json:
    """Return the spec of a provider that is this upstream, with a key in the Secret `upstream`."""
    return {
        "type": "OpenAICompatible",
        "endpoint": {"url": upstream.url},
        "credentials": [{"name": "main", "secretRef": {"name": "upstream", "key": "apiKey"}}],
        "models": [{"name": "small"}],
        "health": {"active": {"mode": "None"}},
    }


def chat(address: str, model: str, *, key: str = "", stream: bool = False) -> Json:
    """Return the body of a plain answer and its headers; raise urllib's HTTPError for an error answer."""
    body = {"model": model, "messages": [{"role": "user", "content": PROMPT}], "stream": stream}
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
    request = urllib.request.Request(
        f"http://{address}/v1/chat/completions", data=json.dumps(body).encode(), headers=headers
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return {"body": json.loads(answer.read()), "headers": {k.lower(): v for k, v in answer.headers.items()}}


def text_of_stream(address: str, key: str) -> str:
    """Return what an SDK hears of a streamed answer of the model `smart`."""
    client = openai.OpenAI(base_url=f"http://{address}/v1", api_key=key, max_retries=0)
    with (
        client,
        client.chat.completions.create(
            model="smart", messages=[{"role": "user", "content": PROMPT}], stream=True
        ) as stream,
    ):
        return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def status_of(address: str, model: str, *, key: str = "") -> int:
    """Return the HTTP status of a call."""
    try:
        chat(address, model, key=key)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    return 200


def bare(content: Json) -> Json:
    """Return an object without what an operator may write: status, and by its nature managedFields and version."""
    metadata = {k: v for k, v in content["metadata"].items() if k not in ("managedFields", "resourceVersion")}
    return {**{k: v for k, v in content.items() if k != "status"}, "metadata": metadata}


def seconds_between(earlier: str, later: str) -> float:
    """Return the time between two instants of the audit log."""
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def simulated(model: str = "small", **more: Any) -> Json:
    """Return the spec of a Simulated provider that everybody may use."""
    return {
        "type": "Simulated",
        "models": [{"name": model}],
        "consumers": {"namespaceSelector": {}},
        "simulated": {"ttft": "10ms", "tokensPerSecond": 500},
        **more,
    }


def gateway(*, replicas: int = 2, **more: Any) -> Json:
    """Return the spec of a gateway whose callers need an API key and whose tenants are all namespaces."""
    return {
        "proxy": {"replicas": {"min": replicas, "max": replicas}, "drain": {"timeout": "5s"}},
        "auth": {"apiKeys": {}},
        "tenants": {"namespaceSelector": {}},
        "egress": {"denyPrivateRanges": False},
        **more,
    }


def policy(platform: str, targets: Sequence[str], *, models: Sequence[str] = ("smart",)) -> Json:
    """Return the spec of a policy with one rule; targets are `provider/model`, or `namespace/provider/model`."""
    return {
        "gatewayRef": {"name": "main", "namespace": platform},
        "models": list(models),
        "rules": [{"name": "all", "route": {"targets": [_target(text, place) for place, text in enumerate(targets)]}}],
    }


def _target(text: str, priority: int) -> Json:
    *owner, provider, model = text.split("/")
    reference = {"name": provider, **({"namespace": owner[0]} if owner else {})}
    return {"provider": reference, "model": model, "priority": priority}


def _role(kind: str, name: str, namespace: str, rules: Sequence[Json], stage: str) -> Json:
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": kind,
        "metadata": _metadata(name, namespace, stage),
        "rules": [dict(rule) for rule in rules],
    }


def _binding(kind: str, name: str, namespace: str, role_kind: str, role: str, account: Json, stage: str) -> Json:
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": kind,
        "metadata": _metadata(name, namespace, stage),
        "roleRef": {"apiGroup": GROUP, "kind": role_kind, "name": role},
        "subjects": [account],
    }


def _metadata(name: str, namespace: str, stage: str) -> Json:
    return {"name": name, "labels": {"test-stage": stage}, **({"namespace": namespace} if namespace else {})}
