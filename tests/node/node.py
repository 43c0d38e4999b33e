"""A cluster of one real node on this machine, in namespaces of its own: kubelet, containerd, scheduler, proxy, DNS.

Needs root and Linux. The host reaches pods and Services through one pair of virtual interfaces; nothing else leaves the
node, which has no default route. Ending one process ends all of it.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from cluster.binaries import locate
from cluster.control_plane_flags import AUDIT_LOG, POD_RANGE, SERVICE_RANGE, Part, Sites, control_plane_flags
from cluster.kubectl import Kubectl, KubectlFailed
from cluster.pki import Authority
from cluster.processes import Child, wait_until
from node.images import build_images
from node.node_files import NODE_PODS, containerd_socket, write_containerd, write_kube_proxy, write_kubelet

NAME = "node1"
HOST_ADDRESS = "10.250.0.1"
NODE_ADDRESS = "10.250.0.2"
CONTROL_GROUP = "fairlead-node"
_LINKS = "flnode"
_DIRECTORIES = "fairlead-node-"
_LOCK = "/run/fairlead-node.lock"
_TOOLS = ("containerd", "runc", "ctr", "ip", "iptables", "nft", "conntrack", "unshare", "nsenter", "setpriv", "mount")
_HERE = Path(__file__).parent


class NodeImpossible(Exception):
    """There can be no node on this machine; the text says what is missing."""


class Node(Protocol):
    """A cluster whose pods run in containers, as the tests see it."""

    kubectl: Kubectl
    audit_log: Path
    host_address: str
    """Where pods reach a server of the tests."""

    def load(self, archive: Path) -> None:
        """Make an image of an archive available to pods."""

    def reach(self, namespace: str, service: str) -> str:
        """Return `host:port` at which the tests reach the first port of a Service."""

    def send(self, number: signal.Signals, program: str) -> None:
        """Send a program of the cluster, such as `kube-apiserver` or `kubelet`, a signal."""

    def running(self) -> set[str]:
        """Return the ids of the containers that run at this moment, whatever the API server says of their pods."""

    def stop(self) -> None:
        """End all of it and leave nothing behind."""


class RealNode:
    """A node made of the real programs, started by us; see the module."""

    host_address = HOST_ADDRESS

    def __init__(self) -> None:
        """Prepare everything; raise NodeImpossible or BinariesMissing."""
        _require()
        # The addresses are the same for every node, so a machine has one at a time. The lock goes with this process.
        self._lock = os.open(_LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        _sweep()
        # A short path: containerd's socket has to fit into 107 bytes.
        self.directory = Path(tempfile.mkdtemp(prefix=_DIRECTORIES))
        self.audit_log = self.directory / AUDIT_LOG
        (self.directory / "logs").mkdir()
        self._programs = locate("control-plane", "node")
        self._authority = Authority(self.directory / "pki")
        self._sites = Sites("0.0.0.0", NODE_ADDRESS, 2379, 2380, 6443, 10257)
        admin = self._kubeconfig("admin", "admin", "system:masters")
        self.kubectl = Kubectl(self._programs["kubectl"], admin)
        plan = self.directory / "plan.json"
        plan.write_text(json.dumps(self._plan()))
        namespaces = ["--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--mount-proc", "--kill-child=KILL"]
        command = ["unshare", *namespaces, sys.executable, str(_HERE / "node_init.py"), str(plan)]
        self._child = Child("node", command, self.directory / "logs" / "init.log", os.environ)
        self._init_pid = 0

    def start(self) -> None:
        """Start it, import the images, and return once the node and its DNS are ready."""
        try:
            self._child.start()
            self._init_pid = wait_until(self._find_init, what="the node has its own namespaces")
            self._connect()
            wait_until(containerd_socket(self.directory).exists, what="containerd listens")
            for archive in build_images(self._programs, self.directory / "images"):
                self.load(archive)
            wait_until(self._api_server_is_ready, what="the API server is ready", seconds=120)
            (self.directory / "kubelet-may-start").touch()
            self.kubectl("apply", "-f", str(_HERE / "coredns.yaml"))
            wait_until(self._is_registered, what="the kubelet has registered its node", seconds=60)
            self.kubectl("wait", "--for=condition=Ready", f"node/{NAME}", "--timeout=120s", timeout_seconds=130)
            rollout = ["rollout", "status", "deployment/coredns", "-n", "kube-system", "--timeout=120s"]
            self.kubectl(*rollout, timeout_seconds=130)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all of it and leave nothing behind."""
        self._child.kill()
        if self._init_pid:
            gone = Path("/proc", str(self._init_pid))
            wait_until(lambda: not gone.exists(), what="the node's first process has ended")
        _sweep()
        os.close(self._lock)

    def load(self, archive: Path) -> None:
        """Make an image of an archive available to pods."""
        self.run("ctr", *self._containers(), "images", "import", str(archive))

    def run(self, *command: str) -> str:
        """Run a command on the node and return what it prints."""
        return _run("nsenter", "--target", str(self._init_pid), "--net", "--mount", "--pid", "--uts", "--ipc", *command)

    def reach(self, namespace: str, service: str) -> str:
        """Return `host:port` at which the tests reach the first port of a Service."""
        spec = self.kubectl.read("get", "service", service, "-n", namespace)["spec"]
        return f"{spec['clusterIP']}:{spec['ports'][0]['port']}"

    def send(self, number: signal.Signals, program: str) -> None:
        """Send a program of the node a signal."""
        os.kill(self.pid_of(program), number)

    def running(self) -> set[str]:
        """Return the ids of the containers that run at this moment."""
        return running_tasks(self.run("ctr", *self._containers(), "tasks", "list"))

    def pid_of(self, program: str) -> int:
        """Return the process id, on the host, of a program that the node's first process started."""
        for child in _children(self._init_pid):
            # The kernel keeps fifteen characters of a name.
            if Path("/proc", str(child), "comm").read_text().strip() == program[:15]:
                return child
        raise LookupError(f"no {program} runs on the node\n{self.log(program)}")

    def log(self, program: str) -> str:
        """Return the end of a program's log."""
        path = self.directory / "logs" / f"{program}.log"
        return path.read_text(errors="replace")[-5000:] if path.exists() else ""

    def _plan(self) -> Mapping[str, object]:
        directory = self.directory
        flags = dict(control_plane_flags(directory, self._sites, self._authority))
        kubelet_client = self._authority.identify("kubelet-client", user="kubelet-client", groups=["system:masters"])
        flags[Part.API_SERVER] |= {
            "enable-admission-plugins": "NodeRestriction",
            "kubelet-client-certificate": str(kubelet_client.certificate),
            "kubelet-client-key": str(kubelet_client.key),
            "kubelet-certificate-authority": str(self._authority.certificate),
            "kubelet-preferred-address-types": "InternalIP",
        }
        flags[Part.CONTROLLERS] |= {
            "service-cluster-ip-range": SERVICE_RANGE,
            "cluster-cidr": POD_RANGE,
            "allocate-node-cidrs": "false",
        }
        programs = [self._program(part, flags[part]) for part in Part]
        programs.append({"name": "containerd", "after": "", "command": self._containerd()})
        scheduler = self._kubeconfig("kube-scheduler", "system:kube-scheduler")
        unelected = {"leader-elect": "false", "bind-address": "127.0.0.1"}
        programs.append(self._program("kube-scheduler", {"kubeconfig": str(scheduler), **unelected}))
        proxy = write_kube_proxy(directory, self._kubeconfig("kube-proxy", "system:kube-proxy"), NAME)
        programs.append(self._program("kube-proxy", {"config": str(proxy)}))
        programs.append(self._program("kubelet", self._kubelet_flags(), after="kubelet-may-start"))
        return {
            "name": NAME,
            "directory": str(directory),
            "address": f"{NODE_ADDRESS}/30",
            "services": SERVICE_RANGE,
            "control_group": CONTROL_GROUP,
            "programs": programs,
        }

    def _kubelet_flags(self) -> dict[str, str]:
        serving = self._authority.serve("kubelet", hosts=[NAME], addresses=[NODE_ADDRESS])
        config = write_kubelet(self.directory, self._authority.certificate, serving, CONTROL_GROUP)
        return {
            "config": str(config),
            "kubeconfig": str(self._kubeconfig("kubelet-node", f"system:node:{NAME}", "system:nodes")),
            "root-dir": str(self.directory / "kubelet"),
            "cert-dir": str(self.directory / "kubelet" / "pki"),
            "hostname-override": NAME,
            "node-ip": NODE_ADDRESS,
        }

    def _containers(self) -> list[str]:
        return ["--address", str(containerd_socket(self.directory)), "--namespace", "k8s.io"]

    def _containerd(self) -> list[str]:
        return [str(shutil.which("containerd")), "--config", str(write_containerd(self.directory))]

    def _program(self, name: str, flags: Mapping[str, str], *, after: str = "") -> dict[str, object]:
        command = [str(self._programs[name]), *(f"--{flag}={value}" for flag, value in flags.items())]
        return {"name": name, "after": str(self.directory / after) if after else "", "command": command}

    def _kubeconfig(self, name: str, user: str, *groups: str) -> Path:
        return self._authority.kubeconfig(name, self._sites.server, user=user, groups=groups)

    def _find_init(self) -> int:
        """Return the id of the node's first process once it is in a network of its own, else 0."""
        own = os.readlink("/proc/self/ns/net")
        for child in _children(self._child.pid):
            if os.readlink(f"/proc/{child}/ns/net") != own:
                return child
        return 0

    def _connect(self) -> None:
        link = f"{_LINKS}{self.directory.name[-8:]}"
        # Should the node be gone, no packet for its ranges may take the machine's default route.
        for network in (POD_RANGE, SERVICE_RANGE):
            _run("ip", "route", "replace", "blackhole", network, "metric", "9000")
        _run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", str(self._init_pid))
        _run("ip", "address", "add", f"{HOST_ADDRESS}/30", "dev", link)
        _run("ip", "link", "set", link, "up")
        wait_until((self.directory / "booted").exists, what="the node has booted")
        for network in (NODE_PODS, SERVICE_RANGE):
            _run("ip", "route", "replace", network, "via", NODE_ADDRESS)

    def _api_server_is_ready(self) -> bool:
        try:
            return self.kubectl("get", "--raw", "/readyz") == "ok"
        except (KubectlFailed, subprocess.TimeoutExpired):
            return False

    def _is_registered(self) -> bool:
        return bool(self.kubectl("get", "node", NAME, "--ignore-not-found", "-o", "name"))


