"""Carries the spool into one store, and waits for that store alone."""

import asyncio
import logging
import random
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec import structs

from fairlead_ledger.shipping.cursor import Cursor, CursorFile
from fairlead_ledger.shipping.gathering import (
    BATCH_RECORDS,
    Gathered,
    Gatherer,
    first_cursor,
    resumed_cursor,
    unshipped,
)
from fairlead_ledger.shipping.settings import ShipSettings
from fairlead_ledger.sinks.sink import Kept, Sink, SinkDown
from fairlead_ledger.spool.instances import Life
from fairlead_ledger.store.batch import Reason
from fairlead_proxy.contract.usage_record import SinkReport

LOOK_SECONDS = 0.25
"""How often an idle store's spool is looked at: what is spooled is in the store well within a second."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 10.0
PRUNE_SECONDS = 3600.0

log = logging.getLogger(__name__)


class Carrier:
    """One sink with its cursor. `stopping`: set once the process is to end; what is there by then is still carried."""

    def __init__(self, settings: ShipSettings, sink: Sink, stopping: asyncio.Event) -> None:
        self.name = sink.name
        self._settings = settings
        self._sink = sink
        self._stopping = stopping
        self._file = CursorFile(settings.spool, sink.name, sink.identity)
        self._cursor: Cursor | None = None
        self._gatherer = Gatherer(settings.spool)
        self._waiting: Gathered | None = None
        self._up, self._error = False, ""
        self._down = True
        self._prune_at = 0.0

    @property
    def cursor(self) -> Cursor | None:
        """What is saved; None until the first was."""
        return self._cursor

    @property
    def cursor_path(self) -> Path:
        return self._file.path

    def report(self, lives: Sequence[Life]) -> SinkReport:
        cursor = self._cursor or Cursor()
        return SinkReport(
            up=self._up,
            error=self._error,
            unshipped=unshipped(list(lives), cursor.places),
            shipped=cursor.shipped,
            lost=cursor.lost,
        )

    async def run(self) -> None:
        """Carry until the process is to end and nothing is left."""
        failures = 0
        while True:
            try:
                moved, full = await self._step()
            except (SinkDown, OSError) as error:
                await self._pause(_wait_of(error, failures), str(error))
                failures += 1
            except Exception as error:  # a loop that must survive: this store is one of several
                log.exception("the ledger's shipper has a fault", extra={"sink": self.name})
                self._gatherer.close()
                self._waiting = None
                await self._pause(_wait_of(error, failures), f"{type(error).__name__}, see the log")
                failures += 1
            else:
                failures = 0
                if self._stopping.is_set():
                    if not moved:
                        return
                elif not full:
                    await self._wait(LOOK_SECONDS)

    async def close(self) -> None:
        self._gatherer.close()
        await self._sink.close()

    async def _step(self) -> tuple[bool, bool]:
        """Carry one batch; return whether there was one, and whether there is more by now. Raises SinkDown, OSError."""
        cursor = self._cursor or await self._begin()
        if self._waiting is None:
            now_ms = int(time.time() * 1000)
            gathered = await asyncio.to_thread(self._gatherer.gather, cursor, now_ms)
            if gathered.cursor != cursor:
                self._waiting = gathered
        if self._waiting is None:
            if self._down and not self._stopping.is_set():
                await self._sink.open(cursor.mark)
                self._tell(up=True, error="")
            return False, await self._prune(cursor)
        batch = self._waiting.batch
        cursor = await self._deliver(self._waiting, cursor)
        self._waiting = None
        return True, await self._prune(cursor) or len(batch.records) >= BATCH_RECORDS

    async def _begin(self) -> Cursor:
        cursor = await self._save(await asyncio.to_thread(self._first))
        await asyncio.to_thread(self._file.forget_paused)
        return cursor

    def _first(self) -> Cursor:
        spool = self._settings.spool
        found = self._file.load()
        if found is not None:
            return found
        paused = self._file.load_paused()
        return first_cursor(spool) if paused is None else resumed_cursor(spool, paused)

    async def _deliver(self, gathered: Gathered, cursor: Cursor) -> Cursor:
        if not gathered.batch:
            return await self._save(structs.replace(gathered.cursor, mark=cursor.mark))
        mark = await self._sink.open(cursor.mark)
        if mark != cursor.mark:
            await self._save(structs.replace(cursor, mark=mark))
        written = await self._sink.write(gathered.batch)
        lost, shipped = gathered.cursor.lost, gathered.cursor.shipped - written.refused
        if written.refused:
            lost = lost | {Reason.REFUSED: lost.get(Reason.REFUSED, 0) + written.refused}
        new = await self._save(structs.replace(gathered.cursor, mark=written.mark, lost=lost, shipped=shipped))
        self._tell(up=written.refused == 0 or written.refused < len(gathered.batch.records), error=written.error)
        return new

    async def _prune(self, cursor: Cursor) -> bool:
        """Delete a step of what is too old, once an hour; return whether there is more."""
        now = time.time()
        if now < self._prune_at or self._stopping.is_set():
            return False
        await self._sink.open(cursor.mark)
        kept = Kept(
            attempts_from=int((now - self._settings.retention_seconds) * 1000),
            sums_from=int((now - self._settings.rollup_retention_seconds) * 1000),
        )
        more = await self._sink.prune(kept)
        if not more:
            self._prune_at = now + PRUNE_SECONDS
        return more

    async def _save(self, cursor: Cursor) -> Cursor:
        await asyncio.to_thread(self._file.save, cursor)
        self._cursor = cursor
        return cursor

    async def _pause(self, seconds: float, error: str) -> None:
        self._down = True
        self._tell(up=False, error=error)
        await self._wait(seconds)

    async def _wait(self, seconds: float) -> None:
        """Wait so long; while the process is ending, no longer than it takes to look again."""
        if self._stopping.is_set():
            await asyncio.sleep(min(seconds, LOOK_SECONDS))
            return
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _tell(self, *, up: bool, error: str) -> None:
        if error and error != self._error:
            told = "a store of the ledger refused records" if up else "a store of the ledger takes nothing"
            log.warning(told, extra={"sink": self.name, "error": error})
        elif up and self._error:
            log.info("a store of the ledger takes records again", extra={"sink": self.name})
        self._down = self._down and not up
        self._up, self._error = up, error


def _wait_of(error: Exception, failures: int) -> float:
    asked = error.wait_seconds if isinstance(error, SinkDown) else 0.0
    return max(asked, pause_seconds(failures, random.random()))


def pause_seconds(failures: int, chance: float) -> float:
    """Return the pause after so many failures before this one: doubling, the last half of it by chance in [0, 1]."""
    whole = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(failures, 30))
    return whole * (0.5 + chance / 2)
