"""Keeps the ledger in an SQLite file; records that it has already change nothing."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from fairlead_ledger.sinks.refusing import write_what_it_takes
from fairlead_ledger.sinks.sink import Kept, SinkDown, Written
from fairlead_ledger.store.batch import Batch
from fairlead_ledger.store.errors import StoreError, StoreRefused
from fairlead_ledger.store.sqlite import SqliteStore
from fairlead_ledger.store.statements import PRUNE_ATTEMPTS, PRUNE_LOSSES, PRUNE_ROLLUPS, PRUNE_STEP


class SqliteSink:
    """One file, in a thread of its own: its disk may stall."""

    name = "sqlite"

    def __init__(self, path: Path) -> None:
        self.identity = str(path.absolute())
        self._store = SqliteStore(path)
        self._thread = ThreadPoolExecutor(1, "sqlite")

    async def open(self, mark: str) -> str:
        await self._do(self._store.open)
        return mark

    async def write(self, batch: Batch) -> Written:
        return await write_what_it_takes(self, batch)

    async def add(self, batch: Batch) -> None:
        """Take a batch whole. Raises StoreRefused, SinkDown."""
        await self._give(self._store.add, batch)

    async def would_take(self, batch: Batch) -> None:
        """Take a batch and take it back. Raises as `add` does."""
        await self._give(self._store.would_take, batch)

    async def prune(self, kept: Kept) -> bool:
        steps = [
            (PRUNE_ATTEMPTS, kept.attempts_from),
            (PRUNE_ROLLUPS, kept.sums_from),
            (PRUNE_LOSSES, kept.sums_from),
        ]
        deleted: list[int] = [await self._do(self._store.prune, *step) for step in steps]
        return max(deleted) >= PRUNE_STEP

    async def close(self) -> None:
        await self._do(self._store.close)
        self._thread.shutdown(wait=False)

    async def _give(self, work: Any, batch: Batch) -> None:
        try:
            await self._in_thread(work, batch)
        except StoreRefused:
            raise
        except StoreError as error:
            raise SinkDown(str(error)) from error

    async def _do(self, work: Any, *arguments: Any) -> Any:
        try:
            return await self._in_thread(work, *arguments)
        except StoreError as error:
            raise SinkDown(str(error)) from error

    async def _in_thread(self, work: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)
