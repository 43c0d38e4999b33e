"""The commands of `kubectl fairlead` on a real API server, as programs of their own: tables, rights, and the doctor."""

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster.control_plane import ControlPlane
from cluster.kubectl import Kubectl
from cluster.namespaces import fresh_namespace
from cluster.processes import wait_until
from doubles.case_files import CASES, input_of

from fairlead_operator.cli.doctor_lookup import LEASE_NAME
from fairlead_operator.fleet import rbac
from fairlead_operator.handlers import operate
from fairlead_operator.resources.meta import Kind
from fairlead_operator.resources.schema import crd_of

Json = dict[str, Any]
APPLY_STATUS = ("apply", "--server-side", "--subresource=status", "--field-manager=fairlead-operator", "-f", "-")
NAMESPACES = ("ai", "team-lab", "team-a", "team-b")
AGE = re.compile("([0-9]+[smhdy]){1,2}")


class Fairlead:
    """Runs the plugin as kubectl runs it, by one kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", "-m", "fairlead_operator.cli.main", *arguments]
        environ = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environ, check=False)

    def checks(self, *arguments: str) -> dict[str, Json]:
        """Return what the doctor says, by what it is about."""
        told = json.loads(self("doctor", *arguments, "-o", "json").stdout)
        return {each["what"]: each for each in told["checks"]}


def install_definitions(kubectl: Kubectl) -> None:
    """Install this program's definitions, as the doctor's remedy says."""
    command = [sys.executable, "-m", "fairlead_operator.cli.main", "crds"]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=printed)


@pytest.fixture(scope="module")
def fleet(crds: ControlPlane) -> Iterator[dict[str, str]]:
    """The case's fleet, in namespaces of this module's own; returns what they are called, by the case's names."""
    install_definitions(crds.kubectl)
    mark = uuid.uuid4().hex[:6]
    named = {name: f"{name}-{mark}" for name in NAMESPACES}
    for name in named.values():
        crds.kubectl("create", "namespace", name)
    for content in yaml.safe_load(input_of("kubectl", "fleet").read_text()):
        create(crds.kubectl, renamed(content, named))
    yield named
    crds.kubectl("delete", "namespace", *named.values(), "--wait=false")


def renamed(content: Json, named: dict[str, str]) -> Json:
    """Return the object in its namespace of this module."""
    metadata = {"name": content["metadata"]["name"], "namespace": named[content["metadata"]["namespace"]]}
    return {**content, "metadata": metadata}


def create(kubectl: Kubectl, content: Json) -> None:
    """Create an object, then write its status, as only the operator may, on the generation that it has here."""
    status = content.pop("status", None)
    kubectl("create", "-f", "-", stdin=json.dumps(content))
    if status is not None:
        status["observedGeneration"] = 1
        today = datetime.now(UTC).strftime("%Y-%m-%d")
        if status.get("usage", {}).get("day") == "2026-11-27":
            status["usage"]["day"] = today
        spoken = {name: content[name] for name in ("apiVersion", "kind", "metadata")}
        kubectl(*APPLY_STATUS, stdin=json.dumps({**spoken, "status": status}))


@pytest.fixture(scope="module")
def admin(crds: ControlPlane) -> Fairlead:
    return Fairlead(crds.admin_kubeconfig)


@pytest.fixture(scope="module")
def nobody(crds: ControlPlane) -> Fairlead:
    """A user that the API server knows, and that may do nothing."""
    return Fairlead(crds.kubeconfig("nobody", user="nobody@example"))


def case_lines(command: str, namespace: str) -> list[list[str]]:
    """Return the words of the case's table that are about one namespace, without its column, and without ages."""
    table = (CASES / "kubectl" / f"fleet.{command}.txt").read_text().splitlines()
    return [without_ages(line.split()[1:]) for line in table if line.split()[:1] == [namespace]]


def without_ages(words: list[str]) -> list[str]:
    """Return the words but for the ages, which are others each time."""
    return [word for word in words if not AGE.fullmatch(word)]


@pytest.mark.parametrize(
    ("command", "namespace"),
    [
        ("providers", "ai"),
        ("providers", "team-lab"),
        ("routes", "team-a"),
        ("top-providers", "ai"),
    ],
)
def test_a_table_is_that_of_the_case(command: str, namespace: str, admin: Fairlead, fleet: dict[str, str]) -> None:
    ran = admin(*command.split("-"), "-n", fleet[namespace])
    assert (ran.returncode, ran.stderr) == (0, "")
    rows = [line.split() for line in ran.stdout.partition("\n\n")[0].splitlines()[1:]]
    assert sorted(without_ages(row) for row in rows) == sorted(case_lines(command, namespace))


