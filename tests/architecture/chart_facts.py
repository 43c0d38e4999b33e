"""What each chart says of itself, in Chart.yaml and to Artifact Hub: made of the project's own files."""

import json
import re
import textwrap
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from architecture.chart_changes import changes_of
from architecture.values import Chart

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "two-teams"
KREW = ROOT / "packaging" / "krew" / "fairlead.yaml"
KUBERNETES = ">=1.31.0-0"
ARTIFACT_HUB = "artifacthub.io/"
HEAD = "# Generated from pyproject.toml, crds/, examples/ and docs/changes/ by tests/architecture: make generate\n"
DESCRIPTIONS = {
    "fairlead": "A Kubernetes-native gateway over many model providers whose status is observed, never inferred.",
    "fairlead-crds": (
        "The custom resource definitions of Fairlead. Install it first; it keeps them when it is uninstalled."
    ),
}
RECOMMENDED = (
    "https://artifacthub.io/packages/helm/prometheus-community/kube-prometheus-stack",
    "https://artifacthub.io/packages/helm/cert-manager/cert-manager",
)
"""What reads the metrics, and what makes the certificates of listeners."""

Json = dict[str, Any]


def chart_file(name: str, crds: Mapping[str, str]) -> str:
    """Return the text of a chart's Chart.yaml; `crds` are the definitions, file name → YAML."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    facts = {
        "apiVersion": "v2",
        "name": name,
        "description": DESCRIPTIONS[name],
        "type": "application",
        "version": project["version"],
        "appVersion": project["version"],
        "kubeVersion": KUBERNETES,
        "keywords": project["keywords"],
        "home": home(),
        "sources": [home()],
    }
    lines = [f"{field}: {json.dumps(value)}" for field, value in facts.items()]
    notes = annotations(name, project["version"], [yaml.safe_load(text) for text in crds.values()])
    lines += ["annotations:", *(_annotation(*each) for each in notes.items())]
    return HEAD + "\n".join(lines) + "\n"


def home() -> str:
    """Return where the project lives, as the manifest of the kubectl plugin tells it; raise ValueError without one."""
    found = re.search(r"^  homepage: (https://\S+)$", KREW.read_text(), re.MULTILINE)
    if found is None:
        raise ValueError(f"{KREW.relative_to(ROOT)} tells no homepage")
    return found[1]


def annotations(name: str, version: str, definitions: list[Json]) -> dict[str, str]:
    """Return what Artifact Hub is told of a chart. Source: https://artifacthub.io/docs/topics/annotations/helm/"""
    links = [
        {"name": "Resources, field by field", "url": f"{home()}/blob/main/docs/reference/resources.md"},
        {"name": "Guides", "url": f"{home()}/tree/main/docs/guides"},
        {"name": "support", "url": f"{home()}/issues"},
    ]
    told: dict[str, Any] = {
        "category": "ai-machine-learning",
        "license": "Apache-2.0",
        # Our kinds are of an alpha version.
        "prerelease": "true",
        "crds": [crd_entry(each) for each in definitions],
        "crdsExamples": examples(),
        "changes": changes_of(version),
        "links": links,
    }
    if name == "fairlead":
        told |= {
            "operator": "true",
            "operatorCapabilities": "Seamless Upgrades",
            "images": images(version),
            "recommendations": [{"url": url} for url in RECOMMENDED],
        }
    return {f"{ARTIFACT_HUB}{key}": value if isinstance(value, str) else _block(value) for key, value in told.items()}


def crd_entry(definition: Json) -> Json:
    """Return how Artifact Hub lists a kind."""
    spec = definition["spec"]
    [version] = spec["versions"]
    kind = spec["names"]["kind"]
    return {
        "kind": kind,
        "version": version["name"],
        "name": definition["metadata"]["name"],
        "displayName": re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind),
        "description": version["schema"]["openAPIV3Schema"]["description"].partition("\n")[0],
    }


def examples() -> list[Json]:
    """Return one object of each of our kinds, the first in the example of a platform."""
    found: dict[str, Json] = {}
    for path in sorted(EXAMPLE.glob("*.yaml")):
        for content in yaml.safe_load_all(path.read_text()):
            if content["apiVersion"].startswith("fairlead.dev/"):
                found.setdefault(content["kind"], content)
    return list(found.values())


def images(version: str) -> list[Json]:
    """Return the images that the chart names by default; nobody can scan them before they are in a registry."""
    values = Chart()
    named = {"operator": values.operator.image, "proxy": values.proxy.image}
    return [
        {"name": name, "image": f"{image.repository}:{image.tag or version}", "whitelisted": True}
        for name, image in named.items()
    ]


def _block(content: list[Json]) -> str:
    return yaml.safe_dump(content, sort_keys=False, width=110, allow_unicode=True)


def _annotation(name: str, text: str) -> str:
    if "\n" not in text:
        return f"  {name}: {json.dumps(text)}"
    return f"  {name}: |\n{textwrap.indent(text.rstrip(), '    ')}"
