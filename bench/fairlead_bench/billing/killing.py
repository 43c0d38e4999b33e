"""Kills what books and what ships, by process id, and notes what a killed proxy had begun and had not written."""

import contextlib
import os
import signal
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from fairlead_bench.process_tree import members

WORKER, SHIPPER = "fairlead_proxy", "fairlead_ledger"
GONE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Killed:
    """A life of a proxy that was ended by SIGKILL, and what it had counted by then."""

    at: float
    life: str
    began: int
    spooled: int
    dropped: int

    @property
    def lost(self) -> int:
        return self.began - self.spooled


class Killer:
    """`pid`: of the `fairlead run` whose children are killed; `spool`: where they write."""

    def __init__(self, pid: int, spool: Path) -> None:
        self._pid, self._spool = pid, spool
        self.killed: list[Killed] = []
        self.shippers_killed = 0

    def workers(self) -> list[int]:
        """Return the process ids of the proxies that run now, sorted by their name."""
        found = {_option_of(pid, "--name"): pid for pid in self._children(WORKER)}
        return [found[name] for name in sorted(found)]

    def kill_worker(self, place: int) -> None:
        """Kill one of the proxies; without effect where none runs at this moment."""
        workers = self.workers()
        if not workers:
            return
        pid = workers[place % len(workers)]
        life = self._life_of(_option_of(pid, "--name"))
        if life is None or not _kill(pid):
            return
        began, spooled, dropped = struct.unpack("=3Q", (life / "counters").read_bytes())
        self.killed.append(Killed(time.time(), life.name, began, spooled, dropped))

    def kill_shipper(self) -> None:
        for pid in self._children(SHIPPER):
            self.shippers_killed += _kill(pid)

    def lives(self) -> list[Path]:
        """Return the lives whose records are still in the spool."""
        return sorted(path for path in self._spool.iterdir() if path.is_dir() and not path.name.startswith("."))

    def _life_of(self, name: str) -> Path | None:
        started = {int(path.name.rpartition("-")[2]): path for path in self.lives() if path.name.startswith(f"{name}-")}
        return started[max(started)] if started else None

    def _children(self, module: str) -> list[int]:
        return [pid for pid in members(self._pid)[1:] if any(module in word for word in _words_of(pid))]


def _kill(pid: int) -> bool:
    """Kill a process, and return once it is gone; False where it was gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    until = time.monotonic() + GONE_SECONDS
    while time.monotonic() < until and _words_of(pid):
        time.sleep(0.001)
    return True


def _words_of(pid: int) -> list[str]:
    """Return the command line; empty once the process has ended, be it only to be waited for."""
    with contextlib.suppress(OSError):
        return [word for word in Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0") if word]
    return []


def _option_of(pid: int, option: str) -> str:
    words = _words_of(pid)
    return words[words.index(option) + 1] if option in words[:-1] else ""
