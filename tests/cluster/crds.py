"""Our custom resource definitions, as the project ships them, on an API server."""

from pathlib import Path

from cluster.kubectl import Kubectl
from cluster.processes import wait_until

CRDS = Path(__file__).parents[2] / "crds"
KINDS = ("modelproviders", "routepolicies", "modelgateways")


def install_crds(kubectl: Kubectl) -> None:
    """Install them and return once the API server serves every kind."""
    kubectl("apply", "--server-side", "-f", str(CRDS))
    names = [f"crd/{kind}.fairlead.dev" for kind in KINDS]
    kubectl("wait", "--for=condition=Established", "--timeout=60s", *names)
    wait_until(
        lambda: (
            set(kubectl("api-resources", "--api-group=fairlead.dev", "-o", "name", "--cached=false").split())
            >= {f"{kind}.fairlead.dev" for kind in KINDS}
        ),
        what="the API server serves our kinds",
    )
