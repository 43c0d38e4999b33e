"""Both charts on a real API server, as the first look goes: installed, called, looked at, upgraded."""

import json
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cluster.audit import Audit
from cluster.charts.release import IMAGES, OPS, RELEASE, Ground, Json
from cluster.charts.rendered import CHART, CRD_CHART
from cluster.helm import HelmFailed
from cluster.processes import wait_until

PLATFORM = "ai-first-look"
VALUES: Json = {**IMAGES, "gatewayNamespaces": [PLATFORM], "quickstart": {"enabled": True}}
OBJECTS = (("modelgateway", "main"), ("modelprovider", "quickstart"), ("routepolicy", "quickstart"))


@pytest.fixture(scope="module")
def audit(ground: Ground) -> Audit:
    """The audit log from before the charts are installed."""
    reader = Audit(ground.plane.audit_log)
    reader.mark()
    return reader


@pytest.fixture(scope="module")
def first_notes(ground: Ground, audit: Audit, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The charts are installed, into namespaces that admit restricted pods only; this is what Helm printed."""
    for namespace in (OPS, PLATFORM):
        ground.namespace(namespace)
    try:
        yield ground.install(tmp_path_factory.mktemp("values"), VALUES)
    finally:
        ground.uninstall()


@pytest.fixture(scope="module")
def address(ground: Ground, first_notes: str) -> str:
    """Where the gateway of the chart answers."""
    return ground.serving(PLATFORM)


def commands(notes: str) -> list[str]:
    """Return the commands in notes: their lines that are indented."""
    return [line.strip() for line in notes.partition("NOTES:")[2].splitlines() if line.startswith("  ")]


def run_as_told(ground: Ground, *lines: str) -> str:
    """Return what a user sees who pastes these lines into a shell in which kubectl is set up."""
    kubectl = ground.kubectl
    directory = kubectl.kubeconfig.parent / "as-told"
    directory.mkdir(exist_ok=True)
    program = directory / "kubectl"
    program.unlink(missing_ok=True)
    program.symlink_to(kubectl.program)
    environment = {"PATH": f"{directory}:/usr/bin:/bin", "KUBECONFIG": str(kubectl.kubeconfig), "HOME": str(directory)}
    finished = subprocess.run(
        ["bash", "-euc", "\n".join(lines)], env=environment, capture_output=True, text=True, timeout=150, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def key_of(ground: Ground) -> str:
    found: str = ground.kubectl.read("get", "secret", "quickstart-key", "-n", PLATFORM)["data"]["key"]
    return found


def test_the_commands_of_the_notes_lead_to_an_answered_call(ground: Ground, first_notes: str, address: str) -> None:
    told = commands(first_notes)
    rollout, wait, status, key, forward, call = told
    assert "successfully rolled out" in run_as_told(ground, rollout)
    assert "condition met" in run_as_told(ground, wait)
    shown = run_as_told(ground, status)
    assert all(name in shown for name in ("modelgateway.fairlead.dev/main", "routepolicy.fairlead.dev/quickstart"))
    # Nothing forwards ports to pods of the mini-kubelet: the call goes to where the Service answers.
    port = ground.kubectl.read("get", "service", "main", "-n", PLATFORM)["spec"]["ports"][0]["port"]
    assert forward == f"kubectl port-forward -n {PLATFORM} service/main 8080:{port} &"
    answer = json.loads(run_as_told(ground, key, call.replace("127.0.0.1:8080", address)))
    assert answer["model"] == "sim/small"
    assert answer["choices"][0]["finish_reason"] == "stop"


def test_a_call_without_the_key_is_refused(address: str) -> None:
    request = urllib.request.Request(f"http://{address}/v1/models")
    with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(request, timeout=10):
        pass
    refused.value.close()
    assert refused.value.code == 401


@pytest.mark.parametrize(("kind", "name"), OBJECTS)
def test_everything_that_the_charts_made_is_ready(ground: Ground, address: str, kind: str, name: str) -> None:
    ground.kubectl("wait", f"{kind}/{name}", "-n", PLATFORM, "--for=condition=Ready", "--timeout=30s")


def test_the_operator_was_refused_nothing(audit: Audit, address: str) -> None:
    asked = audit.requests(user=f"system:serviceaccount:{OPS}:fairlead-operator")
    assert {each.resource for each in asked} >= {"modelgateways/status", "deployments", "leases", "secrets", "pods"}
    assert [each for each in asked if each.code == 403] == []


def test_an_upgrade_keeps_the_key_and_reaches_the_fleet(ground: Ground, address: str, tmp_path: Path) -> None:
    before = key_of(ground)
    more = {"gateway": {"spec": {"proxy": {"replicas": {"min": 3}}}}}
    ground.install(tmp_path, VALUES | more)
    assert key_of(ground) == before
    wait_until(
        lambda: ground.kubectl.read("get", "mg", "main", "-n", PLATFORM)["status"]["proxies"]["ready"] == 3,
        what="a third proxy serves",
    )


def test_an_upgrade_to_later_charts_rolls_the_operator_and_changes_the_definitions(
    ground: Ground, address: str, tmp_path: Path
) -> None:
    crds, chart = (later(source, tmp_path) for source in (CRD_CHART, CHART))
    definition = crds / "templates" / "routepolicies.fairlead.dev.yaml"
    definition.write_text(definition.read_text().replace("    - rp\n", "    - rp\n    - laterpolicy\n"))
    ground.install(tmp_path, VALUES, crds=crds, chart=chart)
    found = ground.kubectl.read("get", "crd", "routepolicies.fairlead.dev")
    assert found["spec"]["names"]["shortNames"] == ["rp", "laterpolicy"]
    assert found["metadata"]["labels"]["helm.sh/chart"] == "fairlead-crds-9.9.9"
    wait_until(lambda: len(ground.node.pods(OPS)) == 2, what="two operators of the later version, and none of the old")
    wait_until(lambda: leaders(ground) == 1, what="one of the two acts")
    ground.serving(PLATFORM)


def leaders(ground: Ground) -> int:
    """Return how many operators say that they act."""
    total = 0.0
    for pod in ground.node.pods(OPS):
        address = ground.node.address(OPS, pod)
        with urllib.request.urlopen(f"http://{address}:9091/metrics", timeout=5) as answer:
            total += float(re.findall(rb"^fairlead_operator_leading (.*)$", answer.read(), re.MULTILINE)[0])
    return int(total)


def later(chart: Path, directory: Path) -> Path:
    """Return a copy of a chart that calls itself 9.9.9."""
    copy = Path(shutil.copytree(chart, directory / chart.name))
    facts = yaml.safe_load((copy / "Chart.yaml").read_text())
    (copy / "Chart.yaml").write_text(yaml.safe_dump(facts | {"version": "9.9.9", "appVersion": "9.9.9"}))
    return copy


def test_a_second_release_is_refused(ground: Ground, address: str) -> None:
    with pytest.raises(HelmFailed, match=r"fairlead-secret-reader.*cannot be imported"):
        ground.helm("install", "second", str(CHART), "-n", "default", "--set", "gateway.enabled=false")
    assert RELEASE in ground.helm("list", "-n", OPS)
