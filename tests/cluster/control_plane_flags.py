"""The flags of etcd, API server and controller manager, for a control plane on loopback as for one on a node."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cluster.pki import Authority

SERVICE_RANGE = "10.96.0.0/16"
POD_RANGE = "10.244.0.0/16"
AUDIT_LOG = "audit.log"
AUDIT_POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- {level: None, users: ["system:apiserver", "system:kube-controller-manager"]}
- {level: None, nonResourceURLs: ["/readyz*", "/livez*", "/api*", "/openapi*", "/version*"]}
- level: Metadata
"""


class Part(StrEnum):
    """The programs of a control plane, in the order in which they start."""

    ETCD = "etcd"
    API_SERVER = "kube-apiserver"
    CONTROLLERS = "kube-controller-manager"


@dataclass(frozen=True, slots=True)
class Sites:
    """Where the programs listen."""

    bind_address: str
    """Where the API server listens."""
    address: str
    """Where others find it."""
    etcd_port: int
    etcd_peer_port: int
    port: int
    controllers_port: int

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return f"https://{self.address}:{self.port}"


def control_plane_flags(directory: Path, sites: Sites, authority: Authority) -> Mapping[Part, dict[str, str]]:
    """Return the flags of each program, after writing the certificates, keys and policies that they name."""
    accounts = authority.service_account_keys()
    certificate = str(authority.certificate)
    names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
    addresses = sorted({"127.0.0.1", sites.address, "10.96.0.1"})
    serving = authority.serve("kube-apiserver", hosts=names, addresses=addresses)
    policy = directory / "audit-policy.yaml"
    policy.write_text(AUDIT_POLICY)
    etcd = f"http://127.0.0.1:{sites.etcd_port}"
    peer = f"http://127.0.0.1:{sites.etcd_peer_port}"
    controllers = authority.kubeconfig("kube-controller-manager", sites.server, user="system:kube-controller-manager")
    return {
        Part.ETCD: {
            "data-dir": str(directory / "etcd"),
            "unsafe-no-fsync": "true",
            "listen-client-urls": etcd,
            "advertise-client-urls": etcd,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}",
        },
        Part.API_SERVER: {
            "etcd-servers": etcd,
            "bind-address": sites.bind_address,
            "advertise-address": sites.address,
            "secure-port": str(sites.port),
            "service-cluster-ip-range": SERVICE_RANGE,
            "client-ca-file": certificate,
            "tls-cert-file": str(serving.certificate),
            "tls-private-key-file": str(serving.key),
            "service-account-key-file": str(accounts.certificate),
            "service-account-signing-key-file": str(accounts.key),
            "service-account-issuer": "https://kubernetes.default.svc",
            "authorization-mode": "Node,RBAC",
            "allow-privileged": "true",
            "anonymous-auth": "false",
            "profiling": "false",
            "audit-policy-file": str(policy),
            "audit-log-path": str(directory / AUDIT_LOG),
            "audit-log-mode": "blocking",
            "audit-log-maxsize": "4096",
        },
        Part.CONTROLLERS: {
            "kubeconfig": str(controllers),
            "service-account-private-key-file": str(accounts.key),
            "root-ca-file": certificate,
            "use-service-account-credentials": "true",
            "leader-elect": "false",
            "bind-address": "127.0.0.1",
            "secure-port": str(sites.controllers_port),
            "kube-api-qps": "500",
            "kube-api-burst": "1000",
        },
    }
