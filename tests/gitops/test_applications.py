"""The example of a tree of Applications: its order, what it points at, and what makes Argo CD keep to the order."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from gitops.argo_lua import judged

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "gitops/argocd/example"
WAVE = "argocd.argoproj.io/sync-wave"
OURS = "https://git.example/fairlead.git"
Json = dict[str, Any]


def read(path: Path) -> Json:
    """Return the one document of a file."""
    (content,) = yaml.safe_load_all(path.read_text())
    return dict(content)


TREE = [read(EXAMPLE / "root.yaml")]
LEAVES = [read(path) for path in sorted((EXAMPLE / "applications").iterdir())]


def test_definitions_come_before_the_operator_and_policies_after_it() -> None:
    waves = {int(each["metadata"]["annotations"][WAVE]): each["metadata"]["name"] for each in LEAVES}
    assert waves == {-1: "fairlead-crds", 0: "fairlead", 1: "fairlead-policies"}


@pytest.mark.parametrize("application", TREE + LEAVES, ids=lambda each: each["metadata"]["name"])
def test_an_application_is_one_and_names_where_it_goes(application: Json) -> None:
    assert (application["apiVersion"], application["kind"]) == ("argoproj.io/v1alpha1", "Application")
    assert application["metadata"]["namespace"] == "argocd"
    assert set(application["spec"]) == {"project", "source", "destination", "syncPolicy"}, "and ignores no difference"
    assert set(application["spec"]["destination"]) == {"server", "namespace"}


@pytest.mark.parametrize("application", LEAVES, ids=lambda each: each["metadata"]["name"])
def test_a_leaf_is_applied_and_compared_on_the_servers_side(application: Json) -> None:
    assert "ServerSideApply=true" in application["spec"]["syncPolicy"]["syncOptions"]
    assert application["metadata"]["annotations"]["argocd.argoproj.io/compare-options"] == "ServerSideDiff=true"


def test_every_path_into_this_repository_is_there() -> None:
    paths = [each["spec"]["source"]["path"] for each in TREE + LEAVES if each["spec"]["source"]["repoURL"] == OURS]
    assert len(paths) == 3
    assert [path for path in paths if not (ROOT / path).is_dir()] == []


def test_every_revision_of_this_repository_is_the_charts_version() -> None:
    revisions = {
        each["spec"]["source"]["targetRevision"] for each in TREE + LEAVES if each["spec"]["source"]["repoURL"] == OURS
    }
    assert revisions == {f"v{read(ROOT / 'charts/fairlead/Chart.yaml')['version']}"}


def test_definitions_are_never_pruned() -> None:
    (definitions,) = [each for each in LEAVES if each["metadata"]["name"] == "fairlead-crds"]
    assert definitions["spec"]["syncPolicy"]["automated"]["prune"] is False


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, ("Progressing", "")),
        ({"sync": {"status": "OutOfSync"}}, ("Progressing", "")),
        ({"health": {"status": "Degraded", "message": "no"}}, ("Degraded", "no")),
        ({"health": {"status": "Healthy"}}, ("Healthy", "")),
    ],
)
def test_a_wave_waits_for_the_health_that_an_application_tells(status: Json | None, expected: tuple[str, str]) -> None:
    script = read(EXAMPLE / "argocd-cm.yaml")["data"]["resource.customizations.health.argoproj.io_Application"]
    content: Json = {"kind": "Application", "metadata": {"name": "fairlead"}}
    assert judged(script, content if status is None else {**content, "status": status}) == expected
