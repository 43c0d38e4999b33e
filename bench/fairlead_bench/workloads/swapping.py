"""A change of configuration while calls go on (W9)."""

import math
import time

from fairlead_bench.load import Work
from fairlead_bench.mock import OK, OTHER
from fairlead_bench.running import Rig, started
from fairlead_bench.targets.target import Target
from fairlead_bench.workloads.workload import Figures, Workload

CALLS = Work(connections=64, seconds=8.0, rate=200)
SWAP_AFTER_SECONDS = 3.0


def _swap(rig: Rig, target: Target, _: float) -> Figures:
    with started(rig, target) as running:
        calls = running.begin(CALLS)
        time.sleep(SWAP_AFTER_SECONDS)
        at = time.monotonic()
        target.swap(running.place)
        report = running.finish(calls)
        running.check()
    new, old = report.served.get(OTHER), report.served.get(OK)
    return {
        "in effect after ms": (new.first - at) * 1000 if new else math.inf,
        "last old answer after ms": (old.last - at) * 1000 if old else math.nan,
        "calls": report.begun,
        "p99 ms": report.latency.p99,
        "max ms": report.latency.max,
        "failed": report.failed,
    }


W9 = Workload(
    "W9",
    "A changed configuration at 200 calls a second",
    ("in effect after ms", "last old answer after ms", "calls", "p99 ms", "max ms", "failed"),
    _swap,
)