@pytest.mark.parametrize(
    ("kind", "namespace"), [("mp", "ai"), ("mp", "team-lab"), ("rp", "team-a"), ("rp", "team-b"), ("mg", "ai")]
)
def test_kubectl_get_prints_the_columns_as_they_stand_beside_the_case(
    kind: str, namespace: str, kubectl: Kubectl, fleet: dict[str, str]
) -> None:
    printed = kubectl("get", kind, "-n", fleet[namespace], "-o", "wide")
    lines = ["  ".join(without_ages(line.split())) for line in printed.splitlines()]
    expected = CASES / "kubectl" / f"get-{kind}-{namespace}.txt"
    if os.environ.get("UPDATE_CASES") == "1":
        expected.write_text("".join(f"{line}\n" for line in lines))
    assert lines == expected.read_text().splitlines()


def test_kubectl_explain_has_a_text_for_every_field(kubectl: Kubectl, fleet: dict[str, str]) -> None:
    # What the API server publishes here is what kubectl explain reads.
    published = json.loads(kubectl("get", "--raw", "/openapi/v3/apis/fairlead.dev/v1alpha1"))["components"]["schemas"]
    ours = {f"dev.fairlead.v1alpha1.{kind}": published[f"dev.fairlead.v1alpha1.{kind}"] for kind in Kind}
    fields = [each for name, schema in ours.items() for each in described(schema, name.rpartition(".")[2])]
    assert len(fields) > 200
    assert [path for path, text in fields if not text] == []


def described(schema: Json, path: str) -> Iterator[tuple[str, str]]:
    """Yield the path and description of every field of ours below a published schema."""
    for name, field in schema.get("properties", {}).items():
        if name == "metadata":
            continue
        yield f"{path}.{name}", field.get("description", "")
        yield from described(field, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from described(schema[key], path)


def test_a_policy_that_is_refused_or_that_nobody_has_looked_at_says_so(admin: Fairlead, fleet: dict[str, str]) -> None:
    told = json.loads(admin("routes", "-n", fleet["team-b"], "-o", "json").stdout)["rules"]
    found = {rule["policy"]: (rule["state"], rule["active"], rule["why"]) for rule in told}
    assert found == {
        "never-looked-at": ("Unknown", None, "no status yet: no operator has looked at it"),
        "search": ("FallenBack", "ai/anthropic/claude-large", "ai/openai/gpt-small RateLimited until 10:45:10Z"),
        "wrong": ("Unknown", None, "Conflicted: spec.models[0]: smart is offered by the older policy search"),
    }


def test_a_status_of_every_namespace_is_one_screen(admin: Fairlead, fleet: dict[str, str]) -> None:
    screen = admin("status", "-A").stdout
    assert [line.split()[0] for line in screen.splitlines() if line[:1].isupper()] == [
        "GATEWAYS",
        "PROVIDERS",
        "POLICIES",
        "TODAY",
    ]
    told = json.loads(admin("status", "-n", fleet["ai"], "-o", "json").stdout)
    assert [(each["proxies"]["ready"], each["revision"]) for each in told["gateways"]] == [
        (3, "r-5d2e0a1b2c3d"),
        (0, ""),
    ]
    assert told["providers"]["byState"] == {"Healthy": 1, "Degraded": 0, "Unavailable": 1, "Unknown": 0}
    assert told["today"]["byProviders"]["inputTokens"] == 2_000_000


def test_teams_are_the_namespaces_of_policies(admin: Fairlead, fleet: dict[str, str]) -> None:
    told = json.loads(admin("top", "teams", "-A", "-o", "json").stdout)["teams"]
    ours = [each for each in told if each["namespace"] in fleet.values()]
    assert [(each["namespace"], each["inputTokens"]) for each in ours] == [
        (fleet["team-a"], 1_500_000),
        (fleet["team-b"], 500_000),
    ]


def test_names_go_into_kubectl_again(admin: Fairlead, kubectl: Kubectl, fleet: dict[str, str]) -> None:
    names = admin("providers", "-n", fleet["ai"], "-o", "name").stdout
    assert names == kubectl("get", "mp", "-n", fleet["ai"], "-o", "name")


def test_a_context_is_chosen_by_name_with_its_namespace(
    crds: ControlPlane, fleet: dict[str, str], tmp_path: Path
) -> None:
    content = yaml.safe_load(crds.admin_kubeconfig.read_text())
    [context] = content["contexts"]
    team = {"name": "team", "context": {**context["context"], "namespace": fleet["team-lab"]}}
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump({**content, "contexts": [context, team]}))
    assert "vllm" in Fairlead(file)("providers", "--context", "team").stdout
    refused = Fairlead(file)("providers", "--context", "gone")
    assert (refused.returncode, "there is no context 'gone'" in refused.stderr) == (2, True)


