"""Writes what the ledger is told to disk, from a thread: a disk that stalls or is full loses records, not calls."""

import errno
import fcntl
import logging
import mmap
import os
import queue
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from fairlead_proxy.contract.usage_record import COUNTERS_FILE, DROPPED, LOCK_FILE, SEGMENT_SUFFIX, SPOOLED

PENDING_BATCHES = 256
"""So many batches wait for the disk at most: at ten a second half a minute, at full load several seconds."""
LEAST_SEGMENT_BYTES, MOST_SEGMENT_BYTES = 64 * 1024, 8 * 1024 * 1024
SEGMENTS = 16
"""Into how many segments the room is divided at least: what goes when it is full is one of them."""
CLOSE_SECONDS = 5.0
_COUNTERS = 3
_COUNTER_BYTES = 8
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})

log = logging.getLogger(__name__)


class Batch(NamedTuple):
    """Lines, each with its line feed. `renew`: the kinds known before are not used any more."""

    kinds: Sequence[str]
    entries: Sequence[str]
    renew: bool


class NoSpool:
    """Stands in for a spool that the disk has no room for: it counts what is lost. See telemetry.booking.Records."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.counters = memoryview(bytearray(_COUNTERS * _COUNTER_BYTES)).cast("Q")

    def append(self, kinds: Sequence[str], entries: Sequence[str], *, renew: bool) -> bool:
        self.drop(len(entries), "")
        return False

    def drop(self, records: int, why: str) -> None:
        self.counters[DROPPED] += records

    def close(self) -> None:
        """Nothing is open."""


def open_spool(root: Path, proxy: str, started_ms: int, limit_bytes: int) -> "Spool | NoSpool":
    """Return the spool of this life; one that loses all, and says so, where the disk is full: calls go on.

    Raises OSError where it can never be made, as where the path is wrong.
    """
    try:
        return Spool(root, proxy, started_ms, limit_bytes)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        log.error("no attempt is booked until this proxy starts anew, its spool cannot be made: %s", error)
        return NoSpool(root)


class Spool:
    """The spool of one life of this process; see contract.usage_record for its form. `root`: that of all lives.

    `counters`: attempts that began, records spooled, records dropped. The first is the caller's to count, once for each
    attempt and in the event loop; the others are this one's.
    """

    def __init__(self, root: Path, proxy: str, started_ms: int, limit_bytes: int) -> None:
        """Make the directory of this life, and take its lock. Raises OSError."""
        self.root = root
        self._limit = limit_bytes
        self._segment_bytes = min(max(limit_bytes // SEGMENTS, LEAST_SEGMENT_BYTES), MOST_SEGMENT_BYTES)
        self._directory = root / f"{proxy}-{started_ms}"
        self._directory.mkdir(mode=0o700, parents=True)
        self._lock = os.open(self._directory / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._memory = _shared_memory(self._directory / COUNTERS_FILE)
        self.counters = memoryview(self._memory).cast("Q")
        self._dropping = threading.Lock()
        self._kinds: list[str] = []
        self._segment: int | None = None
        self._size = self._entry_bytes = 0
        self._troubled = False
        self._batches: queue.Queue[Batch | None] = queue.Queue(PENDING_BATCHES)
        self._thread = threading.Thread(target=self._write_all, name="spool", daemon=True)
        self._thread.start()

    def append(self, kinds: Sequence[str], entries: Sequence[str], *, renew: bool) -> bool:
        """Take lines to be written soon: first the new kinds, then the entries. Never waits.

        Return False where there is no room: the entries are counted as dropped, and the kinds are not known.
        """
        try:
            self._batches.put_nowait(Batch(kinds, entries, renew))
        except queue.Full:
            self.drop(len(entries), "its disk does not keep up")
            return False
        return True

    def drop(self, records: int, why: str) -> None:
        """Count records as lost."""
        with self._dropping:
            self.counters[DROPPED] += records
        if not self._troubled:
            self._troubled = True
            log.error("records are lost, the spool takes none: %s", why)

    def close(self) -> None:
        """Write what there is, and let go of the lock: this life is over."""
        try:
            self._batches.put(None, timeout=CLOSE_SECONDS)
            self._thread.join(CLOSE_SECONDS)
        except queue.Full:
            pass
        if self._thread.is_alive():
            log.error("records are lost, the spool's disk does not answer", extra={"batches": self._batches.qsize()})
            return  # the lock goes with the process
        self.counters.release()
        self._memory.close()
        os.close(self._lock)

    def _write_all(self) -> None:
        while (batch := self._batches.get()) is not None:
            try:
                self._write(batch)
            except OSError as error:
                self._end_segment()
                self.drop(len(batch.entries), os.strerror(error.errno or 0))
            else:
                self.counters[SPOOLED] += len(batch.entries)
                self._troubled = False
        self._end_segment()

    def _write(self, batch: Batch) -> None:
        if batch.renew:
            self._kinds = []
        self._kinds += batch.kinds
        # Kinds do not count: where they are many, a segment would be full before its first entry.
        if batch.renew or self._segment is None or self._entry_bytes >= self._segment_bytes:
            self._begin_segment()
            kinds: Sequence[str] = self._kinds
        else:
            kinds = batch.kinds
        assert self._segment is not None
        entries = "".join(batch.entries).encode()
        data = "".join(kinds).encode() + entries
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._segment, view) :]
        except OSError:
            os.ftruncate(self._segment, self._size)  # a torn line would spoil the one after it
            raise
        self._size += len(data)
        self._entry_bytes += len(entries)

    def _begin_segment(self) -> None:
        self._end_segment()
        self._make_room()
        name = f"{self.counters[SPOOLED]:020}{SEGMENT_SUFFIX}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        self._segment, self._size, self._entry_bytes = os.open(self._directory / name, flags, 0o600), 0, 0

    def _end_segment(self) -> None:
        if self._segment is not None:
            os.close(self._segment)
            self._segment = None

    def _make_room(self) -> None:
        """Delete the oldest segments until one more fits; nobody has shipped them, and who does sees the gap."""
        held = sorted(_segments_under(self.root, self._directory))
        room = self._limit - self._segment_bytes - sum(size for _, size, _ in held)
        for _, size, path in held:
            if room >= 0:
                return
            path.unlink(missing_ok=True)
            room += size
            log.error("records are lost, the spool is full: its shipper does not keep up", extra={"segment": path.name})


def _shared_memory(path: Path) -> mmap.mmap:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # Written, and not only made that long: a page that the disk has no room for would end this process.
        if os.write(descriptor, bytes(_COUNTERS * _COUNTER_BYTES)) != _COUNTERS * _COUNTER_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return mmap.mmap(descriptor, _COUNTERS * _COUNTER_BYTES)
    finally:
        os.close(descriptor)


def _segments_under(root: Path, own: Path) -> Iterator[tuple[float, int, Path]]:
    """Yield when it was written, size and path of every segment that nobody writes any more.

    `own`: the directory of our life, which is between two segments.
    """
    for life in root.iterdir():
        try:
            found = sorted((each for each in os.scandir(life) if each.name.endswith(SEGMENT_SUFFIX)), key=_name_of)
            in_use = life != own and _is_living(life)
            for each in found[:-1] if in_use else found:
                stat = each.stat()
                yield stat.st_mtime, stat.st_size, Path(each.path)
        except OSError:  # no directory, or the shipper has just deleted it
            continue


def _name_of(entry: "os.DirEntry[str]") -> str:
    return entry.name


def _is_living(life: Path) -> bool:
    """Say whether the process whose directory it is holds its lock."""
    try:
        lock = os.open(life / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
