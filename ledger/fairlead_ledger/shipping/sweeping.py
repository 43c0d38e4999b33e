"""Deletes from the spool what every store has, and says in the spool's root how the stores do."""

import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec

from fairlead_ledger.shipping.carrier import Carrier
from fairlead_ledger.shipping.cursor import Place, replace_file
from fairlead_ledger.spool.instances import Life, find_lives
from fairlead_proxy.contract.usage_record import SHIP_FILE, ShipReport, SinkReport

HEARTBEAT_SECONDS = 10.0
"""So often the report is written though nothing has changed: who reads it sees that somebody ships."""
NEARLY_FULL = 0.8

log = logging.getLogger(__name__)


class Sweeper:
    """Looks after one spool; `limit_bytes`: beyond it the proxies delete what is oldest."""

    def __init__(self, root: Path, carriers: Sequence[Carrier], limit_bytes: int) -> None:
        self._root = root
        self._carriers = carriers
        self._limit_bytes = limit_bytes
        self._told: Mapping[str, SinkReport] = {}
        self._told_at = 0.0
        self._nearly_full = False

    def sweep(self) -> None:
        """Delete what is in every store, then tell. Blocks on the disk. Raises OSError."""
        lives = find_lives(self._root)
        cursors = [carrier.cursor for carrier in self._carriers]
        if all(cursor is not None for cursor in cursors):
            for life in lives:
                places = [cursor.places.get(life.name, Place()) for cursor in cursors if cursor is not None]
                if all(place.settled for place in places):
                    life.remove()
                else:
                    _delete_shipped(life, min(place.next for place in places))
        self._watch_room(lives)
        self.tell(lives)

    def tell(self, lives: Sequence[Life]) -> None:
        """Write the report where it has changed, or is old. Raises OSError."""
        sinks = {carrier.name: carrier.report(lives) for carrier in self._carriers}
        now = time.time()
        if sinks == self._told and now < self._told_at + HEARTBEAT_SECONDS:
            return
        report = ShipReport(at=now, sinks=sinks)
        replace_file(self._root / SHIP_FILE, msgspec.json.encode(report), durable=False)
        self._told, self._told_at = sinks, now

    def _watch_room(self, lives: Sequence[Life]) -> None:
        held = 0
        for life in lives:
            for segment in life.segments():
                with contextlib.suppress(OSError):  # deleted since we saw it
                    held += segment.path.stat().st_size
        nearly_full = held > self._limit_bytes * NEARLY_FULL
        if nearly_full and not self._nearly_full:
            told = {"mib": held // 2**20, "limit_mib": self._limit_bytes // 2**20}
            log.warning("the spool is nearly full, then its oldest records are lost", extra=told)
        self._nearly_full = nearly_full


def _delete_shipped(life: Life, position: int) -> None:
    """Delete the segments whose records all come before this number; the newest stays."""
    segments = life.segments()
    for segment, following in pairwise(segments):
        if following.first <= position:
            segment.path.unlink(missing_ok=True)
