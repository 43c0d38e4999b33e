"""An API server of another minor version, alone with its etcd: it admits, refuses and stores, and nothing acts."""

import os
from pathlib import Path

from cluster.binaries import locate
from cluster.control_plane_flags import Part, Sites, control_plane_flags
from cluster.kubectl import Kubectl, KubectlFailed
from cluster.pki import Authority
from cluster.processes import Child, free_ports, wait_until

PROGRAMS = {Part.ETCD: "etcd", Part.API_SERVER: "kube-apiserver-other"}


class OtherApiServer:
    """A context manager; without controllers a namespace has no account but those that a test makes."""

    def __init__(self, directory: Path) -> None:
        """Prepare everything under `directory`; raise BinariesMissing if the programs cannot be had."""
        programs = locate("control-plane", "api-server-other")
        self.authority = Authority(directory / "pki")
        sites = Sites("127.0.0.1", "127.0.0.1", *free_ports(4))
        self.server = sites.server
        kubeconfig = self.authority.kubeconfig("admin", self.server, user="admin", groups=["system:masters"])
        self.kubectl = Kubectl(programs["kubectl"], kubeconfig)
        flags = control_plane_flags(directory, sites, self.authority)
        flags[Part.API_SERVER]["endpoint-reconciler-type"] = "none"
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(directory)}
        self._parts = [
            Child(
                part,
                [str(programs[program]), *(f"--{name}={value}" for name, value in flags[part].items())],
                directory / f"{part}.log",
                environment,
            )
            for part, program in PROGRAMS.items()
        ]

    def __enter__(self) -> "OtherApiServer":
        try:
            for part in self._parts:
                part.start()
            wait_until(self._is_ready, what="the other API server is ready", seconds=120)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for part in reversed(self._parts):
            part.stop()

    def _is_ready(self) -> bool:
        """Say whether it answers that it is; raise ChildFailed as soon as a process has died."""
        for part in self._parts:
            assert part.pid
        try:
            return self.kubectl("get", "--raw", "/readyz", timeout_seconds=5.0) == "ok"
        except KubectlFailed:
            return False