@pytest.mark.parametrize("command", [["status"], ["providers"], ["top", "providers"]], ids=" ".join)
def test_a_user_without_rights_is_told_which_one_is_missing(command: list[str], nobody: Fairlead) -> None:
    refused = nobody(*command, "-n", "default")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "you lack a right: list model" in refused.stderr
    assert "in namespace default; ask for a role that grants it" in refused.stderr


def test_a_trace_takes_the_key_secret_and_says_so(nobody: Fairlead, fleet: dict[str, str]) -> None:
    refused = nobody("trace", "0a1b", "--gateway", f"{fleet['ai']}/main")
    assert refused.returncode == 2
    assert f"you lack a right: get secrets/main-keys in namespace {fleet['ai']}" in refused.stderr
    without = nobody("trace", "0a1b")
    assert "or name the gateway: --gateway NAMESPACE/NAME" in without.stderr


def test_a_trace_at_a_gateway_without_a_fleet_is_refused(admin: Fairlead, fleet: dict[str, str]) -> None:
    refused = admin("trace", "0a1b", "--gateway", f"{fleet['ai']}/spare")
    assert (refused.returncode, "has no Secret spare-keys" in refused.stderr) == (2, True)


def test_the_doctors_lease_is_the_operators() -> None:
    assert LEASE_NAME == operate.LEASE_NAME


@pytest.fixture
def ops(kubectl: Kubectl, fleet: dict[str, str]) -> Iterator[str]:
    """The operator's namespace, with its account and exactly its rights, and a Lease that was renewed just now."""
    name = f"ops-{uuid.uuid4().hex[:6]}"
    kubectl("create", "namespace", name)
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


def granted(name: str, namespace: str, rules: tuple[rbac.Rule, ...], subject: Json) -> list[Json]:
    """Return a role and its binding, of the cluster where there is no namespace."""
    kind = "Role" if namespace else "ClusterRole"
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    group = "rbac.authorization.k8s.io"
    reference = {"apiGroup": group, "kind": kind, "name": name}
    role = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": metadata, "rules": [dict(rule) for rule in rules]}
    binding = {"apiVersion": f"{group}/v1", "kind": f"{kind}Binding", "metadata": metadata}
    return [role, {**binding, "roleRef": reference, "subjects": [subject]}]


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
def plugins(tmp_path: Path) -> Path:
    """A folder with the two programs of the plugin, as an installation puts them on the PATH."""
    programs = {"kubectl-fairlead": "cli.main", "kubectl_complete-fairlead": "cli.completion"}
    for name, module in programs.items():
        file = tmp_path / name
        file.write_text(f"#!{sys.executable}\nfrom fairlead_operator.{module} import main\nmain()\n")
        file.chmod(0o755)
    return tmp_path


def test_kubectl_runs_the_plugin_and_asks_it_for_completions(
    plugins: Path, kubectl: Kubectl, fleet: dict[str, str]
) -> None:
    environ = {
        "PATH": f"{plugins}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "HOME": str(plugins),
        "KUBECONFIG": str(kubectl.kubeconfig),
    }

    def run(*arguments: str) -> str:
        command = [str(kubectl.program), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environ, check=True).stdout

    assert run("fairlead", "--version").startswith("fairlead ")
    assert "anthropic" in run("fairlead", "providers", "-n", fleet["ai"])
    assert run("__complete", "fairlead", "pro").splitlines()[0] == "providers"
    assert run("__complete", "fairlead", "providers", "-n", fleet["ai"], "o").splitlines()[0] == "openai"


