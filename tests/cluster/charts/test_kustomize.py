"""The Kustomize base is what the charts make of their own values, for those who do without Helm."""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from cluster.binaries import locate
from cluster.charts.rendered import CHART, CRD_CHART, Json, render
from cluster.helm import Helm

BASE = Path(__file__).parents[3] / "gitops/kustomize/base"
NAMESPACE = "fairlead-system"
HELMS_OWN = frozenset({"helm.sh/chart", "app.kubernetes.io/managed-by", "helm.sh/resource-policy"})
"""Labels and annotations that say something of Helm, and nothing where there is none."""
HEAD = (
    "# What `helm template` makes of the chart {chart} and its own values; written by its test, with UPDATE_CASES=1.\n"
)


def _without_helm(content: dict[str, Any]) -> dict[str, Any]:
    """Return the object without what only Helm looks at, its templates of pods included."""
    for name in ("labels", "annotations"):
        if isinstance(content.get(name), dict):
            kept = {key: value for key, value in content[name].items() if key not in HELMS_OWN}
            content = {key: value for key, value in content.items() if key != name} | ({name: kept} if kept else {})
    return {key: _without_helm(value) if isinstance(value, dict) else value for key, value in content.items()}


def made(helm: Helm, chart: Path) -> list[dict[str, Any]]:
    # What `helm test` runs is Helm's own: without Helm `fairlead doctor` says the same.
    objects = [each for each in render(helm, chart, chart.name, NAMESPACE).objects if hook_of(each) != "test"]
    hooks = [each for each in objects if hook_of(each)]
    assert not hooks, "what Helm runs before or after has no place in a base: say here what becomes of it"
    return [_without_helm(dict(each)) for each in objects]


def hook_of(content: Json) -> str | None:
    """Return when Helm runs an object apart from the others, None for one that it just applies."""
    found: str | None = content["metadata"].get("annotations", {}).get("helm.sh/hook")
    return found


def key(content: Json) -> tuple[str, str, str]:
    return content["kind"], content["metadata"].get("namespace", ""), content["metadata"]["name"]


def sorted_by_key(objects: Iterable[Json]) -> list[Json]:
    return sorted(objects, key=key)


def namespace() -> dict[str, Any]:
    """Helm makes the namespace of a release, where it is told to; here it is an object among the others."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


def test_the_base_is_what_the_charts_make_of_their_own_values(offline_helm: Helm) -> None:
    wanted = {"crds.yaml": made(offline_helm, CRD_CHART), "fairlead.yaml": [namespace(), *made(offline_helm, CHART)]}
    if os.environ.get("UPDATE_CASES") == "1":
        BASE.mkdir(parents=True, exist_ok=True)
        for (name, objects), chart in zip(wanted.items(), (CRD_CHART, CHART), strict=True):
            text = yaml.safe_dump_all(objects, sort_keys=False, width=120, allow_unicode=True)
            (BASE / name).write_text(HEAD.format(chart=chart.name) + text)
        kustomization = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
        (BASE / "kustomization.yaml").write_text(
            "# Fairlead without Helm: kubectl apply --server-side -k THIS, or a base of your own overlays.\n"
            + yaml.safe_dump({**kustomization, "resources": list(wanted)}, sort_keys=False)
        )
    kubectl = locate("control-plane")["kubectl"]
    built = subprocess.run(
        [str(kubectl), "kustomize", str(BASE)], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    objects = [each for each in yaml.safe_load_all(built) if each]
    assert sorted_by_key(objects) == sorted_by_key(each for listed in wanted.values() for each in listed)
