"""The values of our charts as one model: the schema, the README's table and the checks of values.yaml are made of it.

The description of a value is what the comment in values.yaml says; its default is the one that stands there.
"""

from typing import Annotated, Any, Literal

from architecture.value_shapes import (
    CLOSED,
    UNIQUE,
    GatewayNamespace,
    GatewaySpec,
    Interval,
    Labels,
    Names,
    Peer,
    Relabeling,
    Resources,
    Toleration,
)
from pydantic import BaseModel, Field


class Section(BaseModel):
    """A mapping whose every key stands in values.yaml, with a comment of its own."""

    model_config = CLOSED


def _repository(house: str) -> Any:
    """Return the field of where the image of a house is, as its Containerfile is built by default."""
    told = f"As images/{house}.Containerfile is built and tagged; put the repository of your registry here."
    return Field(f"localhost/fairlead-{house}", description=told, min_length=1, pattern=r"^[^\s@]+$")


class Image(Section):
    """Where an image is pulled from."""

    repository: str
    tag: Annotated[
        str,
        Field(
            description="Empty: the version of this chart's application.",
            pattern=r"^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$",
        ),
    ] = ""
    digest: Annotated[str, Field(description="sha256:…; wins over the tag.", pattern=r"^(sha256:[0-9a-f]{64})?$")] = ""
    pull_policy: Annotated[
        Literal["Always", "IfNotPresent", "Never"], Field(description="Always, IfNotPresent or Never.")
    ] = "IfNotPresent"


class OperatorImage(Image):
    """The operator's image."""

    repository: str = _repository("operator")


class ProxyImage(Image):
    """The proxies' image."""

    repository: str = _repository("proxy")


class NetworkPolicy(Section):
    """Who may connect to the operator."""

    enabled: Annotated[
        bool,
        Field(
            description=(
                "Refuse every connection to the operator but those below. A kubelet's probes are not subject to it."
            )
        ),
    ] = True
    metrics_from: Annotated[
        list[Peer],
        Field(description="Who may reach port 9091 (/metrics): entries as in the `from` of a NetworkPolicy."),
    ] = []


class Operator(Section):
    """The operator."""

    replicas: Annotated[
        int,
        Field(
            description="One acts and one stands by, decided by a Lease; an eviction leaves one of the two. Or 1.",
            ge=1,
            le=2,
        ),
    ] = 2
    image: OperatorImage = OperatorImage()
    image_pull_secrets: Annotated[
        Names,
        Field(description="Names of Secrets in the namespace of this release, for pulling the operator's image."),
    ] = []
    log_format: Annotated[Literal["json", "text"], Field(description="json, or text.")] = "json"
    resources: Annotated[Resources, Field(description="Requests and limits of the operator's container.")] = Resources(
        requests={"cpu": "100m", "memory": "128Mi"}, limits={"memory": "512Mi"}
    )
    node_selector: Annotated[Labels, Field(description="Labels of the nodes that the operator may run on.")] = {}
    tolerations: Annotated[list[Toleration], Field(description="Taints that the operator tolerates.")] = []
    priority_class_name: Annotated[str, Field(description="A PriorityClass for the operator.")] = ""
    pod_annotations: Annotated[Labels, Field(description="More annotations for the operator's pods.")] = {}
    network_policy: NetworkPolicy = NetworkPolicy()


class Proxy(Section):
    """What all proxies share; the rest is said in each ModelGateway."""

    image: ProxyImage = ProxyImage()
    image_pull_secrets: Annotated[
        Names, Field(description="Names of Secrets in every gateway namespace, for pulling the proxies' image.")
    ] = []


class Rbac(Section):
    """What the cluster's own roles may do with our kinds."""

    aggregate: Annotated[
        bool,
        Field(
            description=(
                "Add our kinds to the cluster's roles: who may `view` sees them, who may `edit` or `admin` a namespace"
                " writes RoutePolicies there. ModelGateways are never writable that way."
            )
        ),
    ] = True
    tenants_edit_model_providers: Annotated[
        bool,
        Field(
            description=("Let `edit` and `admin` write ModelProviders, too: then tenants bring accounts of their own.")
        ),
    ] = False


class Admission(Section):
    """What is refused beyond what the definitions themselves refuse."""

    secret_references: Annotated[
        bool,
        Field(
            description=(
                "Refuse a ModelProvider or ModelGateway whose author may not `get` each Secret that it names. Where a"
                " tool writes them for everybody (Argo CD, Flux), the author is that tool, whose rights then count."
            )
        ),
    ] = False


class Gateway(Section):
    """The chart's own ModelGateway."""

    enabled: Annotated[
        bool,
        Field(
            description=(
                "Create a ModelGateway in the first of gatewayNamespaces, or, where that is empty, in the namespace of"
                " this release. It goes, and its proxies with it, when the chart is uninstalled."
            )
        ),
    ] = True
    name: Annotated[
        str,
        Field(
            description="Its name, which is that of its Service as well.",
            min_length=1,
            max_length=63,
            pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$",
        ),
    ] = "main"
    spec: Annotated[GatewaySpec, Field(description="Its spec, as in `kubectl explain modelgateway.spec`.")] = {
        "auth": {"apiKeys": {}}
    }


