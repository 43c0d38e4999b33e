"""Counters and histograms of the hot path: plain numbers bound once, made into samples when they are asked for.

A counter of prometheus_client takes a lock and four calls to be raised by one; a call raises nine. One event loop does
the counting here, and the same loop renders, so that nothing has to be locked.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

Values = tuple[str, ...]
Kept = TypeVar("Kept")


class Latencies:
    """One histogram: `bounds` are its buckets' upper edges, in seconds, without the infinite one."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def add_to(self, family: HistogramMetricFamily, values: Values) -> None:
        """Add the samples, which are cumulative by the format's rule."""
        reached = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            reached += count
            buckets.append(("+Inf" if bound == float("inf") else str(bound), reached))
        family.add_metric(values, buckets, self._sum)


class Group(Generic[Kept]):
    """What is counted for each set of label values; `names` are the labels."""

    def __init__(self, names: Sequence[str], make: Callable[[], Kept]) -> None:
        self.names = names
        self._make = make
        self._kept: dict[Values, Kept] = {}
        self._bound = [place for place, name in enumerate(names) if name in ("namespace", "policy", "provider")]

    def of(self, *values: str) -> Kept:
        kept = self._kept.get(values)
        if kept is None:
            kept = self._kept[values] = self._make()
        return kept

    def items(self) -> Iterator[tuple[Values, Kept]]:
        return iter(list(self._kept.items()))

    def keep(self, known: frozenset[str]) -> None:
        """End the series whose namespace, policy or provider is not known any more."""
        for values in [values for values in self._kept if any(values[place] not in known for place in self._bound)]:
            del self._kept[values]


def counters(
    name: str, text: str, names: Sequence[str], samples: Iterable[tuple[Values, float]]
) -> CounterMetricFamily:
    """Return one family of counters with these samples."""
    family = CounterMetricFamily(name, text, labels=names)
    for values, count in samples:
        family.add_metric(values, count)
    return family


def histograms(
    name: str, text: str, names: Sequence[str], samples: Iterable[tuple[Values, Latencies]]
) -> HistogramMetricFamily:
    """Return one family of histograms with these samples."""
    family = HistogramMetricFamily(name, text, labels=names)
    for values, latencies in samples:
        latencies.add_to(family, values)
    return family