def test_a_service_account_that_may_view_a_namespace_sees_it_and_nothing_else(
    crds: ControlPlane, kubectl: Kubectl, fleet: dict[str, str]
) -> None:
    team = fleet["team-b"]
    kubectl("create", "serviceaccount", "viewer", "-n", team)
    subject = {"kind": "ServiceAccount", "name": "viewer", "namespace": team}
    rules: tuple[rbac.Rule, ...] = ({"apiGroups": ["fairlead.dev"], "resources": rbac.OURS, "verbs": ["get", "list"]},)
    kubectl.apply(*granted("viewer", team, rules, subject))
    viewer = Fairlead(crds.service_account_kubeconfig(team, "viewer"))
    wait_until(lambda: viewer("routes", "-n", team).returncode == 0, what="the right is in force")
    assert "FallenBack" in viewer("routes", "-n", team).stdout
    assert "in every namespace" in viewer("routes", "-A").stderr


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


OFFERED = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelGateway
metadata: {{name: open, namespace: {ai}}}
spec: {{tenants: {{namespaceSelector: {{matchLabels: {{tenant: {team}}}}}}}}}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {{name: fast, namespace: {ai}}}
spec: {{type: Simulated, models: [{{name: m}}], consumers: {{namespaceSelector: {{}}}}}}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {{name: slow, namespace: {ai}}}
spec:
  type: OpenAICompatible
  endpoint: {{url: "https://slow.example/v1", caRef: {{name: authorities, key: ca.crt}}}}
  models: [{{name: m}}]
  consumers: {{namespaceSelector: {{}}}}
---
apiVersion: fairlead.dev/v1alpha1
kind: RoutePolicy
metadata: {{name: open, namespace: {team}}}
spec:
  gatewayRef: {{name: open, namespace: {ai}}}
  models: [offered]
  rules:
  - name: all
    route:
      targets:
      - {{provider: {{name: slow, namespace: {ai}}}, model: m, priority: 1}}
      - {{provider: {{name: fast, namespace: {ai}}}, model: m, priority: 0}}
"""


def test_a_call_is_explained_by_the_cluster_with_the_rights_of_a_viewer_of_the_namespaces_that_count(
    crds: ControlPlane, kubectl: Kubectl, fleet: dict[str, str]
) -> None:
    with fresh_namespace(kubectl) as team, fresh_namespace(kubectl) as platform:
        kubectl("label", "namespace", team, f"tenant={team}")
        kubectl.apply(OFFERED.format(ai=platform, team=team))
        kubectl("create", "serviceaccount", "asker", "-n", team)
        subject = {"kind": "ServiceAccount", "name": "asker", "namespace": team}
        rules: tuple[rbac.Rule, ...] = (
            {"apiGroups": ["fairlead.dev"], "resources": rbac.OURS, "verbs": ["list"]},
            {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
        )
        kubectl.apply(*granted("asker", team, rules, subject))
        asker = Fairlead(crds.service_account_kubeconfig(team, "asker"))
        question = ("explain", "-n", team, "--model", "offered")
        lacking = f"you lack a right: list modelgateways.fairlead.dev in namespace {platform}"
        wait_until(lambda: lacking in asker(*question).stderr, what="the team's right is in force, and no other")
        kubectl.apply(*granted("asker", platform, rules, subject))
        wait_until(lambda: asker(*question).returncode == 0, what="the right at the platform is in force")
        told = json.loads(asker(*question, "-o", "json").stdout)
        order = [(each["target"], each["used"]) for each in told["targets"]]
        assert order == [(f"{platform}/fast/m", True), (f"{platform}/slow/m", True)]
        assert (told["policy"], told["rule"]) == (f"{team}/open", "all")
        names = "modelprovider.fairlead.dev/fast\nmodelprovider.fairlead.dev/slow\n"
        assert asker(*question, "-o", "name").stdout == names
        kubectl("label", "namespace", team, "tenant-")
        unlabelled = asker(*question)
        assert (unlabelled.returncode, "refused   model_not_found" in unlabelled.stdout) == (1, True)


def test_a_user_that_the_api_server_does_not_know_is_told(crds: ControlPlane, tmp_path: Path) -> None:
    content = yaml.safe_load(crds.admin_kubeconfig.read_text())
    content["users"][0]["user"] = {"token": "of nobody"}
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(content))
    for command in (["status"], ["doctor"]):
        refused = Fairlead(file)(*command)
        assert (refused.returncode, "does not know you" in refused.stderr) == (2, True)
