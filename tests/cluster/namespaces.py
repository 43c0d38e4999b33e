"""A namespace for one test, on any API server."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from cluster.kubectl import Kubectl
from cluster.processes import wait_until


@contextmanager
def fresh_namespace(kubectl: Kubectl) -> Iterator[str]:
    """Make a namespace with its default service account; delete it afterwards, without waiting for it."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    kubectl("create", "namespace", name)
    wait_until(
        lambda: kubectl("get", "serviceaccount", "default", "-n", name, "--ignore-not-found", "-o", "name"),
        what=f"namespace {name} has its default service account",
    )
    try:
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false")
