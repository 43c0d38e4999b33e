"""Keeps the ledger in a PostgreSQL database, whose address stands in a file; records that it has change nothing."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

from fairlead_ledger.sinks.refusing import write_what_it_takes
from fairlead_ledger.sinks.sink import Kept, SinkDown, Written
from fairlead_ledger.store.batch import Batch
from fairlead_ledger.store.errors import StoreDown, StoreError, StoreRefused
from fairlead_ledger.store.postgres import PostgresStore
from fairlead_ledger.store.statements import PRUNE_ATTEMPTS, PRUNE_LOSSES, PRUNE_ROLLUPS, PRUNE_STEP

LONGEST_ADDRESS = 8_192
DEADLINE_SECONDS = 10.0
"""For what is written at once, beside the deadline of each command: taking that back on a frozen server takes time."""


class PostgresSink:
    """The file is read again before each batch, so that a changed password needs no restart."""

    name = "postgres"

    def __init__(self, url_file: Path) -> None:
        # Not the address: that may come later than we do, and may change while the records stay the same database's.
        self.identity = str(url_file.absolute())
        self._file = url_file
        self._store: PostgresStore | None = None

    async def open(self, mark: str) -> str:
        try:
            url = await asyncio.to_thread(_read_address, self._file)
            if self._store is None or self._store.url != url:
                await self.close()
                self._store = PostgresStore(url)
            async with asyncio.timeout(DEADLINE_SECONDS):
                await self._store.open()
        except (StoreError, TimeoutError) as error:
            raise self._down(error) from error
        return mark

    async def write(self, batch: Batch) -> Written:
        return await write_what_it_takes(self, batch)

    async def add(self, batch: Batch) -> None:
        """Take a batch whole. Raises StoreRefused, SinkDown."""
        assert self._store is not None
        await self._in_time(self._store.add(batch))

    async def would_take(self, batch: Batch) -> None:
        """Take a batch and take it back. Raises as `add` does."""
        assert self._store is not None
        await self._in_time(self._store.would_take(batch))

    async def prune(self, kept: Kept) -> bool:
        assert self._store is not None
        steps = [
            (PRUNE_ATTEMPTS, kept.attempts_from),
            (PRUNE_ROLLUPS, kept.sums_from),
            (PRUNE_LOSSES, kept.sums_from),
        ]
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                return max([await self._store.prune(*step) for step in steps]) >= PRUNE_STEP
        except (StoreError, TimeoutError) as error:
            raise self._down(error) from error

    async def close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    async def _in_time(self, work: Awaitable[object]) -> None:
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                await work
        except StoreRefused:
            raise
        except (StoreError, TimeoutError) as error:
            raise self._down(error) from error

    def _down(self, error: Exception) -> SinkDown:
        if not isinstance(error, TimeoutError):
            return SinkDown(str(error))
        where = self._store.where if self._store is not None else self._file
        return SinkDown(f"{where}: no answer in time")


def _read_address(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            url = opened.read(LONGEST_ADDRESS).decode().strip()
    except OSError as error:
        raise StoreDown(f"--postgres-file {file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise StoreDown(f"--postgres-file {file}: is no text; put a postgres:// URL there") from error
    if not url:
        raise StoreDown(f"--postgres-file {file}: is empty; put postgres://USER:PASSWORD@HOST:PORT/DATABASE there")
    return url
