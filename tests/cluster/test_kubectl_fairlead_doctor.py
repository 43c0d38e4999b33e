"""`kubectl fairlead doctor` on a real API server: definitions, rights, the Lease, and what nobody may tell."""

import json
import uuid
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cluster.control_plane import ControlPlane
from cluster.kubectl import Kubectl
from cluster.kubectl_plugin import Fairlead, granted
from cluster.namespaces import make_namespace
from cluster.processes import wait_until

from fairlead_operator.cli.doctor_lookup import LEASE_NAME
from fairlead_operator.fleet import rbac
from fairlead_operator.handlers import operate
from fairlead_operator.resources.meta import Kind
from fairlead_operator.resources.schema import crd_of

Json = dict[str, Any]


def test_the_doctors_lease_is_the_operators() -> None:
    assert LEASE_NAME == operate.LEASE_NAME


@pytest.fixture
def ops(kubectl: Kubectl, fleet: dict[str, str]) -> Iterator[str]:
    """The operator's namespace, with its account and exactly its rights, and a Lease that was renewed just now."""
    name = f"ops-{uuid.uuid4().hex[:6]}"
    make_namespace(kubectl, name)
    kubectl("create", "serviceaccount", "fairlead-operator", "-n", name)
    account = {"kind": "ServiceAccount", "name": "fairlead-operator", "namespace": name}
    for role, namespace, rules in (
        (f"everywhere-{name}", "", rbac.CLUSTER_RULES),
        ("own", name, rbac.OWN_NAMESPACE_RULES),
        ("gateways", fleet["ai"], rbac.GATEWAY_RULES),
    ):
        kubectl.apply(*granted(role, namespace, rules, account))
    kubectl.apply(lease_of(name, datetime.now(UTC)))
    yield name
    kubectl("delete", "clusterrolebinding,clusterrole", f"everywhere-{name}")
    kubectl("delete", "rolebinding,role", "gateways", "-n", fleet["ai"])
    kubectl("delete", "namespace", name, "--wait=false")


