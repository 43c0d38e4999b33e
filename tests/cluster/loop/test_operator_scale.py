"""A thousand policies with five rules each in one gateway: what one edit, one lost pod and quiet cost."""

import statistics
import time
from collections.abc import Iterator, Sequence

import pytest
import yaml
from cluster.audit import Audit, Request
from cluster.control_plane import ControlPlane
from cluster.loop.conftest import KEY
from cluster.loop.stage import Json, Stage, gateway, policy, seconds_between, simulated, staged, status_of
from cluster.mini_node import MiniNode
from cluster.processes import wait_until
from doubles.figures import Figures

POLICIES = 1000
RULES = 5

SETTLING_SECONDS = 360.0
QUIET_SECONDS = 120.0


@pytest.fixture(scope="module")
def crowded(crds: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage on which everything is programmed and has been told; it takes minutes, so the tests share it."""
    directory = tmp_path_factory.mktemp("crowded")
    with MiniNode(crds, directory / "node") as node, staged(crds, node, directory) as stage:
        fill(stage)
        yield stage


def fill(stage: Stage) -> None:
    stage.secret("caller", labels={"fairlead.dev/key": "true"}, key=KEY)
    stage.create("ModelProvider", "sim", simulated())
    stage.create("ModelProvider", "spare", simulated())
    stage.create("ModelGateway", "main", gateway())
    documents = [
        {
            "apiVersion": "fairlead.dev/v1alpha1",
            "kind": "RoutePolicy",
            "metadata": {"name": name_of(number), "namespace": stage.platform},
            "spec": many_rules(stage, number),
        }
        for number in range(POLICIES)
    ]
    listed = yaml.dump({"apiVersion": "v1", "kind": "List", "items": documents}, Dumper=yaml.CSafeDumper)
    stage.kubectl("create", "-f", "-", stdin=listed, timeout_seconds=300)
    stage.serving(seconds=120)
    wait_until(lambda: len(programmed(stage)) == POLICIES, what="all are programmed", seconds=240, every=2.0)


def name_of(number: int) -> str:
    return f"policy-{number:04}"


def many_rules(stage: Stage, number: int, *, marker: str = "one") -> Json:
    spec = policy(stage.platform, ["sim/small", "spare/small"], models=[f"model-{number}"])
    (rule,) = spec["rules"]
    matched = [{"headers": {"x-task": f"{marker}-{each}"}} for each in range(RULES - 1)]
    more = [{**rule, "name": f"rule-{place}", "match": [entry]} for place, entry in enumerate(matched)]
    return {**spec, "rules": [*more, rule]}


def programmed(stage: Stage) -> list[str]:
    column = "jsonpath={range .items[*]}{.status.conditions[?(@.type=='Programmed')].status}{'\\n'}{end}"
    shown = stage.kubectl("get", "routepolicies", "-n", stage.platform, "-o", column)
    return [line for line in shown.splitlines() if line == "True"]


def status_writes(stage: Stage, audit: Audit) -> Sequence[Request]:
    return [each for each in audit.writes(user=stage.user) if each.resource.endswith("/status")]


def test_one_edit_among_a_thousand_policies(crowded: Stage, audit: Audit, figures: Figures) -> None:
    seconds = []
    writes = []
    for number in range(5):
        audit.mark()
        crowded.create("RoutePolicy", name_of(number), many_rules(crowded, number, marker="two"))
        crowded.wait_for("routepolicy", name_of(number), "Programmed", "True")
        wait_until(lambda: audit.writes(resource="modelgateways/status"), what="the gateway tells the new revision")
        (edit,) = audit.writes(resource="routepolicies", namespace=crowded.platform)
        told = status_writes(crowded, audit)
        writes.append(len(told))
        seconds.append(seconds_between(edit.at, told[0].at))
    figures.hold("1,000 policies: edit to programmed, median of 5", statistics.median(seconds), bound=2.0)
    assert statistics.median(writes) <= 3, writes


def test_one_lost_pod_among_a_thousand_policies_writes_no_policy(crowded: Stage, audit: Audit) -> None:
    lost = crowded.pods()[0]["metadata"]["name"]
    audit.mark()
    crowded.kubectl("delete", "pod", lost, "-n", crowded.platform, "--wait=false")
    full = {"total": 2, "ready": 2, "programmed": 2}
    wait_until(lambda: audit.writes(resource="modelgateways/status"), what="the loss is told")
    wait_until(
        lambda: crowded.read("modelgateway", "main")["status"]["proxies"] == full, what="another serves", seconds=60
    )
    assert lost not in [pod["metadata"]["name"] for pod in crowded.pods()]
    assert [each.name for each in status_writes(crowded, audit) if each.resource == "routepolicies/status"] == []


def test_quiet_costs_no_write_but_the_lease(crowded: Stage, audit: Audit) -> None:
    assert status_of(crowded.serving(), "model-7", key=KEY) == 200
    pass_by(SETTLING_SECONDS)
    audit.mark()
    pass_by(QUIET_SECONDS)
    assert {each.resource for each in audit.writes(user=crowded.user)} == {"leases"}


def pass_by(seconds: float) -> None:
    """Let this time pass: here it is what is measured, not what is waited for."""
    until = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > until, what="the time has passed", seconds=seconds + 10, every=1.0)
