"""The Kubernetes objects that run one gateway's proxies, in the order in which they are applied."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fairlead_operator.fleet.pods import PROXY_PORT_OFFSET, PodFacts, pod_template
from fairlead_operator.resources import fleet_names
from fairlead_operator.resources.gateway import ADMIN_PORT, ModelGatewaySpec
from fairlead_operator.resources.ledger import LedgerSpec
from fairlead_operator.resources.meta import NAMESPACE_NAME_LABEL, duration_seconds

Manifest = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FleetSpec:
    """What a fleet is rendered from. `id` is `namespace/name` of the ModelGateway, `uid` its uid.

    `replicas`: how many proxies shall run now (see scaling.py).
    """

    id: str
    uid: str
    spec: ModelGatewaySpec
    replicas: int

    @property
    def namespace(self) -> str:
        return self.id.partition("/")[0]

    @property
    def name(self) -> str:
        return self.id.partition("/")[2]


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """What all fleets of one operator share.

    `operator_namespace` and `operator_labels` say which pods may reach the proxies' admin port; gateways may name more.
    `resources` are a container's requests and limits, `node_selector` and `tolerations` as in a pod.
    """

    image: str
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    operator_namespace: str = "fairlead-system"
    operator_labels: Mapping[str, str] = field(
        default_factory=lambda: {
            "app.kubernetes.io/name": "fairlead",
            "app.kubernetes.io/component": "operator",
        }
    )
    resources: Mapping[str, Any] = field(
        default_factory=lambda: {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"memory": "1Gi"},
        }
    )


def render_fleet(fleet: FleetSpec, settings: FleetSettings) -> tuple[Manifest, ...]:
    """Return ServiceAccount, NetworkPolicy, PodDisruptionBudget, Service and Deployment of a fleet.

    Configuration is no part of it: it is published before, so that a pod finds it when it starts.
    """
    ports = container_ports(fleet.spec)
    return (
        _service_account(fleet),
        _network_policy(fleet, settings, ports),
        _disruption_budget(fleet),
        _service(fleet, ports),
        _deployment(fleet, settings, ports),
    )


def container_ports(spec: ModelGatewaySpec) -> dict[str, int]:
    """Return the port that a proxy listens on, by listener name.

    A port below 1024 needs a privilege that proxies do not have: the Service maps it to a free one above.
    """
    taken = {listener.port for listener in spec.listeners} | {ADMIN_PORT}
    ports: dict[str, int] = {}
    for listener in spec.listeners:
        port = listener.port
        if port < 1024:
            port += PROXY_PORT_OFFSET
            while port in taken:
                port += 1
            taken.add(port)
        ports[listener.name] = port
    return ports


def selector_of(gateway: str) -> dict[str, str]:
    """Return the labels that select the pods of a fleet; they never change, for a Deployment's selector cannot."""
    return {"app.kubernetes.io/name": "fairlead-proxy", fleet_names.GATEWAY_LABEL: gateway}


def _object(fleet: FleetSpec, api_version: str, kind: str, name: str, **content: Any) -> Manifest:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": fleet.namespace,
            "labels": fleet_names.fleet_labels(fleet.name),
            "ownerReferences": [fleet_names.owner_of(fleet.name, fleet.uid)],
        },
        **content,
    }


def _service_account(fleet: FleetSpec) -> Manifest:
    name = fleet_names.deployment_name(fleet.name)
    return _object(fleet, "v1", "ServiceAccount", name, automountServiceAccountToken=False)


def _network_policy(fleet: FleetSpec, settings: FleetSettings, ports: Mapping[str, int]) -> Manifest:
    operator = {
        "namespaceSelector": {"matchLabels": {NAMESPACE_NAME_LABEL: settings.operator_namespace}},
        "podSelector": {"matchLabels": dict(settings.operator_labels)},
    }
    named = [
        peer.model_dump(mode="json", by_alias=True, exclude_defaults=True) for peer in fleet.spec.telemetry.scrape_from
    ]
    applications = [{"port": port, "protocol": "TCP"} for port in ports.values()]
    return _object(
        fleet,
        "networking.k8s.io/v1",
        "NetworkPolicy",
        fleet_names.deployment_name(fleet.name),
        spec={
            "podSelector": {"matchLabels": selector_of(fleet.name)},
            "policyTypes": ["Ingress"],
            "ingress": [
                {"ports": applications},
                {"from": [operator, *named], "ports": [{"port": ADMIN_PORT, "protocol": "TCP"}]},
            ],
        },
    )


def _disruption_budget(fleet: FleetSpec) -> Manifest:
    return _object(
        fleet,
        "policy/v1",
        "PodDisruptionBudget",
        fleet_names.deployment_name(fleet.name),
        spec={
            # minAvailable would block the drain of a node for ever where one proxy is all there is.
            "maxUnavailable": 1,
            "selector": {"matchLabels": selector_of(fleet.name)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    )


def _service(fleet: FleetSpec, ports: Mapping[str, int]) -> Manifest:
    listeners = [
        {"name": each.name, "port": each.port, "targetPort": ports[each.name], "protocol": "TCP"}
        for each in fleet.spec.listeners
    ]
    return _object(
        fleet,
        "v1",
        "Service",
        fleet_names.service_name(fleet.name),
        spec={"type": "ClusterIP", "selector": selector_of(fleet.name), "ports": listeners},
    )


def _deployment(fleet: FleetSpec, settings: FleetSettings, ports: Mapping[str, int]) -> Manifest:
    drain_seconds = duration_seconds(fleet.spec.proxy.drain.timeout)
    facts = PodFacts(
        gateway=fleet.name,
        labels=fleet_names.fleet_labels(fleet.name),
        selector=selector_of(fleet.name),
        service_account=fleet_names.deployment_name(fleet.name),
        image=settings.image,
        image_pull_policy=settings.image_pull_policy,
        image_pull_secrets=settings.image_pull_secrets,
        ports=ports,
        tls=frozenset(listener.name for listener in fleet.spec.listeners if listener.tls is not None),
        resources=settings.resources,
        drain_seconds=drain_seconds,
        ledger=_kept_ledger(fleet.spec),
    )
    return _object(
        fleet,
        "apps/v1",
        "Deployment",
        fleet_names.deployment_name(fleet.name),
        spec={
            "replicas": fleet.replicas,
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": selector_of(fleet.name)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}},
            "template": pod_template(facts),
        },
    )


def _kept_ledger(spec: ModelGatewaySpec) -> LedgerSpec | None:
    """Return the ledger of a fleet; None where its records would go nowhere: then none are made."""
    return spec.ledger if spec.ledger is not None and spec.ledger.has_store else None
