"""The pod of a proxy: what it runs, what is mounted into it, and what it is denied."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairlead_operator.fleet import shipper
from fairlead_operator.resources import fleet_names
from fairlead_operator.resources.gateway import ADMIN_PORT
from fairlead_operator.resources.ledger import LedgerSpec
from fairlead_operator.resources.ledger_options import spool_options
from fairlead_proxy.contract.snapshot import SETS, SHARDS_PER_SET

PROXY_PORT_OFFSET = 10_000
CONFIG_DIRECTORY = "/etc/fairlead"
CONTAINER = "proxy"

GRACE_BEYOND_DRAIN_SECONDS = 30
"""What a pod needs beside the drain: new calls are still taken for 8 s, and the end itself takes a moment."""

FILE_GROUP = 65532
"""The group of the mounted files: proxies run as whatever user the image or the cluster names."""

FILE_MODE = 0o440


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What the pod of a proxy depends on, and so what makes a fleet roll.

    `ports`: where it listens, by listener name; `tls`: those that show a certificate. `ledger` None: what it books goes
    nowhere.
    """

    gateway: str
    labels: Mapping[str, str]
    selector: Mapping[str, str]
    service_account: str
    image: str
    image_pull_policy: str
    image_pull_secrets: tuple[str, ...]
    ports: Mapping[str, int]
    tls: frozenset[str]
    resources: Mapping[str, Any]
    drain_seconds: float
    ledger: LedgerSpec | None = None


def pod_template(facts: PodFacts) -> dict[str, Any]:
    """Return the pod template of a fleet. It satisfies the pod security standard `restricted`."""
    spec: dict[str, Any] = {
        "serviceAccountName": facts.service_account,
        # A proxy has no identity in the cluster: its configuration is mounted, it asks for nothing.
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": int(facts.drain_seconds) + GRACE_BEYOND_DRAIN_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "fsGroup": FILE_GROUP,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            _spread("kubernetes.io/hostname", facts.selector),
            _spread("topology.kubernetes.io/zone", facts.selector),
        ],
        "containers": [_container(facts)],
        "volumes": [{"name": "config", "projected": _projected(facts.gateway)}],
    }
    if facts.ledger is not None:
        spec["initContainers"] = [
            shipper.sidecar(facts.ledger, image=facts.image, image_pull_policy=facts.image_pull_policy)
        ]
        spec["volumes"] += shipper.volumes(facts.ledger, file_mode=FILE_MODE)
    if facts.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in facts.image_pull_secrets]
    return {"metadata": {"labels": dict(facts.labels)}, "spec": spec}


def _container(facts: PodFacts) -> dict[str, Any]:
    return {
        "name": CONTAINER,
        "image": facts.image,
        "imagePullPolicy": facts.image_pull_policy,
        "args": _arguments(facts),
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        # Without names: what is a good name for a listener need not be one for a container's port.
        "ports": [{"containerPort": port, "protocol": "TCP"} for port in (*facts.ports.values(), ADMIN_PORT)],
        "resources": dict(facts.resources),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": _mounts(facts),
        # A process that lives is never killed for a configuration that it cannot read: only readiness tells that.
        "startupProbe": _probe("/healthz", period_seconds=1, failure_threshold=60),
        "livenessProbe": _probe("/healthz", period_seconds=10, failure_threshold=3),
        "readinessProbe": _probe("/readyz", period_seconds=2, failure_threshold=2),
    }


def _mounts(facts: PodFacts) -> list[dict[str, Any]]:
    config = {"name": "config", "mountPath": CONFIG_DIRECTORY, "readOnly": True}
    return [config] if facts.ledger is None else [config, shipper.spool_mount()]


def _arguments(facts: PodFacts) -> list[str]:
    listeners = [word for name, port in facts.ports.items() for word in _listening(name, port, facts)]
    spooling = [] if facts.ledger is None else spool_options(facts.ledger, shipper.SPOOL_DIRECTORY)
    return [
        "serve",
        "--config",
        CONFIG_DIRECTORY,
        *listeners,
        "--admin",
        f"0.0.0.0:{ADMIN_PORT}",
        "--name",
        "$(POD_NAME)",
        *spooling,
    ]


def _listening(name: str, port: int, facts: PodFacts) -> tuple[str, str]:
    address = f"0.0.0.0:{port}"
    return ("--listen-tls", f"{name}={address}") if name in facts.tls else ("--listen", address)


def _projected(gateway: str) -> dict[str, Any]:
    # The index and the key ring are demanded: a pod that started without them would serve nothing.
    shards = fleet_names.shard_names(SETS, SHARDS_PER_SET)
    return {
        "defaultMode": FILE_MODE,
        "sources": [
            {"configMap": {"name": fleet_names.index_name(gateway)}},
            {"secret": {"name": fleet_names.keys_name(gateway)}},
            *({"configMap": {"name": fleet_names.shard_name(gateway, shard), "optional": True}} for shard in shards),
        ],
    }


def _probe(path: str, *, period_seconds: int, failure_threshold: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": ADMIN_PORT},
        "periodSeconds": period_seconds,
        "timeoutSeconds": 2,
        "failureThreshold": failure_threshold,
    }


def _spread(topology_key: str, selector: Mapping[str, str]) -> dict[str, Any]:
    return {
        "maxSkew": 1,
        "topologyKey": topology_key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": dict(selector)},
        "matchLabelKeys": ["pod-template-hash"],
    }
