"""What the API server lets whom do once the charts are installed, verb by verb, as `kubectl auth can-i` has it."""

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from cluster.charts.release import IMAGES, OPS, VERBS, Ground, Json, allowed, every
from cluster.charts.rendered import Right, rights
from cluster.kubectl import Kubectl
from cluster.processes import wait_until
from doubles.case_files import expected_output

from fairlead_operator.fleet import rbac

PLATFORM = "ai-rights"
TEAM = "team-support"
ELSEWHERE = "team-search"
OPERATOR = f"system:serviceaccount:{OPS}:fairlead-operator"
PROXY = f"system:serviceaccount:{PLATFORM}:main-proxy"
VALUES: Json = {**IMAGES, "gatewayNamespaces": [PLATFORM], "createNamespace": True}

OURS = [("fairlead.dev", plural) for plural in rbac.OURS]
STATUS = [(group, f"{plural}/status") for group, plural in OURS]
READ = ("get", "list", "watch")
WRITE = ("create", "update", "patch", "delete", "deletecollection")
THEIRS = [
    *(("", each) for each in ("namespaces", "secrets", "configmaps", "services", "serviceaccounts", "pods", "nodes")),
    *(("", each) for each in ("pods/exec", "pods/log", "pods/status", "serviceaccounts/token", "events", "endpoints")),
    *(("apps", each) for each in ("deployments", "deployments/scale", "replicasets", "daemonsets", "statefulsets")),
    *(("rbac.authorization.k8s.io", each) for each in ("roles", "rolebindings", "clusterroles", "clusterrolebindings")),
    ("events.k8s.io", "events"),
    ("networking.k8s.io", "networkpolicies"),
    ("policy", "poddisruptionbudgets"),
    ("coordination.k8s.io", "leases"),
    ("authentication.k8s.io", "tokenreviews"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
]
EVERYTHING = every([*OURS, *STATUS, *THEIRS], [*VERBS, "bind", "escalate", "impersonate", "*"])


@pytest.fixture(scope="module")
def rights_ground(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """The charts are installed, and a team's namespace has a viewer, an editor and an admin."""
    for namespace in (OPS, TEAM, ELSEWHERE):
        ground.namespace(namespace)
    for role in ("view", "edit", "admin"):
        binding = f"{role}s"
        ground.kubectl("create", "rolebinding", binding, "-n", TEAM, f"--clusterrole={role}", f"--user={role}@{TEAM}")
    try:
        ground.install(tmp_path_factory.mktemp("values"), VALUES)
        wait_until(
            lambda: allowed(ground.kubectl, f"edit@{TEAM}", every(OURS[1:2], WRITE), TEAM),
            what="the cluster's roles hold ours",
        )
        yield ground
    finally:
        ground.uninstall()


def granted(rules: tuple[rbac.Rule, ...]) -> set[Right]:
    """Return those of the rights that are asked for that these rules grant."""
    assert rights(rules) <= EVERYTHING
    return rights(rules)


@pytest.mark.parametrize(
    ("namespace", "rules"),
    [
        ("", rbac.CLUSTER_RULES),
        (OPS, rbac.CLUSTER_RULES + rbac.OWN_NAMESPACE_RULES),
        (PLATFORM, rbac.CLUSTER_RULES + rbac.GATEWAY_RULES),
        (ELSEWHERE, rbac.CLUSTER_RULES),
    ],
    ids=["everywhere", "own", "gateways", "elsewhere"],
)
def test_the_operator_may_do_what_it_needs_and_nothing_else(
    rights_ground: Ground, namespace: str, rules: tuple[rbac.Rule, ...]
) -> None:
    assert allowed(rights_ground.kubectl, OPERATOR, EVERYTHING, namespace) == granted(rules)


def test_a_proxy_may_do_nothing(rights_ground: Ground) -> None:
    assert allowed(rights_ground.kubectl, PROXY, EVERYTHING, PLATFORM) == set()


ACCOUNTS = {"operator": OPERATOR, "proxy": PROXY}
PLACES = {"of the release": OPS, "of a gateway": PLATFORM, "of a team": TEAM, "foreign": ELSEWHERE}
NOBODY = f"system:serviceaccount:{ELSEWHERE}:nobody"
"""An account that nothing is bound to: what it may do, every account may."""


def test_what_each_account_can_do_in_each_namespace_is_the_list_on_disk(rights_ground: Ground) -> None:
    kubectl = rights_ground.kubectl
    everybody = listed(kubectl, NOBODY, ELSEWHERE)
    own = {
        account: {place: beyond(listed(kubectl, user, name), everybody) for place, name in PLACES.items()}
        for account, user in ACCOUNTS.items()
    }
    actual = {"everybody": everybody, **own}
    assert actual == expected_output("rights", "can-i", actual)
    assert own["proxy"] == {place: {} for place in PLACES}


def test_no_account_has_a_verb_on_secrets_outside_the_namespaces_of_gateways(rights_ground: Ground) -> None:
    found = {
        (account, place)
        for (account, user), (place, namespace) in product(ACCOUNTS.items(), PLACES.items())
        for resource in listed(rights_ground.kubectl, user, namespace)
        if resource.partition(".")[0].partition("/")[0] in ("secrets", "*")
    }
    assert found == {("operator", "of a gateway")}


def beyond(rules: dict[str, str], others: dict[str, str]) -> dict[str, str]:
    """Return the rules that are not among these others."""
    return {what: verbs for what, verbs in rules.items() if others.get(what) != verbs}


def listed(kubectl: Kubectl, user: str, namespace: str) -> dict[str, str]:
    """Return the verbs on each resource and path, as `kubectl auth can-i --list --as` has them from the API server."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    told = kubectl(f"--as={user}", "create", "--validate=false", "-f", "-", "-o", "json", stdin=json.dumps(review))
    status = json.loads(told)["status"]
    assert status["incomplete"] is False
    found: dict[str, set[str]] = {}
    for rule in status["resourceRules"]:
        names = "".join(f" {name}" for name in sorted(rule.get("resourceNames", [])))
        for group, resource in product(rule["apiGroups"], rule["resources"]):
            found.setdefault(f"{resource}.{group}".rstrip(".") + names, set()).update(rule["verbs"])
    for rule in status["nonResourceRules"]:
        for path in rule["nonResourceURLs"]:
            found.setdefault(path, set()).update(rule["verbs"])
    return {what: " ".join(sorted(verbs)) for what, verbs in sorted(found.items())}


def test_the_owner_of_a_namespace_lets_the_operator_read_its_secrets_and_takes_it_back(rights_ground: Ground) -> None:
    secrets = every([("", "secrets")])
    asked = (rights_ground.kubectl, OPERATOR, secrets, TEAM)
    assert allowed(*asked) == set()
    owner = f"--as=admin@{TEAM}"
    account = f"--serviceaccount={OPS}:fairlead-operator"
    name = "fairlead-secret-reader"
    rights_ground.kubectl(owner, "create", "rolebinding", name, "-n", TEAM, f"--clusterrole={name}", account)
    wait_until(lambda: allowed(*asked) == every([("", "secrets")], READ), what="it may read, and only read")
    rights_ground.kubectl(owner, "delete", "rolebinding", name, "-n", TEAM)
    wait_until(lambda: allowed(*asked) == set(), what="it may no longer")


def test_who_may_view_a_namespace_sees_our_objects_and_writes_none(rights_ground: Ground) -> None:
    found = allowed(rights_ground.kubectl, f"view@{TEAM}", every([*OURS, *STATUS]), TEAM)
    assert found == every(OURS, READ)


@pytest.mark.parametrize("role", ["edit", "admin"])
def test_who_may_edit_a_namespace_writes_policies_and_nothing_else_of_ours(rights_ground: Ground, role: str) -> None:
    found = allowed(rights_ground.kubectl, f"{role}@{TEAM}", every([*OURS, *STATUS]), TEAM)
    assert found == every(OURS, READ) | every([("fairlead.dev", "routepolicies")], WRITE)


@pytest.mark.parametrize("role", ["view", "edit", "admin"])
def test_a_role_in_one_namespace_is_none_in_another(rights_ground: Ground, role: str) -> None:
    assert allowed(rights_ground.kubectl, f"{role}@{TEAM}", every([*OURS, *STATUS]), ELSEWHERE) == set()


def test_tenants_write_providers_only_where_the_platform_says_so(rights_ground: Ground, tmp_path: Path) -> None:
    rights_ground.install(tmp_path, VALUES | {"rbac": {"tenantsEditModelProviders": True}})
    wanted = every(OURS, READ) | every([("fairlead.dev", "routepolicies"), ("fairlead.dev", "modelproviders")], WRITE)
    editor = f"edit@{TEAM}"
    questions = every([*OURS, *STATUS])
    wait_until(
        lambda: allowed(rights_ground.kubectl, editor, questions, TEAM) == wanted, what="an editor writes providers"
    )
    assert allowed(rights_ground.kubectl, f"view@{TEAM}", questions, TEAM) == every(OURS, READ)
    rights_ground.install(tmp_path, VALUES)
    without = wanted - every([("fairlead.dev", "modelproviders")], WRITE)
    wait_until(
        lambda: allowed(rights_ground.kubectl, editor, questions, TEAM) == without, what="an editor no longer does"
    )
