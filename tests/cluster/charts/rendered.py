"""What a chart makes of values, rendered by the real Helm without any cluster, and what its roles allow."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from cluster.helm import Helm

CHARTS = Path(__file__).parents[3] / "charts"
CHART = CHARTS / "fairlead"
CRD_CHART = CHARTS / "fairlead-crds"
Json = Mapping[str, Any]
Right = tuple[str, str, str]
"""API group, resource, verb."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The objects of one rendering, in the order in which Helm applies them."""

    objects: Sequence[Json]

    def of_kind(self, kind: str) -> list[Json]:
        return [each for each in self.objects if each["kind"] == kind]

    def one(self, kind: str, name: str, namespace: str | None = None) -> Json:
        """Return the one object of that name; raise ValueError unless there is exactly one."""
        (found,) = [
            each
            for each in self.of_kind(kind)
            if (each["metadata"]["name"], each["metadata"].get("namespace")) == (name, namespace)
        ]
        return found


def render(helm: Helm, chart: Path, release: str, namespace: str, *more: str) -> Rendered:
    """Return what `helm template` makes of the chart; raise HelmFailed where values are refused."""
    text = helm("template", release, str(chart), "--namespace", namespace, *more)
    return Rendered([each for each in yaml.safe_load_all(text) if each])


def render_case(helm: Helm, case: Path, directory: Path) -> Rendered:
    """Return what our chart makes of a case: a file with release, namespace and values."""
    content = yaml.safe_load(case.read_text())
    return render(
        helm, CHART, content["release"], content["namespace"], "-f", str(values_file(directory, content["values"]))
    )


def values_file(directory: Path, values: Json) -> Path:
    """Return a file with these values: JSON, of which no two readers of YAML make different things."""
    file = directory / "values.json"
    file.write_text(json.dumps(values))
    return file


def rights(rules: Iterable[Json]) -> set[Right]:
    """Return what rules allow, one by one, so that two ways of writing the same are equal."""
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