def running_tasks(listed: str) -> set[str]:
    """Return the ids of what runs from what `ctr tasks list` prints: id, process and state, under a heading."""
    tasks = (line.split() for line in listed.splitlines())
    return {task[0] for task in tasks if task and task[-1] == "RUNNING"}


def _require() -> None:
    """Raise NodeImpossible if a node cannot be on this machine."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise NodeImpossible(
            "a node needs Linux and root; elsewhere set FAIRLEAD_NODE=kind, which needs Docker and kind"
        )
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if not Path("/usr/lib/cni/bridge").exists():
        missing.append("/usr/lib/cni/bridge")
    if missing:
        packages = "containerd runc containernetworking-plugins iptables nftables conntrack iproute2 util-linux mount"
        raise NodeImpossible(f"{', '.join(missing)} not found; on Debian: apt-get install {packages}")


def _sweep() -> None:
    """Take away what a node leaves on the host once its processes are gone, also one whose tests were killed."""
    for line in _run("ip", "-brief", "link", "show", "type", "veth").splitlines():
        name = line.split("@")[0].split()[0]
        if name.startswith(_LINKS):
            _run("ip", "link", "delete", name, check=False)
    for network in (POD_RANGE, SERVICE_RANGE):
        _run("ip", "route", "delete", "blackhole", network, "metric", "9000", check=False)
    wait_until(_remove_control_groups, what="the pods' control groups are gone")
    for directory in Path(tempfile.gettempdir()).glob(f"{_DIRECTORIES}*"):
        shutil.rmtree(directory, ignore_errors=True)


def _children(pid: int) -> Sequence[int]:
    listed = Path("/proc", str(pid), "task", str(pid), "children")
    return [int(child) for child in listed.read_text().split()] if listed.exists() else []


def _remove_control_groups() -> bool:
    """Remove what the kubelet made there, deepest first; return whether nothing is left."""
    hierarchies = [Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").iterdir()]
    left = [path / CONTROL_GROUP for path in hierarchies if (path / CONTROL_GROUP).exists()]
    for root in left:
        for group, _, _ in os.walk(root, topdown=False):
            try:
                os.rmdir(group)
            except OSError:
                # Processes of the node may still be on their way out.
                return False
    return True


def _run(*command: str, check: bool = True) -> str:
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and finished.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {finished.stderr or finished.stdout}")
    return finished.stdout
