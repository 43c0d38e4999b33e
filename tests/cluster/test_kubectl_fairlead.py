"""The commands of `kubectl fairlead` on a real API server, as programs of their own: tables, screens, and kubectl."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster.control_plane import ControlPlane
from cluster.kubectl import Kubectl
from cluster.kubectl_plugin import Fairlead
from doubles.case_files import CASES

from fairlead_operator.resources.meta import Kind

Json = dict[str, Any]
AGE = re.compile("([0-9]+[smhdy]){1,2}")


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


def test_a_trace_at_a_gateway_without_a_fleet_is_refused(admin: Fairlead, fleet: dict[str, str]) -> None:
    refused = admin("trace", "0a1b", "--gateway", f"{fleet['ai']}/spare")
    assert (refused.returncode, "has no Secret spare-debug-token" in refused.stderr) == (2, True)


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
