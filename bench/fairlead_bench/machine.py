"""The machine of a run, in one line each: what it is, and how steady it was."""

import os
import platform
from collections.abc import Iterable
from pathlib import Path

from fairlead_bench.results import Results, spread
from fairlead_bench.tables import number
from fairlead_bench.workloads.workload import GAUGE


def describe() -> str:
    """Return processor, memory and system."""
    gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    kernel = platform.release().partition("-")[0]
    return f"{os.cpu_count()} × {_processor()}, {gib:.0f} GiB, {platform.system()} {kernel}"


def steadiness(results: Iterable[Results]) -> str:
    """Return how the gauge has moved over all measurements."""
    values = [value for each in results for target in each.rounds for value in each.values(target, GAUGE)]
    if not values:
        return "not gauged"
    least, median, most = spread(values)
    return f"the same piece of work took {number(least)} to {number(most)} µs of CPU, {number(median)} in the median"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
