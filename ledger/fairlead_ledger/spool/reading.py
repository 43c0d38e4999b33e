"""Reads the records of one life in order, from a number on, while its process writes on and deletes what is old."""

import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from fairlead_ledger.spool.instances import Life, Segment
from fairlead_ledger.spool.lines import is_kind, read_kind, read_record
from fairlead_proxy.contract.usage_record import Kind, UsageRecord

CHUNK_BYTES = 1024 * 1024


class Gap(Struct, frozen=True):
    """Numbers from `first` on whose segment has been deleted before we read it."""

    first: int
    records: int


class Read(Struct, frozen=True):
    """What was read: up to `position`, the number of the record that comes next. `unreadable`: their numbers."""

    records: list[UsageRecord]
    position: int
    gaps: list[Gap]
    unreadable: list[int]


class LifeReader:
    """Reads on where it stopped. It holds the segment that it reads open: that may be deleted meanwhile."""

    def __init__(self, life: Life, position: int) -> None:
        self.position = position
        self._life = life
        self._file: int | None = None
        self._first = 0
        self._number = 0
        self._offset = 0
        self._kinds: dict[int, Kind] = {}

    def read(self, limit: int, *, over: bool) -> Read:
        """Return at most so many numbers' worth. `over`: its process had ended before this was called. Raises OSError.

        While it lives, records count from the moment that its counter says so: until then it may take lines back.
        """
        counters = None if over else self._life.counters()
        bound = None if counters is None else counters.spooled
        records: list[UsageRecord] = []
        gaps: list[Gap] = []
        unreadable: list[int] = []
        begin = self.position
        while self.position - begin < limit and (bound is None or self.position < bound):
            if self._file is None and not self._open_next(gaps):
                break
            left = limit - (self.position - begin)
            if bound is not None:
                left = min(left, bound - self.position)
            if not self._read_open(left, records, unreadable) and not self._move_on(left, records, gaps, unreadable):
                break
        return Read(records, self.position, gaps, unreadable)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open_next(self, gaps: list[Gap]) -> bool:
        """Open the segment in which the next number is; where that has gone, the first one after it."""
        segments = self._life.segments()
        earlier = [segment for segment in segments if segment.first <= self.position]
        later = [segment for segment in segments if segment.first > self.position]
        for segment in [*earlier[-1:], *later]:
            if self._open(segment):
                if segment.first > self.position:
                    gaps.append(Gap(self.position, segment.first - self.position))
                    self.position = segment.first
                return True
        return False

    def _open(self, segment: Segment) -> bool:
        opened = _open_file(segment.path)
        if opened is None:
            return False
        self.close()
        self._file, self._first, self._number, self._offset, self._kinds = opened, segment.first, segment.first, 0, {}
        return True

    def _move_on(self, limit: int, records: list[UsageRecord], gaps: list[Gap], unreadable: list[int]) -> bool:
        """Go to the segment after the one that is read to its end; return False where there is none yet.

        The newer one was begun after the last line of this one, which may have come since we looked.
        """
        later = [segment for segment in self._life.segments() if segment.first > self._first]
        if not later:
            return False
        if self._read_open(limit, records, unreadable):
            return True
        for segment in later:
            if self._open(segment):
                if segment.first > self.position:
                    gaps.append(Gap(self.position, segment.first - self.position))
                    self.position = segment.first
                return True
        return False

    def _read_open(self, limit: int, records: list[UsageRecord], unreadable: list[int]) -> bool:
        """Read at most so many numbers of the open segment; return whether any were there."""
        end = self.position + limit
        before = self.position
        for line in self._lines():
            if is_kind(line):
                kind = read_kind(line)
                if kind is not None:
                    self._kinds[kind.kind] = kind
            elif line:
                if self._number >= self.position:
                    record = read_record(line, self._kinds)
                    if record is None:
                        unreadable.append(self._number)
                    else:
                        records.append(record)
                    self.position = self._number + 1
                self._number += 1
            self._offset += len(line) + 1
            if self.position >= end:
                break
        return self.position > before

    def _lines(self) -> Iterator[bytes]:
        """Yield the lines from the offset on that have ended; the offset is moved by whoever takes them."""
        assert self._file is not None
        size = CHUNK_BYTES
        while data := os.pread(self._file, size, self._offset):
            whole, found, _ = data.rpartition(b"\n")
            if found:
                yield from whole.split(b"\n")
                size = CHUNK_BYTES
            elif len(data) < size:
                return  # not written to its end yet
            else:
                size *= 2


def _open_file(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None  # deleted since we saw it
