"""The longest names that our definitions admit: a real API server takes every object of their fleets."""

import pytest
import yaml
from cluster.kubectl import Kubectl
from cluster.processes import wait_until

from fairlead_operator.fleet.render import FleetSettings, FleetSpec, render_fleet, selector_of
from fairlead_operator.resources import fleet_names
from fairlead_operator.resources.gateway import ModelGatewaySpec
from fairlead_proxy.contract.snapshot import SETS, SHARDS_PER_SET

LONGEST = "g" * 63
LISTENER = "7" + "l" * 62


@pytest.fixture
def fleet(kubectl: Kubectl, crds: object, namespace: str) -> FleetSpec:
    """A gateway whose own name and listener are as long as they may be, as the API server has it."""
    metadata = {"name": LONGEST, "namespace": namespace}
    spec = {"listeners": [{"name": LISTENER, "port": 80}], "proxy": {"replicas": {"min": 1}}}
    content = {"apiVersion": "fairlead.dev/v1alpha1", "kind": "ModelGateway", "metadata": metadata, "spec": spec}
    kubectl("create", "-f", "-", stdin=yaml.safe_dump(content))
    uid = kubectl.read("get", "mg", LONGEST, "-n", namespace)["metadata"]["uid"]
    return FleetSpec(f"{namespace}/{LONGEST}", uid, ModelGatewaySpec.model_validate(spec), 1)


def test_a_fleet_of_the_longest_name_gets_its_pods(kubectl: Kubectl, namespace: str, fleet: FleetSpec) -> None:
    kubectl.apply(*render_fleet(fleet, FleetSettings(image="localhost/fairlead-proxy:dev")), server_side=True)
    selector = ",".join(f"{name}={value}" for name, value in selector_of(LONGEST).items())
    wait_until(lambda: kubectl("get", "pods", "-n", namespace, "-l", selector, "-o", "name"), what="it has a pod")


def test_the_configuration_of_a_fleet_of_the_longest_name_is_taken(
    kubectl: Kubectl, namespace: str, fleet: FleetSpec
) -> None:
    shards = [fleet_names.shard_name(LONGEST, shard) for shard in fleet_names.shard_names(SETS, SHARDS_PER_SET)]
    names = [("ConfigMap", name) for name in (fleet_names.index_name(LONGEST), *shards)]
    names += [("Secret", name(LONGEST)) for name in (fleet_names.keys_name, fleet_names.debug_token_name)]
    labels, owners = fleet_names.fleet_labels(LONGEST), [fleet_names.owner_of(LONGEST, fleet.uid)]
    for kind, name in names:
        metadata = {"name": name, "namespace": namespace, "labels": labels, "ownerReferences": owners}
        kubectl.apply({"apiVersion": "v1", "kind": kind, "metadata": metadata})
