"""A pod that does one thing and ends."""

from cluster.kubectl import Kubectl

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""As tight as the pod security standard `restricted`, and with a root that cannot be written."""


def run_to_its_end(kubectl: Kubectl, namespace: str, image: str, **container: object) -> str:
    """Run one restricted container until it has succeeded, and return what it wrote."""
    only = {"name": "only", "image": image, "imagePullPolicy": "Never", "securityContext": RESTRICTED, **container}
    spec = {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [only]}
    metadata = {"name": "once", "namespace": namespace}
    kubectl.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/once", "-n", namespace, "--timeout=60s")
    return kubectl("logs", "once", "-n", namespace)
