"""A real Kubernetes control plane on loopback: etcd, API server and controller manager, as children of the tests."""

import os
import signal
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from cluster.binaries import locate
from cluster.kubectl import Kubectl
from cluster.pki import Authority, kubeconfig_of
from cluster.processes import Child, ChildFailed, free_ports, wait_until

SERVICE_RANGE = "10.96.0.0/16"
AUDIT_POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- {level: None, users: ["system:apiserver", "system:kube-controller-manager"]}
- {level: None, nonResourceURLs: ["/readyz*", "/livez*", "/api*", "/openapi*", "/version*"]}
- level: Metadata
"""
# The controllers of endpoints are left out: they would retry for ever, because the API server refuses loopback
# addresses in EndpointSlices, and pods of the mini-kubelet have no others. `service_proxy.py` does their work.
CONTROLLERS = "*,-endpoints-controller,-endpointslice-controller,-endpointslice-mirroring-controller"


class Part(StrEnum):
    """The programs of a control plane."""

    ETCD = "etcd"
    API_SERVER = "kube-apiserver"
    CONTROLLERS = "kube-controller-manager"


class ControlPlane:
    """Etcd, API server and controller manager, each its own process that tests can freeze, kill and start again."""

    def __init__(self, directory: Path) -> None:
        """Prepare everything under `directory`; raise BinariesMissing if the programs cannot be had."""
        self.directory = directory
        self._programs = locate("control-plane")
        self._logs = directory / "logs"
        self._logs.mkdir(parents=True)
        self.audit_log = directory / "audit.log"
        self.authority = Authority(directory / "pki")
        etcd_port, etcd_peer_port, self.port, controllers_port = free_ports(4)
        self.server = f"https://127.0.0.1:{self.port}"
        self.admin_kubeconfig = self.kubeconfig("admin", user="admin", groups=["system:masters"])
        self.kubectl = Kubectl(self._programs["kubectl"], self.admin_kubeconfig)
        self._parts = {
            Part.ETCD: self._child(Part.ETCD, self._etcd_flags(etcd_port, etcd_peer_port)),
            Part.API_SERVER: self._child(Part.API_SERVER, self._api_server_flags(etcd_port)),
            Part.CONTROLLERS: self._child(Part.CONTROLLERS, self._controller_flags(controllers_port)),
        }

    def start(self) -> None:
        """Start all of it and return once the API server is ready."""
        self._parts[Part.ETCD].start()
        self._parts[Part.API_SERVER].start()
        self.wait_ready()
        self._parts[Part.CONTROLLERS].start()

    def stop(self) -> None:
        """End all of it, last started first."""
        for part in reversed(self._parts.values()):
            part.stop()

    def wait_ready(self, *, seconds: float = 120.0) -> None:
        """Return once the API server answers that it is ready; raise ChildFailed as soon as a process has died."""
        wait_until(self._answers_ready, what="the API server is ready", seconds=seconds)

    def freeze(self, part: Part = Part.API_SERVER) -> None:
        """Stop a process in its tracks: its sockets stay open and nothing answers."""
        self._parts[part].send(signal.SIGSTOP)

    def thaw(self, part: Part = Part.API_SERVER) -> None:
        """Let a frozen process go on."""
        self._parts[part].send(signal.SIGCONT)

    def kill(self, part: Part = Part.API_SERVER) -> None:
        """End a process as a crash would; `restart` brings it back with the same data, addresses and flags."""
        self._parts[part].kill()

    def restart(self, part: Part = Part.API_SERVER) -> None:
        """Stop a process if it runs, start it again and return once the API server is ready."""
        self._parts[part].stop()
        self._parts[part].start()
        self.wait_ready()

    def kubeconfig(self, name: str, *, user: str, groups: list[str] | None = None) -> Path:
        """Return a kubeconfig file for any user and groups."""
        return self.authority.kubeconfig(name, self.server, user=user, groups=groups or [])

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """Return a kubeconfig file that logs in as this service account, which must exist, for an hour."""
        token = self.kubectl("create", "token", name, "-n", namespace, "--duration", "1h").strip()
        path = self.directory / f"{namespace}.{name}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(kubeconfig_of(self.server, self.authority.certificate, {"token": token}))
        return path

    def log(self, part: Part) -> str:
        """Return the end of a process's log."""
        return self._parts[part].log_tail()

    def _answers_ready(self) -> bool:
        for part in (Part.ETCD, Part.API_SERVER):
            if self._parts[part].pid <= 0:
                raise ChildFailed(part)
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        pki = self.authority.directory
        context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        try:
            with urllib.request.urlopen(f"{self.server}/readyz", timeout=2.0, context=context) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _child(self, part: Part, flags: Mapping[str, str]) -> Child:
        command = [str(self._programs[part]), *(f"--{name}={value}" for name, value in flags.items())]
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.directory)}
        return Child(part, command, self._logs / f"{part}.log", environment)

    def _etcd_flags(self, port: int, peer_port: int) -> Mapping[str, str]:
        peer = f"http://127.0.0.1:{peer_port}"
        return {
            "data-dir": str(self.directory / "etcd"),
            "unsafe-no-fsync": "true",
            "listen-client-urls": f"http://127.0.0.1:{port}",
            "advertise-client-urls": f"http://127.0.0.1:{port}",
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}",
        }

    def _api_server_flags(self, etcd_port: int) -> Mapping[str, str]:
        names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
        serving = self.authority.serve("kube-apiserver", hosts=names, addresses=["127.0.0.1", "10.96.0.1"])
        self._account_keys = self.authority.service_account_keys()
        policy = self.directory / "audit-policy.yaml"
        policy.write_text(AUDIT_POLICY)
        return {
            "etcd-servers": f"http://127.0.0.1:{etcd_port}",
            "bind-address": "127.0.0.1",
            "secure-port": str(self.port),
            "advertise-address": "127.0.0.1",
            "endpoint-reconciler-type": "none",
            "service-cluster-ip-range": SERVICE_RANGE,
            "client-ca-file": str(self.authority.certificate),
            "tls-cert-file": str(serving.certificate),
            "tls-private-key-file": str(serving.key),
            "service-account-key-file": str(self._account_keys.certificate),
            "service-account-signing-key-file": str(self._account_keys.key),
            "service-account-issuer": "https://kubernetes.default.svc",
            "authorization-mode": "Node,RBAC",
            "allow-privileged": "true",
            "anonymous-auth": "false",
            "profiling": "false",
            "audit-policy-file": str(policy),
            "audit-log-path": str(self.audit_log),
            "audit-log-mode": "blocking",
            "audit-log-maxsize": "4096",
        }

    def _controller_flags(self, port: int) -> Mapping[str, str]:
        user = "system:kube-controller-manager"
        return {
            "kubeconfig": str(self.kubeconfig("kube-controller-manager", user=user)),
            "service-account-private-key-file": str(self._account_keys.key),
            "root-ca-file": str(self.authority.certificate),
            "use-service-account-credentials": "true",
            "controllers": CONTROLLERS,
            "leader-elect": "false",
            "bind-address": "127.0.0.1",
            "secure-port": str(port),
            "kube-api-qps": "500",
            "kube-api-burst": "1000",
        }
