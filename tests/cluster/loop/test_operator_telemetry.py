"""Who may scrape a gateway, and how many calls its proxies remember, on a real API server: edited while it serves."""

from cluster.loop.conftest import KEY
from cluster.loop.stage import Json, Stage, chat, gateway
from cluster.processes import wait_until

from fairlead_operator.resources.fleet_names import deployment_name

PEERS = [
    {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}, "podSelector": {}},
    {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
]


def admitted(stage: Stage) -> list[Json]:
    """Return who may reach the admin port."""
    rules = stage.read("networkpolicy", deployment_name("main"))["spec"]["ingress"]
    [peers] = [rule["from"] for rule in rules if "from" in rule]
    return list(peers)


def test_whom_a_gateway_names_is_let_in_and_no_longer_when_it_does_not_and_nothing_rolls(
    stage: Stage, serving: str
) -> None:
    operator, pods = admitted(stage), stage.restarts()
    assert len(operator) == 1

    stage.create("ModelGateway", "main", gateway(telemetry={"scrapeFrom": PEERS, "decisionRing": 0}))
    wait_until(lambda: admitted(stage) == [*operator, *PEERS], what="they are let in")
    stage.wait_for("modelgateway", "main", "Programmed", "True")
    assert chat(serving, "smart", key=KEY)["headers"]["x-fairlead-decision"], "a call has its id where none is kept"

    stage.create("ModelGateway", "main", gateway())
    wait_until(lambda: admitted(stage) == operator, what="they are no longer let in")
    stage.wait_for("modelgateway", "main", "Programmed", "True")
    assert stage.restarts() == pods, "the same pods, none restarted"
