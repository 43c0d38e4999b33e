"""The pods of a fleet as proxies: which there are, where they are reached, and whether they may get calls."""

from collections.abc import Iterable
from dataclasses import dataclass

from fairlead_operator.cluster.kubernetes_objects import Content, is_going
from fairlead_operator.resources.fleet_names import GATEWAY_LABEL

_ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class ProxyPod:
    """`address` is the pod's IP, empty before it has one. `ready` as the kubelet sees it.

    `going`: somebody has deleted the pod. It is no proxy to count on, but may still answer.
    """

    name: str
    uid: str
    address: str
    ready: bool
    going: bool = False

    @property
    def host(self) -> str:
        """The address as it stands in a URL."""
        return f"[{self.address}]" if ":" in self.address else self.address


def pods_of(gateway: str, pods: Iterable[Content]) -> list[ProxyPod]:
    """Return the pods of one gateway's fleet, by name; those that end, or have ended, are no longer proxies."""
    return [pod for pod in all_pods_of(gateway, pods) if not pod.going]


def all_pods_of(gateway: str, pods: Iterable[Content]) -> list[ProxyPod]:
    """Return, beside them, those that end but have not ended yet."""
    found = [
        ProxyPod(
            pod["metadata"]["name"],
            pod["metadata"]["uid"],
            (pod.get("status") or {}).get("podIP", ""),
            _ready(pod),
            is_going(pod),
        )
        for pod in pods
        if (pod["metadata"].get("labels") or {}).get(GATEWAY_LABEL) == gateway
        and (pod.get("status") or {}).get("phase") not in _ENDED
    ]
    return sorted(found, key=lambda pod: pod.name)


def _ready(pod: Content) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
