"""Calls that have ended, until they are booked: a hundred in a row cost a third of what they cost one by one."""

import asyncio
from collections.abc import Callable, Sequence

from fairlead_proxy.exchange.record import CallRecord
from fairlead_proxy.telemetry.faults import log_fault

SOON_SECONDS = 0.1
BATCH = 500
"""How long a call waits to be booked at most, and how many wait before the loop is held by booking them. Defaults."""

Reader = Callable[[Sequence[CallRecord]], None]
"""Books calls that have ended, in the order in which they did."""


class Journal:
    """Hands on what has ended to its readers, in batches. Within one event loop only."""

    def __init__(self) -> None:
        self._readers: Sequence[Reader] = ()
        self._ended: list[CallRecord] = []
        self._due: asyncio.TimerHandle | None = None

    def hand_to(self, *readers: Reader) -> None:
        """Name the readers; once, when all of them have been made."""
        self._readers = readers

    def add(self, record: CallRecord) -> None:
        """Note a call that has ended: its record does not change any more."""
        ended = self._ended
        ended.append(record)
        if len(ended) == 1:
            self._due = asyncio.get_running_loop().call_later(SOON_SECONDS, self.catch_up)
        elif len(ended) >= BATCH:
            self.catch_up()

    def catch_up(self) -> None:
        """Book what has ended: for whoever cannot wait, since it is going to look at what the readers keep."""
        ended = self._ended
        if not ended:
            return
        self._ended = []
        if self._due is not None:
            self._due.cancel()
            self._due = None
        for read in self._readers:
            try:
                read(ended)
            except Exception as error:  # one reader's fault must become neither another's nor the next call's
                log_fault(ended[-1].call, error, "calls could not be booked")
