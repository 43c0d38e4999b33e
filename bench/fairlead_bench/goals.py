"""What Fairlead promises on each workload, and whether a run has kept it."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fairlead_bench.results import Results
from fairlead_bench.workloads.failures import BROKEN, FAULTS
from fairlead_bench.workloads.workload import CPU

OURS, ENVOY = "fairlead", "envoy"


@dataclass(frozen=True, slots=True)
class Goal:
    """`read` returns the figure of a workload's results, None where there is none. It may be `most`, or `least`."""

    workload: str
    what: str
    read: Callable[[Results], float | None]
    most: float | None = None
    least: float | None = None

    @property
    def bound(self) -> str:
        return f"≤ {self.most:g}" if self.most is not None else f"≥ {self.least:g}"

    def kept(self, value: float) -> bool:
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)


@dataclass(frozen=True, slots=True)
class Reading:
    goal: Goal
    value: float

    @property
    def kept(self) -> bool:
        return self.goal.kept(self.value)


def readings(results: Mapping[str, Results]) -> list[Reading]:
    """Return every goal of which there is a figure, in order."""
    found = []
    for goal in GOALS:
        value = goal.read(results[goal.workload]) if goal.workload in results else None
        if value is not None:
            found.append(Reading(goal, value))
    return found


def unread(results: Mapping[str, Results]) -> list[Goal]:
    """Return the goals of workloads that were run of which there is no figure all the same."""
    return [goal for goal in GOALS if goal.workload in results and goal.read(results[goal.workload]) is None]


def _of_envoy(results: Results) -> float | None:
    return results.ratio(OURS, ENVOY, CPU)


def _less_than(peer: str) -> Callable[[Results], float | None]:
    """Return how many times as much a peer costs."""
    return lambda results: results.ratio(peer, OURS, CPU)


def _worst(column: str) -> Callable[[Results], float | None]:
    return lambda results: max(results.values(OURS, column), default=None)


def _middle(column: str) -> Callable[[Results], float | None]:
    return lambda results: _median(results.values(OURS, column))


def _least_of(*columns: str) -> Callable[[Results], float | None]:
    return lambda results: min((value for each in columns for value in results.values(OURS, each)), default=None)


def _median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None


GOALS = (
    Goal("W1", "CPU of a plain call, ÷ Envoy", _of_envoy, most=1.0),
    Goal("W1", "CPU of a plain call, LiteLLM ÷ Fairlead", _less_than("litellm"), least=100),
    Goal("W1", "CPU of a plain call, Portkey ÷ Fairlead", _less_than("portkey"), least=20),
    Goal("W1", "MiB when idle", _worst("idle MiB"), most=80),
    Goal("W-TLS", "CPU of a plain call over TLS, ÷ Envoy", _of_envoy, most=1.2),
    Goal("W3", "CPU of a streamed token, ÷ Envoy", _of_envoy, most=1.0),
    Goal("W3k", "failed streams of 1,000 at once", _worst("failed"), most=0),
    Goal("W3k", "KiB a stream", _middle("KiB a stream"), most=40),
    *(
        Goal("W4", f"tries of a provider that fails by {fault}", _worst(f"{fault} tries"), most=10)
        for fault in FAULTS[:3]
    ),
    Goal("W4", "tries of a provider that asks for 30 s of rest", _worst("429 tries"), most=2),
    Goal("W4", "calls that a provider which hangs makes wait for over 2 s", _worst("hang over 2 s"), most=64),
    Goal("W4", "share of the calls that were answered", _least_of(*(f"{fault} answered" for fault in FAULTS)), least=1),
    Goal(
        "W5",
        "share of the broken streams that ended right",
        _least_of(*(f"{end} right" for end in BROKEN.values())),
        least=1,
    ),
    Goal("W6", "CPU of a prompt of 1 MB, ÷ Envoy", _of_envoy, most=4.0),
    Goal("W8", "CPU among 1,000 policies, ÷ one policy", _middle("÷ one policy"), most=1.05),
    Goal("W9", "failed calls while the configuration changes", _worst("failed"), most=0),
    Goal("W9", "ms until the change is in effect", _worst("in effect after ms"), most=1000),
)
