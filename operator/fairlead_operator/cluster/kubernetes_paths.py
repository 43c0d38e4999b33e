"""Where the kinds that we read and write stand in the API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairlead_operator.resources.meta import API_VERSION, Kind


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind as the API server serves it; all of ours and of theirs but Namespace live in a namespace."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """Return the path of one object, of a namespace's, or of all."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        inside = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{inside}/{self.plural}" + (f"/{name}" if name else "")


NAMESPACE = Resource("v1", "Namespace", "namespaces", namespaced=False)
SECRET = Resource("v1", "Secret", "secrets")
CONFIG_MAP = Resource("v1", "ConfigMap", "configmaps")
POD = Resource("v1", "Pod", "pods")
SERVICE = Resource("v1", "Service", "services")
SERVICE_ACCOUNT = Resource("v1", "ServiceAccount", "serviceaccounts")
DEPLOYMENT = Resource("apps/v1", "Deployment", "deployments")
NETWORK_POLICY = Resource("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
DISRUPTION_BUDGET = Resource("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
ROLE_BINDING = Resource("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings")
EVENT = Resource("events.k8s.io/v1", "Event", "events")
LEASE = Resource("coordination.k8s.io/v1", "Lease", "leases")

OURS: dict[Kind, Resource] = {
    Kind.MODEL_PROVIDER: Resource(API_VERSION, "ModelProvider", "modelproviders"),
    Kind.ROUTE_POLICY: Resource(API_VERSION, "RoutePolicy", "routepolicies"),
    Kind.MODEL_GATEWAY: Resource(API_VERSION, "ModelGateway", "modelgateways"),
}

FLEET_KINDS: tuple[Resource, ...] = (
    DEPLOYMENT,
    SERVICE,
    DISRUPTION_BUDGET,
    NETWORK_POLICY,
    SERVICE_ACCOUNT,
    CONFIG_MAP,
    SECRET,
)
"""Every kind of object that a fleet is made of, in the order in which a fleet is taken away."""

_BY_KIND = {(each.api_version, each.kind): each for each in (*FLEET_KINDS, POD)}


def resource_of(manifest: Mapping[str, Any]) -> Resource:
    """Return where this object stands in the API; raise KeyError for a kind that no fleet is made of."""
    return _BY_KIND[manifest["apiVersion"], manifest["kind"]]


def path_of(manifest: Mapping[str, Any]) -> str:
    metadata = manifest["metadata"]
    return resource_of(manifest).path(metadata["namespace"], metadata["name"])
