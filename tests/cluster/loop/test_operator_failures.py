"""What goes on when something does not: bad edits, a dead operator, a frozen API server, two operators."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.audit import Audit
from cluster.control_plane import ControlPlane
from cluster.crds import CRDS
from cluster.kubectl import KubectlFailed
from cluster.loop.conftest import KEY
from cluster.loop.stage import ACCOUNT, Stage, operator_child, policy, status_of
from cluster.processes import Child, ChildFailed, free_ports, wait_until

RULES = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/x-kubernetes-validations"


@pytest.fixture
def older_definitions(crds: ControlPlane) -> Iterator[None]:
    """RoutePolicies as a cluster checks them whose definitions are older than the operator: not by every rule."""
    removal = json.dumps([{"op": "remove", "path": RULES}])
    crds.kubectl("patch", "crd", "routepolicies.fairlead.dev", "--type=json", "-p", removal)
    yield
    crds.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))


@pytest.fixture
def standby(stage: Stage, tmp_path: Path) -> Iterator[tuple[Child, int]]:
    """A second operator of the same installation, and its health port."""
    (port,) = free_ports(1)
    kubeconfig = stage.plane.service_account_kubeconfig(stage.ops, ACCOUNT)
    child = operator_child("standby", tmp_path, kubeconfig, stage.ops, stage.platform, port)
    child.start()
    yield child, port
    child.stop()


def make_invalid(stage: Stage, name: str) -> None:
    """Edit a policy so that a rule matches on a model that it does not offer."""
    spec = policy(stage.platform, ["sim/small"], models=[name])
    spec["rules"][0]["match"] = [{"models": ["no-such-model"]}]
    wait_until(lambda: _accepted(stage, name, spec), what="the API server takes what it no longer checks")


def _accepted(stage: Stage, name: str, spec: dict[str, object]) -> bool:
    metadata = {"name": name, "namespace": stage.platform}
    content = {"apiVersion": "fairlead.dev/v1alpha1", "kind": "RoutePolicy", "metadata": metadata, "spec": spec}
    try:
        stage.kubectl.apply(content)
    except KubectlFailed:
        return False
    return True


def statuses(stage: Stage, *names: str) -> list[object]:
    return [stage.read("routepolicy", name)["metadata"]["resourceVersion"] for name in names]


def test_invalid_edit_harms_only_itself_and_its_last_good_version_serves_on(
    stage: Stage, serving: str, older_definitions: None
) -> None:
    stage.create("RoutePolicy", "other", policy(stage.platform, ["sim/small"], models=["other"]))
    stage.wait_for("routepolicy", "other", "Programmed", "True")
    # The first call makes the provider's health known, which every policy that uses it tells: that is no harm.
    assert status_of(serving, "other", key=KEY) == 200
    stage.wait_for("routepolicy", "other", "Available", "True")
    before = statuses(stage, "other")
    make_invalid(stage, "smart")
    told = stage.wait_for("routepolicy", "smart", "Accepted", "False", "Invalid")
    assert "no-such-model" in told["message"]
    rolled_back = stage.wait_for("routepolicy", "smart", "Programmed", "False", "RolledBack")
    assert "1" in rolled_back["message"]
    assert status_of(serving, "smart", key=KEY) == 200
    assert status_of(serving, "other", key=KEY) == 200
    assert statuses(stage, "other") == before


def test_last_good_version_survives_the_operator(stage: Stage, serving: str, older_definitions: None) -> None:
    stage.operator.kill()
    make_invalid(stage, "smart")
    stage.start_operator()
    stage.wait_for("routepolicy", "smart", "Accepted", "False", "Invalid", seconds=60)
    stage.create("RoutePolicy", "other", policy(stage.platform, ["sim/small"], models=["other"]))
    stage.wait_for("routepolicy", "other", "Programmed", "True")
    assert status_of(serving, "other", key=KEY) == 200
    assert status_of(serving, "smart", key=KEY) == 200


def test_restarted_operator_writes_nothing_when_nothing_has_changed(stage: Stage, serving: str, audit: Audit) -> None:
    wait_until(
        lambda: stage.read("modelprovider", "sim")["status"]["health"]["observers"]["total"] == 2,
        what="the numbers of the start, which are written every 30 s, have settled",
        seconds=60,
    )
    stage.operator.stop()
    audit.mark()
    stage.start_operator()
    wait_until(lambda: "fairlead_operator_leading 1.0" in stage.metrics(), what="it leads")
    stage.create("RoutePolicy", "smart", policy(stage.platform, ["sim/small"], models=["smart", "other"]))
    stage.wait_for("routepolicy", "smart", "Programmed", "True")
    (edit,) = audit.writes(resource="routepolicies", namespace=stage.platform)
    own = [each for each in audit.writes(user=stage.user) if each.resource != "leases"]
    # A server-side apply of what is there already changes nothing: the fleet is applied once by each process.
    applied = {each.resource for each in own if each.at < edit.received}
    assert applied <= {"serviceaccounts", "networkpolicies", "poddisruptionbudgets", "services", "deployments"}
    touched = {(each.resource, each.name) for each in own if each.resource.startswith(("modelprov", "routepol"))}
    assert touched == {("routepolicies/status", "smart")}


def test_calls_are_answered_while_the_operator_is_dead_and_the_api_server_frozen(stage: Stage, serving: str) -> None:
    stage.operator.kill()
    stage.plane.freeze()
    try:
        assert [status_of(serving, "smart", key=KEY) for _ in range(20)] == [200] * 20
    finally:
        stage.plane.thaw()


def test_frozen_api_server_ends_no_service_and_is_caught_up_with(stage: Stage, serving: str) -> None:
    stage.plane.freeze()
    try:
        assert status_of(serving, "smart", key=KEY) == 200
    finally:
        stage.plane.thaw()
    stage.create("RoutePolicy", "smart", policy(stage.platform, ["sim/small"], models=["smart", "after"]))
    stage.wait_for("routepolicy", "smart", "Programmed", "True", seconds=60)
    assert status_of(serving, "after", key=KEY) == 200


def test_standby_takes_over_at_once_when_the_leader_leaves(
    stage: Stage, serving: str, standby: tuple[Child, int]
) -> None:
    child, _ = standby
    wait_until(lambda: "operator started" in child.log_tail(), what="the standby runs")
    assert "leading" not in child.log_tail()
    stage.operator.stop()
    wait_until(lambda: "reconciling" in child.log_tail(), what="the standby acts", seconds=10)
    stage.create("RoutePolicy", "smart", policy(stage.platform, ["sim/small"], models=["smart", "next"]))
    stage.wait_for("routepolicy", "smart", "Programmed", "True")
    assert status_of(serving, "next", key=KEY) == 200


def test_standby_takes_over_from_a_leader_that_died(stage: Stage, standby: tuple[Child, int]) -> None:
    child, _ = standby
    wait_until(lambda: "operator started" in child.log_tail(), what="the standby runs")
    stage.operator.kill()
    wait_until(lambda: "reconciling" in child.log_tail(), what="the standby acts", seconds=30)


def test_leader_that_loses_its_lease_ends(stage: Stage) -> None:
    lease = ["lease", "fairlead-operator", "-n", stage.ops]
    taken = json.dumps({"spec": {"holderIdentity": "somebody-else", "leaseDurationSeconds": 60}})
    stage.kubectl("patch", *lease, "--type=merge", "-p", taken)
    wait_until(lambda: "another operator leads" in stage.operator.log_tail(), what="it notices", seconds=15)
    wait_until(lambda: not _runs(stage.operator), what="it ends", seconds=5)


def _runs(child: Child) -> bool:
    try:
        return child.pid > 0
    except ChildFailed:
        return False
