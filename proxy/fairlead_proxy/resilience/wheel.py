"""One timer for every attempt of a process: most end long before their deadline, and cost an entry in a set."""

import asyncio
from typing import Protocol

LEAST_SECONDS = 0.001
"""Between two turns, whatever the entries ask for. A default."""


class Entry(Protocol):
    """What is looked at when its time has come. `look_at` is on the loop's clock; only `look` may make it later."""

    look_at: float

    def look(self, now: float) -> None:
        """Act on what is due, and set `look_at` anew, or leave the wheel."""
        ...


class Wheel:
    """Calls `look` on each entry at its time. The timer stands at the soonest instant that was ever asked for.

    An entry that leaves does not move the timer: it goes off for nothing then, once, and is set for who is left.
    """

    __slots__ = ("_at", "_entries", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._entries: set[Entry] = set()
        self._at = float("inf")
        self._timer: asyncio.TimerHandle | None = None

    def add(self, entry: Entry) -> None:
        """Look at this from now on; to be repeated when its `look_at` has become sooner."""
        self._entries.add(entry)
        if entry.look_at < self._at:
            self._set(entry.look_at)

    def discard(self, entry: Entry) -> None:
        self._entries.discard(entry)

    def entries(self) -> tuple[Entry, ...]:
        """Return all that stand on it now."""
        return tuple(self._entries)

    def _set(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._at = at
        self._timer = self._loop.call_at(at, self._turn)

    def _turn(self) -> None:
        now = self._loop.time()
        self._timer, self._at = None, float("inf")
        try:
            for entry in [entry for entry in self._entries if entry.look_at <= now]:
                if entry in self._entries:
                    entry.look(now)
        finally:  # one entry's fault must not stop the time of all others
            soonest = min((entry.look_at for entry in self._entries), default=None)
            if soonest is not None:
                self._set(max(soonest, now + LEAST_SECONDS))