class ServiceMonitor(Section):
    """How the operator is scraped."""

    enabled: Annotated[
        bool,
        Field(
            description=(
                "Scrape the operator; its port 9091 gets a headless Service for it. See"
                " operator.networkPolicy.metricsFrom, too."
            )
        ),
    ] = False
    labels: Annotated[
        Labels, Field(description="More labels of the ServiceMonitor, as the Prometheus selects by.")
    ] = {}
    interval: Interval = ""
    relabelings: Annotated[
        list[Relabeling], Field(description="More relabelings of the target, as in a ServiceMonitor.")
    ] = []
    metric_relabelings: Annotated[
        list[Relabeling], Field(description="Relabelings of what was scraped, as in a ServiceMonitor.")
    ] = []


class PodMonitor(Section):
    """How the proxies are scraped."""

    enabled: Annotated[bool, Field(description="Scrape the proxies in all of gatewayNamespaces.")] = False
    labels: Annotated[Labels, Field(description="More labels of the PodMonitor, as the Prometheus selects by.")] = {}
    interval: Interval = ""
    relabelings: Annotated[
        list[Relabeling], Field(description="More relabelings of the target, as in a PodMonitor.")
    ] = []
    metric_relabelings: Annotated[
        list[Relabeling], Field(description="Relabelings of what was scraped, as in a PodMonitor.")
    ] = []
    from_: Annotated[
        list[Peer],
        Field(
            alias="from",
            description=(
                "Who may reach port 9090 of the proxies (/metrics) beside the operator: entries as in the `from` of a"
                " NetworkPolicy, of which one is made in each of gatewayNamespaces."
            ),
        ),
    ] = []


class PrometheusRule(Section):
    """What is computed and watched."""

    enabled: Annotated[bool, Field(description="Create the recording rules and alerts of files/rules.yaml.")] = False
    labels: Annotated[
        Labels, Field(description="More labels of the PrometheusRule, as the Prometheus selects by.")
    ] = {}


class Dashboards(Section):
    """What Grafana shows."""

    enabled: Annotated[
        bool,
        Field(description="Create a ConfigMap for each of the Grafana dashboards, in the namespace of this release."),
    ] = False
    labels: Annotated[Labels, Field(description="By which Grafana's sidecar finds them.")] = {"grafana_dashboard": "1"}
    annotations: Annotated[Labels, Field(description="What the sidecar reads beside.")] = {}


class Monitoring(Section):
    """What is scraped, computed, watched and shown."""

    service_monitor: ServiceMonitor = ServiceMonitor()
    pod_monitor: PodMonitor = PodMonitor()
    prometheus_rule: PrometheusRule = PrometheusRule()
    dashboards: Dashboards = Dashboards()


class Quickstart(Section):
    """A simulated provider, a policy and a key, for a first look."""

    enabled: Annotated[
        bool,
        Field(
            description=(
                "Create, beside the gateway, a provider that calls no model and says so, a policy that offers it as the"
                " model `smart`, and an API key. For a first look; turn it off again afterwards."
            )
        ),
    ] = False
    create_key: Annotated[
        bool,
        Field(
            description=(
                "Generate the API key. It is kept over upgrades where Helm can look it up in the cluster; tools that"
                " render without a cluster (Argo CD) would make another each time: there, put false, and bring a"
                ' Secret of your own with data.key and the label fairlead.dev/key: "true".'
            )
        ),
    ] = True


class CrdChart(Section):
    """Values of the chart fairlead-crds."""

    global_: Annotated[
        dict[str, Any], Field(alias="global", description="Values of a parent chart; nothing here reads them.")
    ] = {}


class Chart(CrdChart):
    """Values of the chart fairlead."""

    fullname_override: Annotated[
        str,
        Field(
            description=(
                "In place of `<release>-fairlead`, with which the names of all objects of this chart begin (at most 50"
                " characters)."
            ),
            max_length=50,
            pattern=r"^([a-z]([-a-z0-9]*[a-z0-9])?)?$",
        ),
    ] = ""
    gateway_namespaces: Annotated[
        list[GatewayNamespace],
        Field(
            description=(
                "Where ModelGateways are honoured: the operator runs proxies in these namespaces, and may read and"
                " write there, and only there, what a fleet is made of, Secrets included. Empty: the namespace of this"
                " release."
            ),
            max_length=64,
            json_schema_extra=UNIQUE,
        ),
    ] = []
    create_namespace: Annotated[
        bool,
        Field(description="Create the namespaces in gatewayNamespaces. They are kept when the chart is uninstalled."),
    ] = False
    operator: Operator = Operator()
    proxy: Proxy = Proxy()
    rbac: Rbac = Rbac()
    admission: Admission = Admission()
    gateway: Gateway = Gateway()
    monitoring: Monitoring = Monitoring()
    quickstart: Quickstart = Quickstart()
