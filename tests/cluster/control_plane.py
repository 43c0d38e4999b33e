"""A real Kubernetes control plane on loopback: etcd, API server and controller manager, as children of the tests."""

import os
import signal
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from cluster.binaries import locate
from cluster.control_plane_flags import AUDIT_LOG, Part, Sites, control_plane_flags
from cluster.kubectl import Kubectl
from cluster.pki import Authority, kubeconfig_of
from cluster.processes import Child, ChildFailed, free_ports, wait_until

# The controllers of endpoints are left out: they would retry for ever, because the API server refuses loopback
# addresses in EndpointSlices, and pods of the mini-kubelet have no others. `service_proxy.py` does their work.
CONTROLLERS = "*,-endpoints-controller,-endpointslice-controller,-endpointslice-mirroring-controller"


class ControlPlane:
    """Etcd, API server and controller manager, each its own process that tests can freeze, kill and start again."""

    def __init__(self, directory: Path) -> None:
        """Prepare everything under `directory`; raise BinariesMissing if the programs cannot be had."""
        self.directory = directory
        self._programs = locate("control-plane")
        self._logs = directory / "logs"
        self._logs.mkdir(parents=True)
        self.audit_log = directory / AUDIT_LOG
        self.authority = Authority(directory / "pki")
        sites = Sites("127.0.0.1", "127.0.0.1", *free_ports(4))
        self.server = sites.server
        self.admin_kubeconfig = self.kubeconfig("admin", user="admin", groups=["system:masters"])
        self.kubectl = Kubectl(self._programs["kubectl"], self.admin_kubeconfig)
        flags = dict(control_plane_flags(directory, sites, self.authority))
        flags[Part.API_SERVER] |= {"endpoint-reconciler-type": "none"}
        flags[Part.CONTROLLERS] |= {"controllers": CONTROLLERS}
        self._parts = {part: self._child(part, flags[part]) for part in Part}

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
