"""What was measured: every figure of every round, and what they come to."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field

from fairlead_bench.workloads.workload import GAUGE, Figures


@dataclass(slots=True)
class Results:
    """The figures of one workload: by target, one entry a round. `absent`: why a target has none."""

    rounds: dict[str, list[Figures]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def add(self, target: str, figures: Figures) -> None:
        self.rounds.setdefault(target, []).append(figures)

    def values(self, target: str, column: str) -> list[float]:
        """Return the numbers of one column, a round each."""
        found = [figures.get(column) for figures in self.rounds.get(target, [])]
        return [value for value in found if isinstance(value, int | float)]

    def ratio(self, target: str, base: str, column: str, *, by_gauge: bool = False) -> float | None:
        """Return the median, over the rounds, of one target's figure as a multiple of another's in the same round.

        `by_gauge`: each is first divided by what the gauge took meanwhile, so that a slow minute counts for less.
        """
        pairs = zip(self._scaled(target, column, by_gauge), self._scaled(base, column, by_gauge), strict=False)
        ratios = [mine / theirs for mine, theirs in pairs if theirs]
        return statistics.median(ratios) if ratios else None

    def _scaled(self, target: str, column: str, by_gauge: bool) -> Iterable[float]:
        values = self.values(target, column)
        if not by_gauge:
            return values
        return [value / gauge for value, gauge in zip(values, self.values(target, GAUGE), strict=False) if gauge]


def spread(values: list[float]) -> tuple[float, float, float]:
    """Return the least, the median and the most."""
    return min(values), statistics.median(values), max(values)
