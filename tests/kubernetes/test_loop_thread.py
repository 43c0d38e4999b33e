"""The Lease is renewed on a thread of its own: however long the operator thinks, it goes on leading."""

import asyncio
import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from fairlead_operator.cluster.kubernetes_errors import NotFound
from fairlead_operator.cluster.lease import LeaderElection, LeaseSettings
from fairlead_operator.cluster.loop_thread import LoopThread


class LeaseTable:
    """The one Lease of an API server; `renewed` is set once it was renewed a few times."""

    def __init__(self) -> None:
        self.record: dict[str, Any] = {}
        self.version = 0
        self.renewed = threading.Event()

    async def get(self, path: str) -> dict[str, Any]:
        if not self.record:
            raise NotFound(path)
        return self.record

    async def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return await self.replace(path, body)

    async def replace(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self.version += 1
        self.record = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        if self.version > 3:
            self.renewed.set()
        return self.record


async def test_the_lease_is_renewed_while_the_loop_of_the_operator_stands_still() -> None:
    table = LeaseTable()
    settings = LeaseSettings("ops", "fairlead-operator", "a", retry_seconds=0.01)
    async with LoopThread("lease") as aside:
        election = LeaderElection(table, settings, monotonic=time.monotonic, wall=time.time)
        await aside.run(election.acquire())
        keeping = asyncio.create_task(aside.run(election.keep()))
        await asyncio.sleep(0)
        # This waits without giving way: not one callback of this loop runs in between.
        assert table.renewed.wait(timeout=30)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await aside.run(election.release())
    assert table.record["spec"]["holderIdentity"] == ""


async def test_what_runs_there_ends_when_nobody_waits_for_it_any_more() -> None:
    ended = threading.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with LoopThread("aside") as aside:
        waiting = asyncio.create_task(aside.run(endless()))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert await asyncio.to_thread(ended.wait, 30)


async def test_what_fails_there_fails_here() -> None:
    async def failing() -> None:
        raise NotFound("gone")

    async with LoopThread("aside") as aside:
        with pytest.raises(NotFound, match="gone"):
            await aside.run(failing())
