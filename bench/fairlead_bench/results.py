"""What was measured: every figure of every round, and what they come to."""

import statistics
from dataclasses import dataclass, field

from fairlead_bench.workloads.workload import GAUGE, Figures


@dataclass(slots=True)
class Results:
    """The figures of one workload: by target, one entry a round, empty where it failed. `absent`: why it did."""

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
        pairs = zip(self.rounds.get(target, []), self.rounds.get(base, []), strict=False)
        scaled = [(_scaled(mine, column, by_gauge), _scaled(theirs, column, by_gauge)) for mine, theirs in pairs]
        ratios = [mine / theirs for mine, theirs in scaled if mine is not None and theirs]
        return statistics.median(ratios) if ratios else None


def spread(values: list[float]) -> tuple[float, float, float]:
    """Return the least, the median and the most."""
    return min(values), statistics.median(values), max(values)


def _scaled(figures: Figures, column: str, by_gauge: bool) -> float | None:
    value, gauge = figures.get(column), figures.get(GAUGE) if by_gauge else 1.0
    return value / gauge if isinstance(value, int | float) and isinstance(gauge, int | float) and gauge else None
