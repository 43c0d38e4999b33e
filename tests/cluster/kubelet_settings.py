"""How a mini-kubelet behaves; tests may change most of it while it runs."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cluster.container_command import Image

HOST_ADDRESS = "127.0.0.1"


def own_images() -> Mapping[str, Image]:
    """Return what stands for our two images: the same programs, run from the source tree by this interpreter."""
    # Programs of the environment are found first, so that a pod's own `command` may name them.
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    environment = {"PATH": path, "PYTHONUNBUFFERED": "1"}
    return {
        "localhost/fairlead-proxy:dev": Image([sys.executable, "-m", "fairlead_proxy.cli"], environment),
        "localhost/fairlead-operator:dev": Image([sys.executable, "-m", "fairlead_operator.cli.main"], environment),
        "localhost/python:dev": Image([sys.executable], environment),
    }


@dataclass(slots=True)
class KubeletSettings:
    """The defaults are those of a real kubelet."""

    node_name: str = "mini-node"
    sync_seconds: float = 60.0
    """How long a change of a ConfigMap or Secret may take to reach a pod that is not touched."""
    refreshes_on_change: bool = True
    """Whether a change of a pod's annotations refreshes its volumes at once; off, for a kubelet that misses it."""
    restart_backoff_seconds: float = 10.0
    mount_retry_seconds: float = 0.5
    schedules: bool = True
    """Whether pending pods are bound to this node; a node that is cordoned takes none either."""
    images: Mapping[str, Image] = field(default_factory=own_images)
    address_block: str = field(default_factory=lambda: f"127.{64 + os.getpid() % 128}")
    """The first half of the pods' addresses; by process, so that two test runs on one machine keep apart."""
