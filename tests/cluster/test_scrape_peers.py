"""Whom our definition lets a gateway name may stand in a NetworkPolicy: a real API server takes it."""

import json
from pathlib import Path

import pytest
import yaml
from cluster.kubectl import Kubectl

from fairlead_operator.fleet.render import FleetSettings, FleetSpec, render_fleet
from fairlead_operator.resources.gateway import ModelGatewaySpec

CASES = Path(__file__).parents[1] / "cases" / "crds" / "accept"
SCRAPED = ["modelgateway-scraped", "modelgateway-whole"]


@pytest.mark.parametrize("case", SCRAPED)
def test_the_network_policy_of_a_gateway_is_taken_with_everybody_that_it_names(
    case: str, kubectl: Kubectl, namespace: str
) -> None:
    spec = yaml.safe_load((CASES / f"{case}.yaml").read_text())["spec"]
    fleet = FleetSpec(f"{namespace}/main", "uid-1", ModelGatewaySpec.model_validate(spec), 1)
    [policy] = [each for each in render_fleet(fleet, FleetSettings(image="p:1")) if each["kind"] == "NetworkPolicy"]
    # What is never written needs no owner that is there.
    taken = kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=yaml.safe_dump(policy))
    _, admin = json.loads(taken)["spec"]["ingress"]
    assert len(admin["from"]) == 1 + len(spec["telemetry"]["scrapeFrom"])
