"""From YAML to answered calls and back to status, on a real API server."""

import json
import statistics
from functools import partial

from cluster.audit import Audit
from cluster.loop.conftest import KEY
from cluster.loop.stage import (
    Stage,
    bare,
    chat,
    gateway,
    policy,
    reader_binding,
    seconds_between,
    simulated,
    status_of,
)
from cluster.processes import wait_until
from doubles.figures import Figures
from fence.stage_canaries import KEYS

KINDS = (("modelgateway", "main"), ("modelprovider", "sim"), ("routepolicy", "smart"))
FLEET_KINDS = "deployments,replicasets,pods,services,serviceaccounts,poddisruptionbudgets,networkpolicies"


def test_applied_objects_are_programmed_and_calls_are_answered(stage: Stage, serving: str) -> None:
    answer = chat(serving, "smart", key=KEY)
    assert answer["body"]["model"] == "sim/small"
    assert answer["headers"]["x-fairlead-provider"] == f"{stage.platform}/sim"
    for kind, name in KINDS:
        stage.wait_for(kind, name, "Programmed", "True", "Programmed")
    proxies = stage.read("modelgateway", "main")["status"]["proxies"]
    assert proxies == {"total": 2, "ready": 2, "programmed": 2}


def test_edit_is_programmed_within_a_second_by_two_status_writes_and_no_pod_restarts(
    stage: Stage, serving: str, audit: Audit, figures: Figures
) -> None:
    before = stage.restarts()
    seconds = []
    written = []
    for number in range(5):
        audit.mark()
        stage.create("RoutePolicy", "smart", policy(stage.platform, ["sim/small"], models=["smart", f"m-{number}"]))
        stage.wait_for("routepolicy", "smart", "Programmed", "True")
        wait_until(lambda: audit.writes(resource="modelgateways/status"), what="the gateway tells the new revision")
        (edit,) = audit.writes(resource="routepolicies", namespace=stage.platform)
        told = audit.writes(user=stage.user, namespace=stage.platform)
        status = [each for each in told if each.resource in ("routepolicies/status", "modelgateways/status")]
        written.append(tuple((each.resource, each.name) for each in status))
        seconds.append(seconds_between(edit.at, status[0].at))
    assert stage.restarts() == before
    assert status_of(serving, "m-4", key=KEY) == 200
    # A machine that stalls for a second sees `Pending` first, as it should: the usual edit is what is promised.
    assert statistics.mode(written) == (("routepolicies/status", "smart"), ("modelgateways/status", "main"))
    figures.hold("edit to programmed, median of 5", statistics.median(seconds), bound=1.0)


def test_policy_of_another_namespace_without_consent_gets_no_traffic(stage: Stage, serving: str) -> None:
    team = stage.tenant()
    stage.create("ModelProvider", "own", simulated(consumers={}))
    stage.secret("caller", namespace=team, labels={"fairlead.dev/key": "true"}, key=KEYS["tenant"])
    stage.kubectl.apply(reader_binding(stage.ops, team))
    stage.create("RoutePolicy", "theirs", policy(stage.platform, [f"{stage.platform}/own/small"]), namespace=team)
    told = stage.wait_for("routepolicy", "theirs", "ResolvedRefs", "False", "ProviderNotFound", namespace=team)
    assert f"{stage.platform}/own" in told["message"]
    wait_until(
        lambda: status_of(serving, "smart", key=KEYS["tenant"]) == 404,
        what="the tenant is known, the model not",
    )


def test_deleted_objects_go_at_once_and_leave_nothing_behind(stage: Stage, serving: str) -> None:
    for kind, name in KINDS:
        stage.kubectl("delete", kind, name, "-n", stage.platform, "--timeout=5s")
    selector = ["-n", stage.platform, "-l", "app.kubernetes.io/managed-by=fairlead-operator"]

    def left() -> list[str]:
        found = stage.kubectl.read("get", f"{FLEET_KINDS},configmaps,secrets", *selector)["items"]
        return [f"{each['kind']}/{each['metadata']['name']}" for each in found]

    wait_until(lambda: not left(), what="everything of the fleet is gone", seconds=60)


def test_users_objects_stay_as_they_were_written_but_for_status(stage: Stage) -> None:
    stage.operator.stop()
    stage.create("ModelProvider", "sim", simulated())
    stage.create("RoutePolicy", "smart", policy(stage.platform, ["sim/small"]))
    stage.create("ModelGateway", "main", gateway())
    before = [bare(stage.read(*each)) for each in KINDS]
    stage.start_operator()
    stage.serving()
    stage.wait_for("routepolicy", "smart", "Programmed", "True")
    assert [bare(stage.read(*each)) for each in KINDS] == before