def lease_of(namespace: str, renewed: datetime) -> Json:
    spec = {
        "holderIdentity": "operator-7f_1a2b3c4d",
        "leaseDurationSeconds": 3600,
        "renewTime": renewed.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    metadata = {"name": LEASE_NAME, "namespace": namespace}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


def level(checks: dict[str, Json], start: str) -> dict[str, str]:
    return {what: check["level"] for what, check in checks.items() if what.startswith(start)}


def test_the_doctor_finds_definitions_rights_and_lease_in_order(
    admin: Fairlead, fleet: dict[str, str], ops: str
) -> None:
    checks = admin.checks("-n", fleet["ai"], "--operator-namespace", ops)
    assert set(level(checks, "definition ").values()) == {"ok"}
    assert set(level(checks, "your rights").values()) == {"ok"}
    assert level(checks, "the operator's rights") == {
        "the operator's rights everywhere": "ok",
        f"the operator's rights in namespace {ops}": "ok",
        f"the operator's rights in namespace {fleet['ai']}": "ok",
    }
    assert checks["lease of the operator"]["level"] == "ok"
    assert level(checks, "fleet ") == {f"fleet {fleet['ai']}/main": "ok", f"fleet {fleet['ai']}/spare": "fail"}
    assert checks["fragments of providers"]["level"] == "ok"


def test_the_doctor_says_unknown_where_the_leader_cannot_be_asked(
    admin: Fairlead, fleet: dict[str, str], ops: str
) -> None:
    watches = admin.checks("-n", fleet["ai"], "--operator-namespace", ops)["watches of the operator"]
    assert watches["level"] == "unknown"
    assert "operator-7f" in watches["why"]


def test_the_doctor_finds_a_lease_that_nobody_renews(
    admin: Fairlead, kubectl: Kubectl, fleet: dict[str, str], ops: str
) -> None:
    kubectl.apply(lease_of(ops, datetime.now(UTC) - timedelta(hours=2)))
    found = admin.checks("-n", fleet["ai"], "--operator-namespace", ops)["lease of the operator"]
    assert (found["level"], "has not renewed it for 120m" in found["why"]) == ("fail", True)


def test_the_doctor_finds_a_right_that_was_taken_from_the_operator(
    admin: Fairlead, kubectl: Kubectl, fleet: dict[str, str], ops: str
) -> None:
    rules = [rule for rule in rbac.GATEWAY_RULES if rule["resources"] != ["pods"]]
    [role, _] = granted("gateways", fleet["ai"], tuple(rules), {})
    kubectl.apply(role)
    what = f"the operator's rights in namespace {fleet['ai']}"

    def found() -> Json | None:
        check = admin.checks("-n", fleet["ai"], "--operator-namespace", ops)[what]
        return check if check["level"] == "fail" else None

    check = wait_until(found, what="the doctor sees it")
    assert check is not None
    assert check["why"] == "missing: get pods, list pods, watch pods, patch pods"
    assert "gatewayNamespaces" in check["remedy"]


def test_the_doctor_exits_1_on_a_failure_and_0_without(
    admin: Fairlead, kubectl: Kubectl, fleet: dict[str, str], ops: str
) -> None:
    failing = admin("doctor", "-n", fleet["ai"], "--operator-namespace", ops)
    assert (failing.returncode, failing.stdout.splitlines()[-1].split(", ")[2] != "0 fail") == (1, True)
    sound = admin("doctor", "-n", fleet["team-a"], "--operator-namespace", ops)
    assert (sound.returncode, ", 0 fail, " in sound.stdout.splitlines()[-1]) == (0, True)


def test_what_a_user_may_not_read_is_unknown_and_never_ok(nobody: Fairlead, fleet: dict[str, str], ops: str) -> None:
    checks = nobody.checks("-n", fleet["ai"], "--operator-namespace", ops)
    # Definitions are published to everybody who is known.
    assert set(level(checks, "definition ").values()) == {"ok"}
    assert level(checks, "your rights") == {f"your rights in namespace {fleet['ai']}": "fail"}
    assert "missing: list modelproviders.fairlead.dev" in checks[f"your rights in namespace {fleet['ai']}"]["why"]
    known = ("definition ", "your rights")
    others = {what: check["level"] for what, check in checks.items() if not what.startswith(known)}
    assert len(others) == 7
    assert set(others.values()) == {"unknown"}
    assert checks["lease of the operator"]["why"] == f"you lack a right: get leases in namespace {ops}"
    assert "create subjectaccessreviews" in checks["the operator's rights everywhere"]["why"]


@pytest.fixture
def older(crds: ControlPlane) -> Iterator[Callable[[Callable[[Json], None]], None]]:
    """Change the served definition of ModelProvider as a test likes; put right afterwards."""

    def change(edit: Callable[[Json], None]) -> None:
        definition = deepcopy(crd_of(Kind.MODEL_PROVIDER))
        edit(definition)
        crds.kubectl("replace", "-f", "-", stdin=json.dumps(with_version(crds.kubectl, definition)))

    yield change
    crds.kubectl("replace", "-f", "-", stdin=json.dumps(with_version(crds.kubectl, crd_of(Kind.MODEL_PROVIDER))))


def with_version(kubectl: Kubectl, definition: Json) -> Json:
    """Return the definition as it may replace the one that is there."""
    there = kubectl.read("get", "crd", definition["metadata"]["name"])
    definition["metadata"]["resourceVersion"] = there["metadata"]["resourceVersion"]
    return definition


def test_the_doctor_finds_a_field_that_the_served_definition_lacks(
    older: Callable[[Callable[[Json], None]], None], admin: Fairlead, fleet: dict[str, str]
) -> None:
    def drop(definition: Json) -> None:
        schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        del schema["properties"]["status"]["properties"]["usage"]

    older(drop)
    found = admin.checks("-n", fleet["ai"])["definition modelproviders.fairlead.dev"]
    assert found["level"] == "fail"
    assert found["why"] == "older than this program: it lacks status.usage; what users write there is dropped"
    assert found["remedy"] == "fairlead crds | kubectl apply --server-side -f -"
