"""`fairlead get` prints what kubectl prints for the same objects with the same status."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster.control_plane import ControlPlane
from cluster.kubectl import Kubectl
from doubles.command_line import invoke

from fairlead_operator.cluster.local_state import StateDirectory
from fairlead_operator.resources.meta import Kind, ObjectRef

OBJECTS = Path(__file__).parents[1] / "cases" / "get" / "objects.yaml"
KINDS = "modelproviders,routepolicies,modelgateways"
APPLY_STATUS = ("apply", "--server-side", "--subresource=status", "--field-manager=fairlead-operator", "-f", "-")


@pytest.fixture(scope="module")
def team(crds: ControlPlane) -> Iterator[str]:
    """The namespace of the case's objects; another one, whose name begins with the same, holds them as well."""
    name = f"team{uuid.uuid4().hex[:6]}"
    namespaces = (name, f"{name}-lab")
    for namespace in namespaces:
        crds.kubectl("create", "namespace", namespace)
        for content in yaml.safe_load_all(OBJECTS.read_text()):
            create(crds.kubectl, namespace, content)
    yield name
    crds.kubectl("delete", "namespace", *namespaces, "--wait=false")


@pytest.fixture(scope="module")
def state(crds: ControlPlane, team: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state directory of a run that holds these objects, as the API server has them."""
    directory = StateDirectory(tmp_path_factory.mktemp("get") / "state")
    directory.open()
    for namespace in (team, f"{team}-lab"):
        for content in crds.kubectl.read("get", KINDS, "-n", namespace)["items"]:
            ref = ObjectRef(Kind(content["kind"]), namespace, content["metadata"]["name"])
            directory.write_object(ref, content)
    yield directory.path
    directory.close()


def create(kubectl: Kubectl, namespace: str, content: dict[str, Any]) -> None:
    """Create an object, then write its status, as only the operator may."""
    status = content.pop("status", None)
    content["metadata"]["namespace"] = namespace
    kubectl("create", "-f", "-", stdin=json.dumps(content))
    if status is not None:
        del content["spec"]
        kubectl(*APPLY_STATUS, stdin=json.dumps({**content, "status": status}))


def without_age(table: str) -> list[str]:
    """Return the lines of one table or several, but for the last column, which is another a moment later."""
    lines: list[str] = []
    width = 0
    for line in table.splitlines():
        width = line.find("AGE") if line.startswith(("NAME ", "NAMESPACE ")) else width
        assert width >= 0, f"no column AGE in {line!r}"
        lines.append(line[:width])
    return lines


@pytest.mark.parametrize(
    "question",
    [
        ["mp"],
        ["rp"],
        ["mg"],
        ["mp", "-o", "wide"],
        ["rp", "-o", "wide"],
        ["mg", "-o", "wide"],
        ["mp", "serving"],
        ["mp,rp,mg"],
        ["rp,mp"],
        ["fairlead"],
        ["ai"],
    ],
    ids=" ".join,
)
def test_a_namespace_is_listed_as_kubectl_lists_it(
    question: list[str], kubectl: Kubectl, team: str, state: Path
) -> None:
    ours = invoke("get", *question, "-n", team, "--state", state)
    assert (ours.stderr, without_age(ours.stdout)) == ("", without_age(kubectl("get", *question, "-n", team)))


@pytest.mark.parametrize("kinds", ["mp", "rp", "mg", "mp,rp,mg"])
def test_all_namespaces_are_listed_as_kubectl_lists_them(kinds: str, kubectl: Kubectl, team: str, state: Path) -> None:
    # The label leaves out what other tests may have on this API server.
    theirs = kubectl("get", kinds, "-A", "-l", "case=get")
    namespaces = {line.split()[0] for line in theirs.splitlines() if line and not line.startswith("NAMESPACE")}
    assert namespaces == {team, f"{team}-lab"}
    assert without_age(invoke("get", kinds, "-A", "--state", state).stdout) == without_age(theirs)


def test_nothing_found_is_told_as_kubectl_tells_it(kubectl: Kubectl, namespace: str, state: Path) -> None:
    assert invoke("get", "mp", "-n", namespace, "--state", state).stdout == kubectl("get", "mp", "-n", namespace)
