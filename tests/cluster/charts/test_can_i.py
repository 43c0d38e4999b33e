"""What the API server lets whom do once the charts are installed, verb by verb, as `kubectl auth can-i --as` asks."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.charts.release import IMAGES, OPS, VERBS, Ground, Json, allowed, every
from cluster.charts.rendered import Right, rights
from cluster.processes import wait_until

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
