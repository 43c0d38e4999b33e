"""The sidecar in a proxy's pod that carries what the proxy has spooled into the stores, and what both mount for it."""

from collections.abc import Mapping
from typing import Any

from fairlead_operator.resources.ledger import LedgerSpec
from fairlead_operator.resources.ledger_options import ship_options

CONTAINER = "ledger"
SPOOL_VOLUME, SPOOL_DIRECTORY = "spool", "/var/spool/fairlead"
POSTGRES_VOLUME, POSTGRES_DIRECTORY = "postgres", "/etc/fairlead-postgres"
POSTGRES_FILE = "url"

SLACK_MIB = 64
"""Beyond the spool's limit, which leaves out what is being written: a pod that exceeds its volume's size is evicted."""

RESOURCES: Mapping[str, Any] = {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}}
"""A container that ends makes its pod unready until it runs again, this one too: its memory is not cut close."""


def sidecar(ledger: LedgerSpec, *, image: str, image_pull_policy: str) -> dict[str, Any]:
    """Return the container. An init container that is always restarted starts before the proxy and ends after it.

    So what the proxy books while it drains is shipped too. It has no probe: whether a store answers must make no pod
    unready, and none restarted.
    Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
    """
    mounts = [spool_mount()]
    if ledger.postgres is not None:
        mounts.append({"name": POSTGRES_VOLUME, "mountPath": POSTGRES_DIRECTORY, "readOnly": True})
    address = f"{POSTGRES_DIRECTORY}/{POSTGRES_FILE}"
    options = ship_options(ledger, SPOOL_DIRECTORY, postgres_file=address, json_lines="-")
    return {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": image_pull_policy,
        "restartPolicy": "Always",
        "command": ["fairlead-ledger", "ship", *options],
        "resources": dict(RESOURCES),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }


def spool_mount() -> dict[str, Any]:
    return {"name": SPOOL_VOLUME, "mountPath": SPOOL_DIRECTORY}


def volumes(ledger: LedgerSpec, *, file_mode: int) -> list[dict[str, Any]]:
    """Return the volumes: the spool, and the database's address.

    The kubelet mounts that straight from the Secret: no object of ours holds a copy. It is optional, for a Secret that
    is missing must keep no proxy from serving; the ModelGateway's ResolvedRefs says that it is missing.
    """
    found: list[dict[str, Any]] = [
        {"name": SPOOL_VOLUME, "emptyDir": {"sizeLimit": f"{ledger.spool.size_mib + SLACK_MIB}Mi"}}
    ]
    if ledger.postgres is not None:
        secret = ledger.postgres.secret_ref
        items = [{"key": secret.key, "path": POSTGRES_FILE}]
        source = {"secretName": secret.name, "items": items, "optional": True, "defaultMode": file_mode}
        found.append({"name": POSTGRES_VOLUME, "secret": source})
    return found
