"""A namespace for one test, on any API server, in which pod security is enforced as where we are meant to run."""

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cluster.kubectl import Kubectl
from cluster.processes import wait_until

Json = dict[str, Any]

ENFORCE = "pod-security.kubernetes.io/enforce"
RESTRICTED = "restricted"
"""The API server itself refuses a pod that does not satisfy it: of our pods, it proves that they do."""


def namespace_object(name: str, labels: Mapping[str, str] | None = None, *, enforce: str = RESTRICTED) -> Json:
    """Return a namespace in which pod security `restricted` is enforced, or another level that a test asks for."""
    metadata = {"name": name, "labels": {**(labels or {}), ENFORCE: enforce}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def make_namespace(kubectl: Kubectl, name: str, *, enforce: str = RESTRICTED) -> None:
    """Make a namespace, where it is not there yet, and have pod security enforced in it."""
    # As JSON, since a namespace may be called 1e3.
    kubectl.apply(json.dumps(namespace_object(name, enforce=enforce)))


@contextmanager
def fresh_namespace(kubectl: Kubectl, *, enforce: str = RESTRICTED) -> Iterator[str]:
    """Make a namespace with its default service account; delete it afterwards, without waiting for it."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    make_namespace(kubectl, name, enforce=enforce)
    wait_until(
        lambda: kubectl("get", "serviceaccount", "default", "-n", name, "--ignore-not-found", "-o", "name"),
        what=f"namespace {name} has its default service account",
    )
    try:
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false")
