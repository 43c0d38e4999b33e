"""The pods of a fleet as proxies: which there are, where they are reached, and whether they may get calls."""

from collections.abc import Iterable
from dataclasses import dataclass

from fairlead_operator.cluster.kubernetes_objects import Content
from fairlead_operator.resources.fleet_names import GATEWAY_LABEL

_ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class ProxyPod:
    """`address` is the pod's IP, empty before it has one. `ready` as the kubelet sees it."""

    name: str
    uid: str
    address: str
    ready: bool

    @property
    def host(self) -> str:
        """The address as it stands in a URL."""
        return f"[{self.address}]" if ":" in self.address else self.address


def pods_of(gateway: str, pods: Iterable[Content]) -> list[ProxyPod]:
    """Return the pods of one gateway's fleet, by name; those that end, or have ended, are no longer proxies."""
    found = [
        ProxyPod(
            pod["metadata"]["name"],
            pod["metadata"]["uid"],
            (pod.get("status") or {}).get("podIP", ""),
            _ready(pod),
        )
        for pod in pods
        if (pod["metadata"].get("labels") or {}).get(GATEWAY_LABEL) == gateway and _stays(pod)
    ]
    return sorted(found, key=lambda pod: pod.name)


def _stays(pod: Content) -> bool:
    return "deletionTimestamp" not in pod["metadata"] and (pod.get("status") or {}).get("phase") not in _ENDED


def _ready(pod: Content) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
