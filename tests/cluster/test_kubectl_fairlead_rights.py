"""`kubectl fairlead` on a real API server, for users of few rights: what they see, and what they are told they lack."""

import json
from pathlib import Path

import pytest
import yaml
from cluster.control_plane import ControlPlane
from cluster.kubectl import Kubectl
from cluster.kubectl_plugin import Fairlead, granted
from cluster.namespaces import fresh_namespace
from cluster.processes import wait_until

from fairlead_operator.fleet import rbac

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


@pytest.mark.parametrize("command", [["status"], ["providers"], ["top", "providers"]], ids=" ".join)
def test_a_user_without_rights_is_told_which_one_is_missing(command: list[str], nobody: Fairlead) -> None:
    refused = nobody(*command, "-n", "default")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "you lack a right: list model" in refused.stderr
    assert "in namespace default; ask for a role that grants it" in refused.stderr


def test_a_trace_takes_the_secret_of_the_admin_token_and_says_so(nobody: Fairlead, fleet: dict[str, str]) -> None:
    refused = nobody("trace", "0a1b", "--gateway", f"{fleet['ai']}/main")
    assert refused.returncode == 2
    assert f"you lack a right: get secrets/main-debug-token in namespace {fleet['ai']}" in refused.stderr
    without = nobody("trace", "0a1b")
    assert "or name the gateway: --gateway NAMESPACE/NAME" in without.stderr


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
