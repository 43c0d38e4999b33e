"""The same tests on kind (Kubernetes in Docker), for machines with Docker; chosen by FAIRLEAD_NODE=kind."""

import json
import shutil
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path

import yaml
from cluster.control_plane_flags import AUDIT_LOG, AUDIT_POLICY
from cluster.kubectl import Kubectl
from node.images import build_own_images
from node.node import NodeImpossible, running_tasks
from node.node_files import SYNC_FREQUENCY

_CONFIGURATION = "/etc/fairlead-tests"


class KindNode:
    """A kind cluster of one node, which is deleted at the end."""

    def __init__(self) -> None:
        """Check that there is Docker and kind; raise NodeImpossible."""
        missing = [tool for tool in ("docker", "kind", "kubectl") if shutil.which(tool) is None]
        if missing:
            raise NodeImpossible(f"FAIRLEAD_NODE=kind, but {', '.join(missing)} not found")
        if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode != 0:
            raise NodeImpossible("FAIRLEAD_NODE=kind, but `docker info` fails: is the daemon running?")
        self._name = f"fairlead-{uuid.uuid4().hex[:6]}"
        self.directory = Path(tempfile.mkdtemp(prefix="fairlead-kind-"))
        (self.directory / "audit").mkdir()
        self.audit_log = self.directory / "audit" / AUDIT_LOG
        self.kubectl = Kubectl(Path(str(shutil.which("kubectl"))), self.directory / "kubeconfig")
        self.host_address = ""

    def start(self) -> None:
        """Create the cluster and load our images."""
        (self.directory / "audit-policy.yaml").write_text(AUDIT_POLICY)
        configuration = self.directory / "kind.yaml"
        configuration.write_text(yaml.safe_dump(self._configuration()))
        try:
            files = ["--config", str(configuration), "--kubeconfig", str(self.kubectl.kubeconfig)]
            _run("kind", "create", "cluster", "--name", self._name, "--wait", "180s", *files)
            network = json.loads(_run("docker", "network", "inspect", "kind"))[0]["IPAM"]["Config"]
            self.host_address = next(each["Gateway"] for each in network if "." in each.get("Gateway", ""))
            for archive in build_own_images(self.directory / "images"):
                self.load(archive)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Delete the cluster and its files."""
        subprocess.run(["kind", "delete", "cluster", "--name", self._name], capture_output=True, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    def load(self, archive: Path) -> None:
        """Make an image of an archive available to pods."""
        _run("kind", "load", "image-archive", str(archive), "--name", self._name)

    def reach(self, namespace: str, service: str) -> str:
        """Return `host:port` at which the tests reach the first port of a Service: a port of the node."""
        spec = self.kubectl.read("get", "service", service, "-n", namespace)["spec"]
        name = f"{service}-from-tests"
        ports = [{"port": spec["ports"][0]["port"], "targetPort": spec["ports"][0].get("targetPort")}]
        metadata = {"name": name, "namespace": namespace}
        outside = {"type": "NodePort", "selector": spec["selector"], "ports": ports}
        self.kubectl.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": outside})
        port = self.kubectl.read("get", "service", name, "-n", namespace)["spec"]["ports"][0]["nodePort"]
        return f"{self._node_address()}:{port}"

    def send(self, number: signal.Signals, program: str) -> None:
        """Send a program of the node a signal."""
        _run("docker", "exec", self._container(), "pkill", f"-{number.value}", "-x", program[:15])

    def running(self) -> set[str]:
        """Return the ids of the containers that run at this moment."""
        return running_tasks(_run("docker", "exec", self._container(), "ctr", "--namespace", "k8s.io", "tasks", "list"))

    def _configuration(self) -> dict[str, object]:
        audit = {
            "audit-policy-file": f"{_CONFIGURATION}/audit-policy.yaml",
            "audit-log-path": f"{_CONFIGURATION}/audit/{AUDIT_LOG}",
        }
        volume = {
            "name": "audit",
            "hostPath": _CONFIGURATION,
            "mountPath": _CONFIGURATION,
            "readOnly": False,
            "pathType": "Directory",
        }
        cluster = {"kind": "ClusterConfiguration", "apiServer": {"extraArgs": audit, "extraVolumes": [volume]}}
        kubelet = {"kind": "KubeletConfiguration", "syncFrequency": SYNC_FREQUENCY}
        machine = {
            "role": "control-plane",
            "extraMounts": [{"hostPath": str(self.directory), "containerPath": _CONFIGURATION}],
            "kubeadmConfigPatches": [yaml.safe_dump(cluster), yaml.safe_dump(kubelet)],
        }
        return {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": [machine]}

    def _container(self) -> str:
        return f"{self._name}-control-plane"

    def _node_address(self) -> str:
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return _run("docker", "inspect", "-f", form, self._container()).strip()


def _run(*command: str) -> str:
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {finished.stderr or finished.stdout}")
    return finished.stdout
