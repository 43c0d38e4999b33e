"""Writes each record as a line of JSON, to a file or to the standard output."""

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from fairlead_ledger.sinks.sink import Kept, SinkDown, Written
from fairlead_ledger.store.batch import Batch


class Mark(Struct, frozen=True):
    """Up to which size this file has been written for good. `inode` tells whether it is still the same one."""

    inode: int
    size: int


class JsonLinesFile:
    """A line a record in a file; a loss is a line too, with `lost` in it.

    What was written after the last saved mark is cut off, so that no record stands there twice. A file that was renamed
    or emptied meanwhile is begun anew: rotating it is somebody else's business.
    """

    name = "json-lines"

    def __init__(self, path: Path) -> None:
        self.identity = str(path.absolute())
        self._path = path
        self._file: int | None = None
        self._mark = Mark(0, 0)
        self._thread = ThreadPoolExecutor(1, "json-lines")

    async def open(self, mark: str) -> str:
        found: Mark = await self._do(self._ready, mark)
        return msgspec.json.encode(found).decode()

    async def write(self, batch: Batch) -> Written:
        written: Mark = await self._do(self._append, lines_of(batch))
        return Written(mark=msgspec.json.encode(written).decode())

    async def prune(self, kept: Kept) -> bool:
        return False

    async def close(self) -> None:
        await self._do(self._close)
        self._thread.shutdown(wait=False)

    def _ready(self, saved: str) -> Mark:
        if self._file is not None and not self._is_there():
            self._close()
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        last = msgspec.json.decode(saved, type=Mark) if saved else Mark(0, 0)
        found = os.fstat(self._file)
        size = found.st_size
        if found.st_ino == last.inode and size > last.size:
            os.ftruncate(self._file, last.size)
            size = last.size
        self._mark = Mark(found.st_ino, size)
        return self._mark

    def _append(self, data: bytes) -> Mark:
        assert self._file is not None
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
        os.fsync(self._file)
        self._mark = Mark(self._mark.inode, self._mark.size + len(data))
        return self._mark

    def _is_there(self) -> bool:
        try:
            return self._path.stat().st_ino == self._mark.inode
        except OSError:
            return False

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    async def _do(self, work: Any, *arguments: Any) -> Any:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)
        except (OSError, msgspec.MsgspecError) as error:
            raise SinkDown(f"{self._path}: {error}") from error


class JsonLinesOutput:
    """A line a record on the standard output, where nothing can be taken back: after a crash a batch may come twice."""

    name = "json-lines"
    identity = "-"

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "json-lines")

    async def open(self, mark: str) -> str:
        return mark

    async def write(self, batch: Batch) -> Written:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, _print, lines_of(batch))
        except OSError as error:
            raise SinkDown(f"standard output: {error}") from error
        return Written()

    async def prune(self, kept: Kept) -> bool:
        return False

    async def close(self) -> None:
        self._thread.shutdown(wait=False)


def lines_of(batch: Batch) -> bytes:
    """Return a batch as lines, each with its line feed."""
    losses = [
        {"id": loss.id, "at": loss.at, "proxy": loss.proxy, "lost": loss.attempts, "reason": loss.reason}
        for loss in batch.losses
    ]
    return b"".join(msgspec.json.encode(each) + b"\n" for each in (*batch.records, *losses))


def _print(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(sys.stdout.fileno(), view) :]
