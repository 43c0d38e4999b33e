"""Streams: 500 and 1,000 at once, 25,000 tokens a second."""

from fairlead_bench.load import Work
from fairlead_bench.running import Rig, started
from fairlead_bench.targets.target import Target
from fairlead_bench.workloads.workload import CPU, GAUGE, Figures, Workload, cost_figures

WARM = Work(connections=50, seconds=1.0, stream=True, order="tokens=20 gap=5")
TOKENS = 200
COLUMNS = (
    CPU, GAUGE, "tokens/s", "TTFT p50 ms", "TTFT p99 ms", "delay p50 ms", "delay p99 ms", "gateway busy", "load busy",
    "idle MiB", "peak MiB", "KiB a stream", "streams", "failed",
)  # fmt: skip


def _measure(rig: Rig, target: Target, streams: int, gap_ms: int) -> Figures:
    """Let each connection carry two streams; they begin over the time that one takes, so that they are not in step."""
    one = TOKENS * gap_ms / 1000
    work = Work(
        connections=streams, calls=2 * streams, seconds=3 * one, ramp=one, drain=3 * one, timeout=120.0, stream=True,
        order=f"tokens={TOKENS} gap={gap_ms}",
    )  # fmt: skip
    with started(rig, target) as running:
        running.load(WARM)
        usage = running.measure(work)
        running.check()
    report = usage.report
    return {
        **cost_figures(usage, report.tokens),
        "tokens/s": report.tokens / report.seconds,
        "TTFT p50 ms": report.ttft.p50,
        "TTFT p99 ms": report.ttft.p99,
        "delay p50 ms": report.delay.p50,
        "delay p99 ms": report.delay.p99,
        "KiB a stream": (usage.peak_bytes - usage.idle_bytes) / 1024 / streams,
        "streams": report.good,
    }


def _five_hundred(rig: Rig, target: Target, _: float) -> Figures:
    return _measure(rig, target, streams=500, gap_ms=20)


def _thousand(rig: Rig, target: Target, _: float) -> Figures:
    return _measure(rig, target, streams=1000, gap_ms=40)


W3 = Workload(
    "W3",
    f"Streams: 500 at once, {TOKENS} tokens each, one every 20 ms; CPU per token",
    COLUMNS,
    _five_hundred,
    cost=CPU,
)
W3K = Workload(
    "W3k", f"Streams: 1,000 at once, {TOKENS} tokens each, one every 40 ms; CPU per token", COLUMNS, _thousand, cost=CPU
)
