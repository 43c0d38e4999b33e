"""What is left when the charts are uninstalled: what users wrote, whatever serves it, and the way back."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.charts.release import IMAGES, OPS, Ground, Json, wait_gone
from cluster.kubectl import Kubectl
from cluster.loop.stage import bare, chat, gateway, policy, simulated

FLEET = "deployments,replicasets,pods,services,serviceaccounts,poddisruptionbudgets,networkpolicies,configmaps,secrets"
USERS = (("modelgateway", "own"), ("modelprovider", "sim"), ("routepolicy", "smart"), ("secret", "caller"))
KEY = "key-of-the-platform-team"
CHARTS_OWN = "app.kubernetes.io/managed-by=Helm"


@pytest.fixture
def platform() -> str:
    """A namespace for gateways that the chart shall make."""
    return f"ai-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def values(platform: str) -> Json:
    return {**IMAGES, "gatewayNamespaces": [platform], "createNamespace": True, "quickstart": {"enabled": True}}


@pytest.fixture
def used(ground: Ground, platform: str, values: Json, tmp_path: Path) -> Iterator[Ground]:
    """The charts are installed, and users have a gateway, a provider, a policy and a key of their own beside them."""
    ground.namespace(OPS)
    try:
        ground.install(tmp_path, values)
        for kind, name, spec in (
            ("ModelGateway", "own", gateway(replicas=1)),
            ("ModelProvider", "sim", simulated(gatewayRefs=[{"name": "own"}])),
            ("RoutePolicy", "smart", {**policy(platform, ["sim/small"]), "gatewayRef": {"name": "own"}}),
        ):
            metadata = {"name": name, "namespace": platform}
            content = {"apiVersion": "fairlead.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
            ground.kubectl.apply(content)
        ground.kubectl("create", "secret", "generic", "caller", "-n", platform, f"--from-literal=key={KEY}")
        ground.kubectl("label", "secret", "caller", "-n", platform, "fairlead.dev/key=true")
        yield ground
    finally:
        ground.uninstall()
        ground.kubectl("delete", "namespace", platform, "--ignore-not-found", "--wait=false")


def written(kubectl: Kubectl, platform: str) -> list[Json]:
    """Return what users wrote, without what an operator may write."""
    return [bare(kubectl.read("get", kind, name, "-n", platform)) for kind, name in USERS]


def test_uninstalling_takes_what_the_charts_made_and_leaves_users_objects_and_their_traffic(
    used: Ground, platform: str, values: Json, tmp_path: Path
) -> None:
    kubectl = used.kubectl
    used.serving(platform, "main")
    address = used.serving(platform, "own")
    assert chat(address, "smart", key=KEY)["body"]["model"] == "sim/small"
    before = written(kubectl, platform)

    used.uninstall()
    wait_gone(kubectl, FLEET, platform, "fairlead.dev/gateway=main")
    for kinds in ("modelgateways,modelproviders,routepolicies,secrets,roles,rolebindings", "deployments,pods"):
        wait_gone(kubectl, kinds, platform, CHARTS_OWN)
    wait_gone(kubectl, "deployments,pods,serviceaccounts,roles,rolebindings,networkpolicies", OPS, CHARTS_OWN)
    assert kubectl("get", "clusterroles,clusterrolebindings", "-l", CHARTS_OWN, "-o", "name") == ""
    assert written(kubectl, platform) == before
    # Without an operator the fleet of the users' gateway serves on.
    assert chat(address, "smart", key=KEY)["body"]["model"] == "sim/small"

    used.install(tmp_path, values)
    used.serving(platform, "main")
    assert written(kubectl, platform) == before
    assert chat(used.serving(platform, "own"), "smart", key=KEY)["body"]["model"] == "sim/small"


def test_fleets_go_with_their_gateways_also_when_the_operator_is_gone(used: Ground, platform: str) -> None:
    used.serving(platform, "own")
    used.uninstall()
    used.kubectl("delete", "modelgateway", "own", "-n", platform)
    wait_gone(used.kubectl, FLEET, platform, "fairlead.dev/gateway=own")
