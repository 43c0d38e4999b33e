"""Who may name a Secret, once the chart's admission policies are installed on a real API server: who may get it."""

import json
from collections.abc import Iterator
from functools import partial

import pytest
import yaml
from cluster.charts.release import IMAGES, OPS, Ground, Json
from cluster.charts.rendered import CHART, render
from cluster.crds import CRDS
from cluster.helm import Helm
from cluster.kubectl import KubectlFailed
from cluster.processes import wait_until
from fence.references import OWN_NAMESPACE

TEAM = "team-admission"
ELSEWHERE = "team-elsewhere"
SECRET = "wanted"
VALUES: Json = {**IMAGES, "gateway": {"enabled": False}, "admission": {"secretReferences": True}}
ALICE, BOB, CAROL, TOOL = "alice", "bob", "carol", "argocd-application-controller"
"""May get one Secret; may get none; may get all of the namespace; may write everywhere and get Secrets elsewhere."""

MOST_BY_NAME = 26
"""As the README of the chart tells; beyond it an evaluation costs more than the API server spends on one."""

NAMED = {"name": SECRET, "key": "key"}
PLAIN: Json = {"type": "Simulated", "models": [{"name": "small"}]}
CREDENTIALS = "ModelProvider.spec.credentials[].secretRef"
SPECS_THAT_NAME: dict[str, Json] = {
    CREDENTIALS: {"type": "OpenAI", "models": [{"name": "m"}], "credentials": [{"name": "a", "secretRef": NAMED}]},
    "ModelProvider.spec.endpoint.caRef": {
        "type": "OpenAICompatible",
        "models": [{"name": "m"}],
        "endpoint": {"url": "https://models.example/v1", "caRef": {"name": SECRET}},
    },
    "ModelGateway.spec.listeners[].tls.secretName": {
        "listeners": [
            {"name": "http", "port": 8080},
            {"name": "https", "port": 8443, "tls": {"secretName": SECRET}},
        ]
    },
    "ModelGateway.spec.ledger.postgres.secretRef": {"ledger": {"postgres": {"secretRef": NAMED}}},
}
"""By the field that names a Secret: the spec of an object that names one there and nowhere else."""


