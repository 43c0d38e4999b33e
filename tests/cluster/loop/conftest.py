"""A stage for each test: the operator with exactly its rights, on the session's control plane."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.control_plane import ControlPlane
from cluster.loop.stage import Stage, gateway, policy, simulated, staged
from cluster.mini_node import MiniNode
from fence.stage_canaries import KEYS

KEY = KEYS["caller"]


@pytest.fixture
def stage(crds: ControlPlane, mini_node: MiniNode, tmp_path: Path) -> Iterator[Stage]:
    """An operator that runs, and nothing else."""
    with staged(crds, mini_node, tmp_path) as stage:
        yield stage


@pytest.fixture
def serving(stage: Stage) -> str:
    """Gateway `main` with two proxies, provider `sim`, policy `smart` and a caller's key; returns its address."""
    stage.secret("caller", labels={"fairlead.dev/key": "true"}, key=KEY)
    stage.create("ModelProvider", "sim", simulated())
    stage.create("RoutePolicy", "smart", policy(stage.platform, ["sim/small"]))
    stage.create("ModelGateway", "main", gateway())
    return stage.serving()
