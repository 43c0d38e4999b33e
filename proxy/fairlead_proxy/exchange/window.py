"""The recent past in bounded memory: counters, and latencies, over a sliding span of time."""

import math
from array import array
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

    def __init__(self, span_seconds: float, width: int) -> None:
        self._slice_seconds = span_seconds / SLICES
        self._width = width
        self._rows: list[array[int] | None] = [None] * SLICES
        self._totals = array("q", bytes(8 * width))
        self._newest: int | None = None

    def add(self, column: int, now: float) -> None:
        """Count one in this column."""
        number = int(now // self._slice_seconds)
        if number != self._newest:
            number = self._advance(now)
        position = number % SLICES
        row = self._rows[position]
        if row is None:
            row = self._rows[position] = array("q", bytes(8 * self._width))
        row[column] += 1
        self._totals[column] += 1

    def totals(self, now: float) -> Sequence[int]:
        """Return the counters of the span that ends now; read it before the next `add`."""
        self._advance(now)
        return self._totals

    def _advance(self, now: float) -> int:
        """Drop what is too old; return the number of the slice to count in."""
        number = int(now // self._slice_seconds)
        if self._newest is None or abs(number - self._newest) >= SLICES:
            self._clear()
            self._newest = number
        while self._newest < number:
            self._newest += 1
            self._drop(self._newest % SLICES)
        return self._newest

    def _drop(self, position: int) -> None:
        row = self._rows[position]
        if row is None:
            return
        for column, count in enumerate(row):
            self._totals[column] -= count
        self._rows[position] = None

    def _clear(self) -> None:
        self._rows = [None] * SLICES
        self._totals = array("q", bytes(8 * self._width))


class LatencyWindow:
    """Latencies over the last `span_seconds`, good for quantiles."""

    def __init__(self, span_seconds: float) -> None:
        self._counts = Window(span_seconds, BUCKETS)

    def add(self, seconds: float, now: float) -> None:
        self._counts.add(bisect_left(_EDGES, seconds), now)

    def quantile(self, share: float, now: float, *, least: int = 1) -> float | None:
        """Return the latency, in seconds, that `share` of them did not exceed; None below `least` samples.

        It is the upper edge of its bucket: never too low, at most a quarter too high.
        """
        counts = self._counts.totals(now)
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
