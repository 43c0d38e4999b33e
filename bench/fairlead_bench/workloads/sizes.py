"""Large prompts (W6), and many policies (W8)."""

from fairlead_bench.load import Work
from fairlead_bench.running import Rig, Running, Usage, started
from fairlead_bench.targets.target import MANY, Target
from fairlead_bench.workloads.workload import CPU, GAUGE, Figures, Workload, cost_figures

POLICIES = 1000
SLICES = 3


def _large(rig: Rig, target: Target, seconds: float) -> Figures:
    with started(rig, target) as running:
        running.load(Work(connections=8, seconds=1.0, bytes=1_000_000))
        usage = running.measure(Work(connections=8, seconds=seconds, bytes=1_000_000))
        huge = running.measure(Work(connections=4, seconds=seconds, bytes=8_000_000))
        running.check()
    figures = cost_figures(usage, usage.report.good)
    figures["peak MiB"] = max(usage.peak_bytes, huge.peak_bytes) / 2**20
    figures["failed"] = usage.report.failed + huge.report.failed
    return {
        **figures,
        "calls/s": usage.report.per_second,
        "8 MB: CPU µs": huge.cpu_seconds * 1e6 / max(huge.report.good, 1),
    }


def _many(rig: Rig, target: Target, seconds: float) -> Figures:
    """Measure one policy and a thousand in slices that take turns: what differs is what is left after the noise."""
    with started(rig, target, many=1) as one, started(rig, target, many=POLICIES) as thousand:
        sides = ((one, 1), (thousand, POLICIES))
        for running, models in sides:
            _slice(running, models, 1.0)
        slices = [[_slice(running, models, seconds / SLICES) for running, models in sides] for _ in range(SLICES)]
        for running, _ in sides:
            running.check()
    alone, among = (_cost([pair[side] for pair in slices]) for side in (0, 1))
    last = slices[-1][1]
    return {
        **cost_figures(last, last.report.good),
        CPU: among,
        "one policy: CPU µs": alone,
        "÷ one policy": among / alone,
        "start s": thousand.start_seconds,
    }


def _slice(running: Running, models: int, seconds: float) -> Usage:
    # With one model the generator does not number it.
    route = f"{MANY}0" if models == 1 else MANY
    return running.measure(Work(connections=64, seconds=seconds, models=models), route)


def _cost(usages: list[Usage]) -> float:
    """Return CPU µs for each call, each slice weighed by what the gauge took meanwhile."""
    gauge = sum(usage.gauge_us for usage in usages) / len(usages)
    spent = sum(usage.cpu_seconds * gauge / usage.gauge_us for usage in usages)
    return spent * 1e6 / max(sum(usage.report.good for usage in usages), 1)


W6 = Workload(
    "W6",
    "Prompts of 1 MB, 8 connections; and of 8 MB, 4 connections",
    (CPU, GAUGE, "calls/s", "8 MB: CPU µs", "idle MiB", "peak MiB", "failed"),
    _large,
    cost=CPU,
)
W8 = Workload(
    "W8",
    f"{POLICIES:,} policies of 5 rules each (elsewhere as many routes), called in turn, against one such policy",
    ("÷ one policy", CPU, "one policy: CPU µs", GAUGE, "start s", "idle MiB", "peak MiB", "failed"),
    _many,
)
