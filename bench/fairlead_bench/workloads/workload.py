"""What a workload is, and the figures that all of them share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fairlead_bench.running import Rig, Usage
from fairlead_bench.targets.target import Target

Figures = Mapping[str, float | str]
"""By the name of a column. Words stand where there is no number."""

CPU = "CPU µs"
GAUGE = "gauge µs"


@dataclass(frozen=True, slots=True)
class Workload:
    """`cost`: the columns, of those in `columns`, that are compared between targets; each stands beside its gauge."""

    name: str
    title: str
    columns: tuple[str, ...]
    run: Callable[[Rig, Target, float], Figures]
    """Gets how many seconds one measurement may take; returns a figure for each column, or for some of them."""
    rounds: int | None = None
    """How often it is measured, whatever was asked for; None: as often as was asked for."""
    cost: str = ""


def cost_figures(usage: Usage, units: int) -> dict[str, float | str]:
    """Return CPU for each of so many calls or tokens, with what tells how far to trust it."""
    return {
        CPU: usage.cpu_seconds * 1e6 / max(units, 1),
        GAUGE: usage.gauge_us,
        "gateway busy": usage.cpu_seconds / usage.wall_seconds,
        "load busy": usage.load_cpu_seconds / usage.wall_seconds,
        "idle MiB": usage.idle_bytes / 2**20,
        "peak MiB": usage.peak_bytes / 2**20,
        "failed": usage.report.failed,
    }
