"""What teaches Argo CD the health of our objects: one script, where Argo CD looks for it, and as a ConfigMap."""

from collections.abc import Iterable
from pathlib import Path

FOLDER = "gitops/argocd/resource_customizations/fairlead.dev"
CUSTOMIZATIONS = Path(__file__).parents[2] / FOLDER
SOURCE = "ModelProvider"
PATH = "gitops/argocd/argocd-cm.yaml"

_HEAD = """\
# Merge this into the ConfigMap argocd-cm of your Argo CD:
# kubectl patch configmap argocd-cm -n argocd --patch-file gitops/argocd/argocd-cm.yaml
# It is made of the health.lua beside it; an Argo CD that ships them needs no such patch.
apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-cm
  namespace: argocd
  labels:
    app.kubernetes.io/name: argocd-cm
    app.kubernetes.io/part-of: argocd
data:
"""


def argocd_files() -> dict[str, str]:
    """Return path (from the root) → text: Argo CD wants a script for each kind, and one script serves all of ours."""
    script = (CUSTOMIZATIONS / SOURCE / "health.lua").read_text()
    kinds = sorted(directory.name for directory in CUSTOMIZATIONS.iterdir())
    copies = {f"{FOLDER}/{kind}/health.lua": script for kind in kinds if kind != SOURCE}
    return {PATH: _config_map(kinds, script), **copies}


def _config_map(kinds: Iterable[str], script: str) -> str:
    parts = []
    for kind in kinds:
        lines = "".join(f"    {line}\n" if line else "\n" for line in script.splitlines())
        parts.append(f"  resource.customizations.health.fairlead.dev_{kind}: |\n{lines}")
    return _HEAD + "".join(parts)
