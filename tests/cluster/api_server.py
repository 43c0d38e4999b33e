"""What a test needs of an API server, whatever runs it: kubectl, Helm, the audit log, a namespace of its own.

The fixtures build on one named `api_server`, which the conftest of each lane gives.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from cluster.audit import Audit
from cluster.binaries import locate
from cluster.helm import Helm
from cluster.kubectl import Kubectl
from cluster.namespaces import fresh_namespace


class ApiServer(Protocol):
    """A control plane alone, or a whole cluster; `kubectl` speaks as its administrator."""

    kubectl: Kubectl
    audit_log: Path


@pytest.fixture
def kubectl(api_server: ApiServer) -> Kubectl:
    """kubectl as a cluster administrator."""
    return api_server.kubectl


@pytest.fixture
def helm(api_server: ApiServer) -> Helm:
    """Helm as a cluster administrator."""
    return Helm(locate("helm")["helm"], api_server.kubectl.kubeconfig)


@pytest.fixture
def audit(api_server: ApiServer) -> Audit:
    """The audit log from the start of the test on."""
    reader = Audit(api_server.audit_log)
    reader.mark()
    return reader


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A namespace of the test's own, with its default service account; deleted afterwards, without waiting for it."""
    with fresh_namespace(kubectl) as name:
        yield name
