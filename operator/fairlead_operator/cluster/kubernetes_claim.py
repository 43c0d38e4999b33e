"""Whether an object of a fleet's name is the fleet's: what a user made is never taken over or deleted."""

from fairlead_operator.cluster.api import Manifest
from fairlead_operator.cluster.kubernetes_api import KubernetesApi
from fairlead_operator.cluster.kubernetes_errors import NotFound, Refused
from fairlead_operator.cluster.kubernetes_objects import Content, key_of
from fairlead_operator.cluster.kubernetes_paths import path_of
from fairlead_operator.resources.fleet_names import GATEWAY_LABEL, MANAGED_BY_LABEL, OPERATOR_NAME


async def claim(api: KubernetesApi, manifest: Manifest) -> Content | None:
    """Return the object that is there, None where there is none; raise Refused where it is not of this fleet."""
    try:
        live = await api.get(path_of(manifest))
    except NotFound:
        return None
    if not is_of_fleet(live, manifest["metadata"]["labels"][GATEWAY_LABEL]):
        raise Refused(
            f"{manifest['kind']} {key_of(manifest)} exists and is not of this gateway's fleet: "
            "rename the ModelGateway, or remove that object"
        )
    return live


def is_of_fleet(live: Content, gateway: str) -> bool:
    """Return whether an object carries the labels that every object of this gateway's fleet is made with."""
    labels = live["metadata"].get("labels") or {}
    return labels.get(MANAGED_BY_LABEL) == OPERATOR_NAME and labels.get(GATEWAY_LABEL) == gateway
