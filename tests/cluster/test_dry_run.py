"""What GitOps relies on: an object that is applied again as it was written is no change, field by field."""

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster.control_plane import ControlPlane
from docs.fences import Fence, fences_of

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
MANAGER = "argocd-controller"
VARIABLE = re.compile(r"\$\{\w+(?::-([^}]*))?\}")
Json = dict[str, Any]


def objects_of(*texts: str) -> list[Json]:
    """Return the objects of ours in these texts, with their variables filled in: a cluster knows none."""
    found = (each for text in texts for each in yaml.safe_load_all(VARIABLE.sub(_filled_in, text)))
    return [each for each in found if each and str(each.get("apiVersion")).startswith("fairlead.dev/")]


def written_out(page: Path) -> list[Fence]:
    """Return the blocks of a page that hold objects of ours."""
    blocks = [each for each in fences_of(page.stem, page.read_text()) if each.language == "yaml"]
    return [each for each in blocks if objects_of(each.text)]


def _filled_in(variable: re.Match[str]) -> str:
    return variable[1] or "https://models.example"


def applied(plane: ControlPlane, objects: list[Json], *options: str) -> list[Json]:
    """Apply on the server's side, as Argo CD does, and return what comes back."""
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    command = ("apply", "--server-side", "--field-manager", MANAGER, "-f", "-", "-o", "json", *options)
    found: Json = json.loads(plane.kubectl(*command, stdin=text))
    items: list[Json] = found["items"] if found["kind"] == "List" else [found]
    return [_without_times(each) for each in items]


def _without_times(content: Json) -> Json:
    """Who manages a field since when is no field of the object."""
    return {**content, "metadata": {k: v for k, v in content["metadata"].items() if k != "managedFields"}}


BLOCKS = [
    block for page in (ROOT / "README.md", *sorted((ROOT / "docs/guides").glob("*.md"))) for block in written_out(page)
]


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir()))
def test_two_dry_runs_of_an_applied_example_are_an_empty_diff(crds: ControlPlane, example: str) -> None:
    assert_no_drift(crds, objects_of(*(path.read_text() for path in sorted((EXAMPLES / example).rglob("*.yaml")))))


@pytest.mark.parametrize("block", BLOCKS, ids=[f"{block.id} {number}" for number, block in enumerate(BLOCKS)])
def test_two_dry_runs_of_what_a_page_shows_are_an_empty_diff(crds: ControlPlane, block: Fence) -> None:
    assert_no_drift(crds, objects_of(block.text))


def assert_no_drift(plane: ControlPlane, objects: list[Json]) -> None:
    """Apply objects in a namespace of their own; assert that neither they nor what is stored of them is a change."""
    assert objects
    namespace = f"dry-{uuid.uuid4().hex[:8]}"
    plane.kubectl("create", "namespace", namespace)
    try:
        for content in objects:
            content["metadata"]["namespace"] = namespace
        live = applied(plane, objects)
        assert applied(plane, objects, "--dry-run=server") == live
        assert applied(plane, objects, "--dry-run=server") == live
        again = applied(plane, [{**one, "spec": each["spec"]} for one, each in zip(objects, live, strict=True)])
        assert [each["spec"] for each in again] == [each["spec"] for each in live], "what is stored is complete"
        assert [each["metadata"]["generation"] for each in again] == [1] * len(live)
    finally:
        plane.kubectl("delete", "namespace", namespace, "--wait=false")
