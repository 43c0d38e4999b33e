"""The loop survives what goes wrong in a pass, and one object that cannot be told of keeps no other from its status."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from doubles.compiled import NOW, read_inventory
from doubles.eventually import eventually
from doubles.table_cluster import TableCluster

from fairlead_operator.cluster.api import ClusterError, Written
from fairlead_operator.inventory import Inventory
from fairlead_operator.reconciler import Reconciler
from fairlead_operator.resources.meta import Kind, ObjectRef

WORLD = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelGateway
metadata: {name: main, namespace: team}
spec: {}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: one, namespace: team}
spec: {type: Simulated, models: [{name: m}]}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: two, namespace: team}
spec: {type: Simulated, models: [{name: m}]}
"""
GATEWAY = ObjectRef(Kind.MODEL_GATEWAY, "team", "main")
ONE, TWO = ObjectRef(Kind.MODEL_PROVIDER, "team", "one"), ObjectRef(Kind.MODEL_PROVIDER, "team", "two")


class HinderedCluster(TableCluster):
    """`unwritable`: the objects whose status cannot be written. `broken`: what the inventory raises, once each."""

    def __init__(self, inventory: Inventory) -> None:
        super().__init__(inventory, now=NOW)
        self.unwritable: set[ObjectRef] = set()
        self.tried: list[ObjectRef] = []
        self.broken: list[Exception] = []

    def inventory(self) -> Inventory:
        for error in self.broken[:1]:
            del self.broken[0]
            raise error
        return super().inventory()

    async def write_status(self, ref: ObjectRef, resource_version: str, status: Mapping[str, Any]) -> Written:
        self.tried.append(ref)
        if ref in self.unwritable:
            raise ClusterError("PATCH status: 500")
        return await super().write_status(ref, resource_version, status)

    async def wait_for_change(self, timeout_seconds: float) -> None:
        await super().wait_for_change(timeout_seconds)
        await asyncio.sleep(0)


@pytest.fixture
def cluster() -> HinderedCluster:
    return HinderedCluster(read_inventory(WORLD))


async def passes(reconciler: Reconciler, cluster: HinderedCluster, *, seconds: float) -> None:
    """Make passes for so long, by the clock of the table."""
    until = cluster.now + seconds
    while cluster.now < until:
        await cluster.wait_for_change(await reconciler.reconcile())


async def test_a_status_that_cannot_be_written_keeps_no_other_from_being_written(cluster: HinderedCluster) -> None:
    cluster.unwritable = {GATEWAY, ONE}
    await passes(Reconciler(cluster, clock=cluster.clock), cluster, seconds=5)
    assert cluster.conditions(TWO)["Programmed"] == "True/Programmed"
    assert set(cluster.statuses) == {TWO}


async def test_a_status_that_cannot_be_written_is_tried_again_ever_more_seldom_until_it_can(
    cluster: HinderedCluster,
) -> None:
    cluster.unwritable = {ONE}
    reconciler = Reconciler(cluster, clock=cluster.clock)
    await passes(reconciler, cluster, seconds=60)
    assert 4 <= cluster.tried.count(ONE) <= 7
    cluster.unwritable = set()
    await passes(reconciler, cluster, seconds=31)
    assert cluster.conditions(ONE)["Programmed"] == "True/Programmed"


@pytest.mark.parametrize(
    ("fault", "level"),
    [(ClusterError("GET: 503"), logging.WARNING), (ZeroDivisionError("a fault of ours"), logging.ERROR)],
    ids=["of the world", "of ours"],
)
async def test_a_fault_in_a_pass_is_told_and_the_loop_goes_on(
    cluster: HinderedCluster, caplog: pytest.LogCaptureFixture, fault: Exception, level: int
) -> None:
    cluster.broken = [fault]
    running = asyncio.create_task(Reconciler(cluster, clock=cluster.clock).run())
    await eventually(lambda: running.done() or ONE in cluster.statuses)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert ONE in cluster.statuses
    (told,) = [record for record in caplog.records if record.getMessage() == "the cluster cannot be reconciled now"]
    assert (told.levelno, bool(told.exc_info)) == (level, level == logging.ERROR)