def test_operator_asks_for_nothing_that_it_is_not_granted(stage: Stage, serving: str, audit: Audit) -> None:
    stage.restart_operator()
    stage.create("RoutePolicy", "smart", policy(stage.platform, ["sim/small"], models=["smart", "other"]))
    stage.wait_for("routepolicy", "smart", "Programmed", "True")
    refused = [each for each in audit.requests(user=stage.user) if each.code == 403]
    assert refused == []


def test_operator_writes_nothing_but_status_on_users_objects(stage: Stage, audit: Audit) -> None:
    stage.create("ModelProvider", "sim", simulated())
    stage.create("RoutePolicy", "smart", policy(stage.platform, ["sim/small"]))
    stage.create("ModelGateway", "main", gateway())
    stage.serving()
    kinds = ("modelproviders", "routepolicies", "modelgateways")
    written = {each.resource for each in audit.writes(user=stage.user) if each.resource.startswith(kinds)}
    assert written == {f"{kind}/status" for kind in kinds}


def test_a_pod_that_is_not_restricted_is_refused_in_every_namespace_of_a_stage(stage: Stage) -> None:
    container = {"name": "any", "image": "localhost/fairlead-proxy:dev", "securityContext": {"privileged": True}}
    content = {"metadata": {"name": "privileged"}, "spec": {"containers": [container]}}
    pod = json.dumps({"apiVersion": "v1", "kind": "Pod", **content})
    for namespace in (stage.ops, stage.platform, stage.tenant()):
        account = ["get", "serviceaccount", "default", "-n", namespace, "--ignore-not-found", "-o", "name"]
        wait_until(partial(stage.kubectl, *account), what=f"pods of {namespace} have a service account")
        told = stage.kubectl.refusal("create", "-n", namespace, "-f", "-", stdin=pod)
        assert 'violates PodSecurity "restricted' in told


def test_gateway_outside_the_gateway_namespaces_is_not_honoured(stage: Stage) -> None:
    team = stage.tenant()
    stage.create("ModelGateway", "mine", gateway(), namespace=team)
    told = stage.wait_for("modelgateway", "mine", "Accepted", "False", "NotAllowed", namespace=team)
    assert "gatewayNamespaces" in told["message"]


def test_service_of_a_user_with_the_gateways_name_is_left_alone(stage: Stage) -> None:
    theirs = {"ports": [{"port": 80}], "selector": {"app": "theirs"}}
    metadata = {"name": "main", "namespace": stage.platform}
    stage.kubectl.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": theirs})
    stage.create("ModelGateway", "main", gateway())
    wait_until(lambda: "exists and is not of this gateway's fleet" in stage.operator.log_tail(), what="it is told")
    assert stage.read("service", "main")["spec"]["selector"] == {"app": "theirs"}
    assert stage.pods() == []


def test_changed_and_deleted_objects_of_the_fleet_come_back(stage: Stage, serving: str) -> None:
    stage.kubectl("scale", "deployment/main-proxy", "-n", stage.platform, "--replicas=0")
    wait_until(
        lambda: stage.read("deployment", "main-proxy")["spec"]["replicas"] == 2, what="it is scaled back", seconds=10
    )
    stage.kubectl("delete", "deployment", "main-proxy", "-n", stage.platform)
    wait_until(
        lambda: stage.kubectl("get", "deployment", "main-proxy", "-n", stage.platform, "--ignore-not-found"),
        what="the deployment is made again",
        seconds=10,
    )


def test_proxy_whose_kubelet_misses_a_nudge_is_nudged_again(stage: Stage, serving: str, audit: Audit) -> None:
    stage.node.settings.refreshes_on_change = False
    stage.create("RoutePolicy", "smart", policy(stage.platform, ["sim/small"], models=["smart", "late"]))
    wait_until(
        lambda: len(audit.writes(user=stage.user, resource="pods")) >= 2, what="the first round of nudges is through"
    )
    stage.wait_for("routepolicy", "smart", "Programmed", "False", "Pending", seconds=20)
    stage.node.settings.refreshes_on_change = True
    stage.wait_for("routepolicy", "smart", "Programmed", "True", seconds=15)
    assert status_of(serving, "late", key=KEY) == 200


def test_operator_tells_what_it_holds_and_that_it_leads(stage: Stage) -> None:
    wait_until(lambda: "fairlead_operator_leading 1.0" in stage.metrics(), what="the operator leads")
    wait_until(
        lambda: 'fairlead_operator_objects{kind="RoutePolicy"}' in stage.metrics(),
        what="the first pass has counted the objects",
    )
