"""Finds the lives of proxy processes in a spool, and says which of them are over, and what they counted."""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from fairlead_proxy.contract.usage_record import BEGAN, COUNTERS_FILE, DROPPED, LOCK_FILE, SEGMENT_SUFFIX, SPOOLED

BIRTH_MS = 5_000
"""So long after its begin a life is taken for one that goes on: its lock may not have been taken yet."""

_LIFE = re.compile(r"(?P<proxy>.+)-(?P<started>[0-9]{1,16})")
_GONE = ".gone-"
_COUNTERS, _COUNTER_BYTES = 3, 8


class Counters(Struct, frozen=True):
    """What a life has counted, which outlives it. `dropped` have no number and stand in no segment."""

    began: int
    spooled: int
    dropped: int


class Segment(Struct, frozen=True):
    """A file of records, the first of which has this number."""

    first: int
    path: Path


class Life(Struct, frozen=True):
    """One life of a proxy process. `name`: that of its directory; `started_ms`: Unix milliseconds."""

    name: str
    directory: Path
    started_ms: int

    def is_over(self, now_ms: int) -> bool:
        """Say whether its process has ended. The answer comes before what is read next, so that it is read whole."""
        if now_ms < self.started_ms + BIRTH_MS:
            return False
        try:
            lock = os.open(self.directory / LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True  # it ended before it could take one
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        else:
            return True
        finally:
            os.close(lock)

    def counters(self) -> Counters | None:
        """Return what it has counted; None where that cannot be read."""
        try:
            data = (self.directory / COUNTERS_FILE).read_bytes()
        except OSError:
            return None
        if len(data) < _COUNTERS * _COUNTER_BYTES:
            return None
        values = memoryview(data)[: _COUNTERS * _COUNTER_BYTES].cast("Q")
        return Counters(values[BEGAN], values[SPOOLED], values[DROPPED])

    def segments(self) -> list[Segment]:
        """Return its segments, the oldest first; none where its directory has gone."""
        try:
            names = os.listdir(self.directory)
        except OSError:
            return []
        numbers = (name.removesuffix(SEGMENT_SUFFIX) for name in names if name.endswith(SEGMENT_SUFFIX))
        found = [
            Segment(int(number), self.directory / f"{number}{SEGMENT_SUFFIX}")
            for number in numbers
            if number.isascii() and number.isdigit()
        ]
        return sorted(found, key=lambda segment: segment.first)

    def remove(self) -> None:
        """Delete it at one stroke: whoever looks meanwhile sees all of it or nothing. Raises OSError."""
        gone = self.directory.with_name(f"{_GONE}{self.name}")
        self.directory.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def find_lives(root: Path) -> list[Life]:
    """Return the lives in a spool, the oldest first. Raises OSError where it cannot be read."""
    return sorted(_lives(root), key=lambda life: (life.started_ms, life.name))


def clear_leftovers(root: Path) -> None:
    """Delete what a shipper before us had begun to delete. Raises OSError."""
    for path in root.glob(f"{_GONE}*"):
        shutil.rmtree(path, ignore_errors=True)


def _lives(root: Path) -> Iterator[Life]:
    with os.scandir(root) as entries:
        for entry in entries:
            found = _LIFE.fullmatch(entry.name)
            if found and not entry.name.startswith(_GONE) and entry.is_dir(follow_symlinks=False):
                yield Life(entry.name, Path(entry.path), int(found["started"]))
