"""A LocalCluster whose workers are stub processes, on files and a state directory of the test."""

import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fairlead_operator.cluster.local_cluster import LocalCluster
from fairlead_operator.cluster.local_settings import LocalSettings

STUB_WORKER = Path(__file__).parents[1] / "doubles" / "stub_worker.py"
STUB_SHIPPER = Path(__file__).parents[1] / "doubles" / "stub_shipper.py"
PROVIDER = """apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: fast}
spec: {type: Simulated, models: [{name: tiny}]}
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "objects.yaml"
    path.write_text(PROVIDER)
    return path


@pytest.fixture
def settings(tmp_path: Path, source: Path) -> LocalSettings:
    return LocalSettings(
        paths=[str(source)],
        state=tmp_path / "state",
        worker_command=[sys.executable, str(STUB_WORKER)],
        shipper_command=[sys.executable, str(STUB_SHIPPER)],
        listen="127.0.0.1:0",
        admin="127.0.0.1:0",
        workers=2,
        poll_seconds=0.02,
    )


@pytest.fixture
async def start(settings: LocalSettings) -> AsyncIterator[Callable[..., LocalCluster]]:
    """Return a function that makes a cluster with some settings changed; all are ended with the test."""
    clusters: list[LocalCluster] = []

    def make(environ: dict[str, str] | None = None, **changes: object) -> LocalCluster:
        cluster = LocalCluster(replace(settings, **changes), environ=environ or {}, clock=time.time)  # type: ignore[arg-type]  # any setting
        clusters.append(cluster)
        return cluster

    yield make
    for cluster in clusters:
        cluster.kill()
        await cluster.stop()


@pytest.fixture
async def cluster(start: Callable[..., LocalCluster]) -> LocalCluster:
    running = start()
    await running.start()
    return running
