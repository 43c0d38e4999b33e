"""The ConfigMap that teaches Argo CD the health of our objects, made of the scripts that are tested."""

from pathlib import Path

CUSTOMIZATIONS = Path(__file__).parents[2] / "gitops/argocd/resource_customizations/fairlead.dev"
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


def argocd_config_map() -> str:
    """Return the ConfigMap as YAML."""
    parts = []
    for directory in sorted(CUSTOMIZATIONS.iterdir()):
        script = (directory / "health.lua").read_text()
        lines = "".join(f"    {line}\n" if line else "\n" for line in script.splitlines())
        parts.append(f"  resource.customizations.health.fairlead.dev_{directory.name}: |\n{lines}")
    return _HEAD + "".join(parts)
