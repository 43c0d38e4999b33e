"""The names and labels of the Kubernetes objects that make up the fleet of one ModelGateway."""

from collections.abc import Iterator

GATEWAY_LABEL = "fairlead.dev/gateway"
"""On every object and pod of a fleet: the name of its ModelGateway, which stands in the same namespace."""

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
OPERATOR_NAME = "fairlead-operator"
"""The value of `app.kubernetes.io/managed-by`, and the field manager of every write."""


def service_name(gateway: str) -> str:
    return gateway


def deployment_name(gateway: str) -> str:
    return f"{gateway}-proxy"


def index_name(gateway: str) -> str:
    """Return the name of the ConfigMap that holds the index of the snapshot in force."""
    return f"{gateway}-config"


def shard_name(gateway: str, shard: str) -> str:
    """Return the name of the ConfigMap of one shard; `shard` is its name in the index, such as `a-0`."""
    return f"{gateway}-config-{shard}"


def keys_name(gateway: str) -> str:
    """Return the name of the Secret that holds the key ring."""
    return f"{gateway}-keys"


def debug_token_name(gateway: str) -> str:
    """Return the name of the Secret that holds what the proxies' `/debug/` is asked with, and no key of anybody."""
    return f"{gateway}-debug-token"


def shard_names(sets: tuple[str, ...], shards_per_set: int) -> Iterator[str]:
    """Yield the names that shards have in an index, in order."""
    for letter in sets:
        for number in range(shards_per_set):
            yield f"{letter}-{number}"


def fleet_labels(gateway: str) -> dict[str, str]:
    """Return the labels of every object of a fleet; nothing is copied from the ModelGateway."""
    return {
        "app.kubernetes.io/name": "fairlead-proxy",
        "app.kubernetes.io/instance": gateway,
        "app.kubernetes.io/component": "proxy",
        "app.kubernetes.io/part-of": "fairlead",
        MANAGED_BY_LABEL: OPERATOR_NAME,
        GATEWAY_LABEL: gateway,
    }


def owner_of(gateway: str, uid: str) -> dict[str, object]:
    """Return the owner reference to the ModelGateway; blocking its deletion would need a right on finalizers."""
    return {
        "apiVersion": "fairlead.dev/v1alpha1",
        "kind": "ModelGateway",
        "name": gateway,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
