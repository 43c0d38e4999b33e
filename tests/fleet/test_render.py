"""The objects of a fleet: what runs the proxies, what reaches them, and what they are denied."""

from typing import Any

import pytest

from fairlead_operator.fleet.render import FleetSettings, FleetSpec, Manifest, container_ports, render_fleet
from fairlead_operator.resources import fleet_names
from fairlead_operator.resources.gateway import ModelGatewaySpec
from fairlead_proxy.contract.snapshot import SETS, SHARDS_PER_SET

SETTINGS = FleetSettings(image="registry.example/fairlead-proxy:1", operator_namespace="ops")


def fleet_of(spec: dict[str, Any] | None = None, *, replicas: int = 2) -> FleetSpec:
    return FleetSpec("ai/main", "uid-1", ModelGatewaySpec.model_validate(spec or {}), replicas)


def rendered(spec: dict[str, Any] | None = None, *, replicas: int = 2) -> dict[str, Manifest]:
    return {each["kind"]: each for each in render_fleet(fleet_of(spec, replicas=replicas), SETTINGS)}


def pod_of(objects: dict[str, Manifest]) -> dict[str, Any]:
    pod: dict[str, Any] = objects["Deployment"]["spec"]["template"]["spec"]
    return pod


def test_deployment_comes_last_so_that_its_pods_find_everything() -> None:
    kinds = [each["kind"] for each in render_fleet(fleet_of(), SETTINGS)]
    assert kinds == ["ServiceAccount", "NetworkPolicy", "PodDisruptionBudget", "Service", "Deployment"]


def test_every_object_is_owned_by_its_gateway_without_blocking_its_deletion() -> None:
    owners = [each["metadata"]["ownerReferences"] for each in rendered().values()]
    assert owners == [[fleet_names.owner_of("main", "uid-1")]] * 5
    assert fleet_names.owner_of("main", "uid-1")["blockOwnerDeletion"] is False


def test_proxies_hold_no_identity_in_the_cluster() -> None:
    objects = rendered()
    assert objects["ServiceAccount"]["automountServiceAccountToken"] is False
    assert pod_of(objects)["automountServiceAccountToken"] is False


def test_pod_satisfies_the_restricted_standard_without_naming_a_user() -> None:
    pod = pod_of(rendered())
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert "runAsUser" not in pod["securityContext"]
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_a_listener_with_a_certificate_is_told_by_name_and_the_others_are_not() -> None:
    plain, tls = {"name": "http", "port": 8080}, {"name": "https", "port": 443, "tls": {"secretName": "gw-tls"}}
    (container,) = pod_of(rendered({"listeners": [plain, tls]}))["containers"]
    listening = container["args"][3:7]
    assert listening == ["--listen", "0.0.0.0:8080", "--listen-tls", "https=0.0.0.0:10443"]
    assert "gw-tls" not in str(container)


def test_every_shard_that_an_index_can_name_is_mounted_as_optional() -> None:
    (volume,) = pod_of(rendered())["volumes"]
    optional = {
        source["configMap"]["name"]
        for source in volume["projected"]["sources"]
        if source.get("configMap", {}).get("optional")
    }
    shards = fleet_names.shard_names(SETS, SHARDS_PER_SET)
    assert optional == {fleet_names.shard_name("main", shard) for shard in shards}
    assert len(optional) == 16


def test_pod_cannot_start_before_its_index_and_its_keys_exist() -> None:
    (volume,) = pod_of(rendered())["volumes"]
    assert volume["projected"]["sources"][:2] == [
        {"configMap": {"name": "main-config"}},
        {"secret": {"name": "main-keys"}},
    ]


def test_mounted_files_are_readable_by_the_pods_group() -> None:
    pod = pod_of(rendered())
    assert pod["securityContext"]["fsGroup"] == 65532
    assert pod["volumes"][0]["projected"]["defaultMode"] == 0o440


def test_proxy_is_told_its_directory_its_ports_and_its_name() -> None:
    (container,) = pod_of(rendered({"listeners": [{"name": "http", "port": 8080}]}))["containers"]
    assert container["args"] == [
        *("serve", "--config", "/etc/fairlead", "--listen", "0.0.0.0:8080"),
        *("--admin", "0.0.0.0:9090", "--name", "$(POD_NAME)"),
    ]


def test_pod_outlives_the_drain_by_half_a_minute() -> None:
    pod = pod_of(rendered({"proxy": {"drain": {"timeout": "2m"}}}))
    assert pod["terminationGracePeriodSeconds"] == 150


def test_rolling_update_never_takes_a_serving_proxy_away_first() -> None:
    strategy = rendered()["Deployment"]["spec"]["strategy"]
    assert strategy["rollingUpdate"]["maxUnavailable"] == 0


def test_admin_port_is_open_to_the_operators_pods_only() -> None:
    applications, operator = rendered()["NetworkPolicy"]["spec"]["ingress"]
    assert applications == {"ports": [{"port": 8080, "protocol": "TCP"}]}
    assert operator["ports"] == [{"port": 9090, "protocol": "TCP"}]
    assert operator["from"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "ops"}
    assert operator["from"][0]["podSelector"]["matchLabels"] == dict(SETTINGS.operator_labels)


def test_whom_the_gateway_names_may_reach_the_admin_port_and_nothing_else_changes() -> None:
    peers = [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}},
        {"namespaceSelector": {}, "podSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}},
        {"podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["prometheus"]}]}},
        {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
        {"ipBlock": {"cidr": "fd00::/8"}},
    ]
    before, after = rendered(), rendered({"telemetry": {"scrapeFrom": peers}})
    (applications, admin), (applications_before, admin_before) = (
        objects.pop("NetworkPolicy")["spec"]["ingress"] for objects in (after, before)
    )
    assert admin == {"from": [*admin_before["from"], *peers], "ports": [{"port": 9090, "protocol": "TCP"}]}
    assert (applications, after) == (applications_before, before)


def test_service_selects_what_the_deployment_makes() -> None:
    objects = rendered()
    labels = objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
    selector = objects["Service"]["spec"]["selector"]
    assert selector.items() <= labels.items()
    assert objects["Deployment"]["spec"]["selector"]["matchLabels"] == selector
    assert objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == selector


def test_privileged_listener_is_served_from_a_free_port_above() -> None:
    spec = {"listeners": [{"name": "web", "port": 80}, {"name": "other", "port": 10080}]}
    assert container_ports(ModelGatewaySpec.model_validate(spec)) == {"web": 10081, "other": 10080}
    assert rendered(spec)["Service"]["spec"]["ports"][0]["port"] == 80
    assert rendered(spec)["Service"]["spec"]["ports"][0]["targetPort"] == 10081


@pytest.mark.parametrize(
    "edit",
    [{"enforce": {"maxAttempts": 2}}, {"auth": {"apiKeys": {}}}, {"tenants": {}}, {"telemetry": {"decisionRing": 0}}],
)
def test_fleet_does_not_roll_for_what_travels_in_the_configuration(edit: dict[str, Any]) -> None:
    assert rendered(edit) == rendered()


def test_scaling_changes_the_replicas_and_nothing_else() -> None:
    two, five = rendered(replicas=2), rendered(replicas=5)
    assert five["Deployment"]["spec"].pop("replicas") == 5
    assert two["Deployment"]["spec"].pop("replicas") == 2
    assert two == five
