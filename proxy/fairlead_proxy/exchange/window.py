"""The recent past in bounded memory: counters, and latencies, over a sliding span of time."""

import math
from bisect import bisect_left
from collections.abc import Sequence

SLICES = 10
"""A span is kept in this many slices: what falls out does so one slice at a time. A default."""

FINEST_SECONDS = 0.001
GROWTH = 1.25
BUCKETS = 62
"""Latencies are kept in buckets that grow by a quarter, from 1 ms to over 13 minutes: a quantile errs by a quarter."""


_EDGES = [FINEST_SECONDS * float(GROWTH**bucket) for bucket in range(BUCKETS - 1)]
"""The upper edges of all buckets but the last, which holds whatever is longer."""


class Window:
    """`width` counters over the last `span_seconds`. Instants may stand still or go back a little: nothing is lost."""

    __slots__ = ("_from", "_newest", "_row", "_rows", "_slice_seconds", "_until", "_width")

    def __init__(self, span_seconds: float, width: int) -> None:
        self._slice_seconds = span_seconds / SLICES
        self._width = width
        self._rows: list[list[int] | None] = [None] * SLICES
        self._newest: int | None = None
        # The newest slice: what is added goes there until an instant is outside it.
        self._row: list[int] = []
        self._from = self._until = math.inf

    def add(self, column: int, now: float) -> None:
        """Count one in this column."""
        if not self._from <= now < self._until:
            self._advance(now)
        self._row[column] += 1

    def totals(self, now: float) -> Sequence[int]:
        """Return the counters of the span that ends now."""
        self._advance(now)
        return [sum(column) for column in zip(*filter(None, self._rows), strict=True)]

    def _advance(self, now: float) -> None:
        """Drop what is too old, and make the slice of this instant the newest one."""
        number = int(now // self._slice_seconds)
        newest = self._newest
        if newest is None or abs(number - newest) >= SLICES:
            self._rows = [None] * SLICES
            newest = number
        while newest < number:
            newest += 1
            self._rows[newest % SLICES] = None
        self._newest = newest
        self._from, self._until = newest * self._slice_seconds, (newest + 1) * self._slice_seconds
        row = self._rows[newest % SLICES]
        if row is None:
            row = self._rows[newest % SLICES] = [0] * self._width
        self._row = row


class LatencyWindow(Window):
    """Latencies over the last `span_seconds`, good for quantiles: a counter for each bucket."""

    __slots__ = ()

    def __init__(self, span_seconds: float) -> None:
        super().__init__(span_seconds, BUCKETS)

    def observe(self, seconds: float, now: float) -> None:
        if not self._from <= now < self._until:
            self._advance(now)
        self._row[bisect_left(_EDGES, seconds)] += 1

    def quantile(self, share: float, now: float, *, least: int = 1) -> float | None:
        """Return the latency, in seconds, that `share` of them did not exceed; None below `least` samples.

        It is the upper edge of its bucket: never too low, at most a quarter too high.
        """
        counts = self.totals(now)
        samples = sum(counts)
        if samples < max(least, 1):
            return None
        rank = math.ceil(share * samples)
        seen = 0
        for bucket, count in enumerate(counts):
            seen += count
            if seen >= rank:
                return FINEST_SECONDS * float(GROWTH**bucket)
        return None