def written(kind: str, spec: Json, name: str = "subject", labels: Json | None = None) -> str:
    """Return an object of ours as JSON."""
    metadata = {"name": name, "namespace": TEAM, "labels": labels or {}}
    return json.dumps({"apiVersion": "fairlead.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec})


def tried(user: str) -> tuple[str, ...]:
    """Return the command with which a user tries to write an object that is told on stdin; nothing is kept of it."""
    return (f"--as={user}", "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-o", "name", "-f", "-")


@pytest.fixture(scope="module")
def guarded(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """The charts are installed with their admission policies, which hold by now; four users have their rights."""
    for namespace in (OPS, TEAM, ELSEWHERE):
        ground.namespace(namespace)
    kubectl = ground.kubectl
    kinds = "--resource=modelproviders.fairlead.dev,modelgateways.fairlead.dev"
    try:
        ground.install(tmp_path_factory.mktemp("values"), VALUES)
        verbs = "--verb=get,create,update,patch"
        kubectl("create", "clusterrole", "test-writer", verbs, kinds)
        kubectl("create", "clusterrole", "test-all-secrets", "--verb=get", "--resource=secrets")
        kubectl(
            "create", "role", "one-secret", "-n", TEAM, "--verb=get", "--resource=secrets", f"--resource-name={SECRET}"
        )
        users = [f"--user={user}" for user in (ALICE, BOB, CAROL)]
        kubectl("create", "rolebinding", "writers", "-n", TEAM, "--clusterrole=test-writer", *users)
        kubectl("create", "rolebinding", "one-secret", "-n", TEAM, "--role=one-secret", f"--user={ALICE}")
        kubectl("create", "rolebinding", "secrets", "-n", TEAM, "--clusterrole=test-all-secrets", f"--user={CAROL}")
        kubectl("create", "clusterrolebinding", "test-writer", "--clusterrole=test-writer", f"--user={TOOL}")
        kubectl("create", "rolebinding", "secrets", "-n", ELSEWHERE, "--clusterrole=test-all-secrets", f"--user={TOOL}")
        for field in (CREDENTIALS, "ModelGateway.spec.listeners[].tls.secretName"):
            wait_until(partial(refused, ground, BOB, field), what=f"the policy on {field} holds")
        yield ground
    finally:
        ground.uninstall()
        kubectl("delete", "clusterrolebinding", "test-writer", "--ignore-not-found")
        kubectl("delete", "clusterrole", "test-writer", "test-all-secrets", "--ignore-not-found")
        kubectl("delete", "namespace", TEAM, ELSEWHERE, "--ignore-not-found", "--wait=false")


def refused(ground: Ground, user: str, field: str) -> bool:
    """Say whether the policies refuse what a user writes; raise KubectlFailed when anything else does."""
    try:
        ground.kubectl(*tried(user), stdin=written(field.partition(".")[0], SPECS_THAT_NAME[field]))
    except KubectlFailed as error:
        if "ValidatingAdmissionPolicy" not in str(error):
            raise
        return True
    return False


def test_every_field_of_our_kinds_that_names_a_secret_is_tried_here() -> None:
    assert set(OWN_NAMESPACE) == set(SPECS_THAT_NAME)


def test_as_many_entries_are_looked_at_as_a_list_may_have(offline_helm: Helm) -> None:
    rendered = render(offline_helm, CHART, "fairlead", OPS, "--set", "admission.secretReferences=true")
    looked_at = {
        path: sum(f"'spec.{path}[" in each["messageExpression"] for each in policy["spec"]["validations"])
        for policy, path in (
            (rendered.one("ValidatingAdmissionPolicy", "fairlead-providers"), "credentials"),
            (rendered.one("ValidatingAdmissionPolicy", "fairlead-gateways"), "listeners"),
        )
    }
    definitions = [
        yaml.safe_load((CRDS / f"{plural}.fairlead.dev.yaml").read_text())
        for plural in ("modelproviders", "modelgateways")
    ]
    specs = [
        each["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        for each in definitions
    ]
    assert looked_at == {path: specs[n][path]["maxItems"] for n, path in enumerate(("credentials", "listeners"))}


def test_nothing_is_refused_by_the_chart_unless_it_is_asked_for(offline_helm: Helm) -> None:
    rendered = render(offline_helm, CHART, "fairlead", OPS)
    assert [each for each in rendered.objects if each["kind"].startswith("ValidatingAdmissionPolicy")] == []


@pytest.mark.parametrize("field", SPECS_THAT_NAME)
@pytest.mark.parametrize("user", [ALICE, CAROL])
def test_who_may_get_a_secret_may_name_it(guarded: Ground, user: str, field: str) -> None:
    assert not refused(guarded, user, field)


@pytest.mark.parametrize("field", SPECS_THAT_NAME)
def test_who_may_not_get_a_secret_may_not_name_it_and_is_told_field_secret_and_remedy(
    guarded: Ground, field: str
) -> None:
    kind, _, path = field.partition(".")
    told = guarded.kubectl.refusal(*tried(BOB), stdin=written(kind, SPECS_THAT_NAME[field]))
    at = path.replace("[]", "[1]" if "listeners" in path else "[0]") + ("" if path.endswith("secretName") else ".name")
    assert f"{at}: {BOB} may not get Secret {SECRET} in namespace {TEAM}" in told
    assert "name one that you may get, or have the right to get it granted there" in told


def test_one_secret_of_several_that_may_not_be_got_is_enough(guarded: Ground) -> None:
    others = [{"name": "a", "secretRef": NAMED}, {"name": "b", "secretRef": {"name": "another", "key": "key"}}]
    spec = {**SPECS_THAT_NAME[CREDENTIALS], "credentials": others}
    assert f"spec.credentials[1].secretRef.name: {ALICE} may not get Secret another" in guarded.kubectl.refusal(
        *tried(ALICE), stdin=written("ModelProvider", spec)
    )


@pytest.mark.parametrize(("kind", "spec"), [("ModelProvider", PLAIN), ("ModelGateway", {})])
def test_who_may_get_no_secret_writes_what_names_none(guarded: Ground, kind: str, spec: Json) -> None:
    assert guarded.kubectl(*tried(BOB), stdin=written(kind, spec)).strip().endswith("/subject")


def test_a_tool_that_writes_everywhere_has_no_secret_used_that_it_may_only_get_elsewhere(guarded: Ground) -> None:
    assert refused(guarded, TOOL, CREDENTIALS)


def test_who_may_not_get_a_secret_labels_an_object_that_names_it_and_changes_nothing_of_its_spec(
    guarded: Ground,
) -> None:
    spec = SPECS_THAT_NAME[CREDENTIALS]
    guarded.kubectl(f"--as={ALICE}", "create", "-f", "-", stdin=written("ModelProvider", spec, "kept"))
    labelled = written("ModelProvider", spec, "kept", {"team": "search"})
    assert guarded.kubectl(*tried(BOB), stdin=labelled).strip().endswith("/kept")
    elsewhere = {**spec, "type": "OpenAICompatible", "endpoint": {"url": "https://of-bob.example/v1"}}
    told = guarded.kubectl.refusal(*tried(BOB), stdin=written("ModelProvider", elsewhere, "kept"))
    assert "ValidatingAdmissionPolicy" in told


def test_as_many_credentials_as_a_provider_may_have_are_admitted_for_who_may_get_all_secrets(guarded: Ground) -> None:
    many = [{"name": f"c{n}", "secretRef": {"name": f"secret-{n}", "key": "key"}} for n in range(32)]
    spec = {**SPECS_THAT_NAME[CREDENTIALS], "credentials": many}
    assert guarded.kubectl(*tried(CAROL), stdin=written("ModelProvider", spec)).strip().endswith("/subject")


def test_who_may_get_secrets_one_by_one_may_name_as_many_as_is_told(guarded: Ground) -> None:
    names = [f"secret-{n}" for n in range(MOST_BY_NAME)]
    guarded.kubectl(
        "create", "role", "many", "-n", TEAM, "--verb=get", "--resource=secrets",
        *(f"--resource-name={name}" for name in names),
    )  # fmt: skip
    guarded.kubectl("create", "rolebinding", "many", "-n", TEAM, "--role=many", f"--user={BOB}")
    credentials = [{"name": name, "secretRef": {"name": name, "key": "key"}} for name in names]
    spec = {**SPECS_THAT_NAME[CREDENTIALS], "credentials": credentials}

    def admitted() -> bool:
        try:
            return bool(guarded.kubectl(*tried(BOB), stdin=written("ModelProvider", spec)))
        except KubectlFailed as error:
            # Until the right has come round; the other refusal, that it costs too much, would stay.
            if f"{BOB} may not get" not in str(error):
                raise
            return False

    wait_until(admitted, what=f"{MOST_BY_NAME} Secrets are named")
