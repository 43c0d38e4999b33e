"""What GitOps relies on: an object that is applied again as it was written is no change, field by field."""

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster.control_plane import ControlPlane

EXAMPLES = Path(__file__).parents[2] / "examples"
MANAGER = "argocd-controller"
VARIABLE = re.compile(r"\$\{\w+(?::-([^}]*))?\}")
Json = dict[str, Any]


def objects_of(example: Path) -> list[Json]:
    """Return the objects of ours that an example holds, with its variables filled in: a cluster knows none."""
    texts = (VARIABLE.sub(_filled_in, path.read_text()) for path in sorted(example.rglob("*.yaml")))
    found = (each for text in texts for each in yaml.safe_load_all(text))
    return [each for each in found if each and str(each["apiVersion"]).startswith("fairlead.dev/")]


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


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir()))
def test_two_dry_runs_of_an_applied_example_are_an_empty_diff(crds: ControlPlane, example: str) -> None:
    namespace = f"dry-{uuid.uuid4().hex[:8]}"
    crds.kubectl("create", "namespace", namespace)
    try:
        objects = objects_of(EXAMPLES / example)
        assert objects
        for content in objects:
            content["metadata"]["namespace"] = namespace
        live = applied(crds, objects)
        assert applied(crds, objects, "--dry-run=server") == live
        assert applied(crds, objects, "--dry-run=server") == live
        again = applied(crds, [{**one, "spec": each["spec"]} for one, each in zip(objects, live, strict=True)])
        assert [each["spec"] for each in again] == [each["spec"] for each in live], "what is stored is complete"
        assert [each["metadata"]["generation"] for each in again] == [1] * len(live)
    finally:
        crds.kubectl("delete", "namespace", namespace, "--wait=false")
