"""The configuration files of containerd, CNI, kubelet and kube-proxy on a test node."""

import json
from pathlib import Path

import yaml
from cluster.control_plane_flags import POD_RANGE
from cluster.pki import Certificate

NODE_PODS = "10.244.0.0/24"
PAUSE_IMAGE = "localhost/pause:dev"
DNS_ADDRESS = "10.96.0.10"
SYNC_FREQUENCY = "60s"
"""The kubelet's default, said aloud: with less, a proxy that is not nudged would seem to work."""


def containerd_socket(directory: Path) -> Path:
    """Return where containerd listens."""
    return directory / "containerd" / "containerd.sock"


def write_containerd(directory: Path) -> Path:
    """Write containerd's configuration and that of the pods' network."""
    network = directory / "cni" / "10-bridge.conflist"
    network.parent.mkdir()
    addresses = {"type": "host-local", "ranges": [[{"subnet": NODE_PODS}]], "routes": [{"dst": "0.0.0.0/0"}]}
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True, "ipam": addresses}
    plugins = [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}]
    network.write_text(json.dumps({"cniVersion": "1.0.0", "name": "pods", "plugins": plugins}))
    path = directory / "containerd" / "config.toml"
    path.parent.mkdir()
    # restrict_oom_score_adj: a root without CAP_SYS_RESOURCE may not lower a score, and every sandbox would fail.
    path.write_text(
        f"""version = 2
root = "{path.parent}/root"
state = "{path.parent}/state"
[grpc]
  address = "{containerd_socket(directory)}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{network.parent}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
"""
    )
    return path


def write_kubelet(directory: Path, authority: Path, serving: Certificate, control_group: str) -> Path:
    """Write the kubelet's configuration."""
    path = directory / "kubelet.yaml"
    configuration = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "failSwapOn": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{control_group}",
        "oomScoreAdj": 0,
        "containerRuntimeEndpoint": f"unix://{containerd_socket(directory)}",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(authority)},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(serving.certificate),
        "tlsPrivateKeyFile": str(serving.key),
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": "cluster.local",
        "resolvConf": "",
        "syncFrequency": SYNC_FREQUENCY,
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
    }
    path.write_text(yaml.safe_dump(configuration))
    return path


def write_kube_proxy(directory: Path, kubeconfig: Path, node: str) -> Path:
    """Write kube-proxy's configuration; the settings of connection tracking are the machine's and stay as they are."""
    path = directory / "kube-proxy.yaml"
    untouched = {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}
    configuration = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "mode": "nftables",
        "hostnameOverride": node,
        "clusterCIDR": POD_RANGE,
        "oomScoreAdj": 0,
        "conntrack": untouched,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
    }
    path.write_text(yaml.safe_dump(configuration))
    return path
