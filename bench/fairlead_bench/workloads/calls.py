"""Plain calls: as many as a gateway can take, a hundred a second, and those whose provider takes its time."""

from fairlead_bench.load import Work
from fairlead_bench.running import Rig, started
from fairlead_bench.targets.target import CHAT, TLS, Target
from fairlead_bench.workloads.workload import CPU, GAUGE, Figures, Workload, cost_figures

WARM = Work(connections=64, seconds=1.0)
COLUMNS = (CPU, GAUGE, "calls/s", "p50 ms", "p99 ms", "gateway busy", "load busy", "idle MiB", "peak MiB", "failed")


def _measure(rig: Rig, target: Target, work: Work, route: str = CHAT) -> Figures:
    with started(rig, target) as running:
        running.load(WARM, route)
        usage = running.measure(work, route)
        running.check()
    report = usage.report
    return {
        **cost_figures(usage, report.good),
        "calls/s": report.per_second,
        "p50 ms": report.latency.p50,
        "p99 ms": report.latency.p99,
    }


def _closed_loop(rig: Rig, target: Target, seconds: float) -> Figures:
    return _measure(rig, target, Work(connections=64, seconds=seconds))


def _idle(rig: Rig, target: Target, seconds: float) -> Figures:
    return _measure(rig, target, Work(connections=64, seconds=seconds, rate=100))


def _waiting(rig: Rig, target: Target, seconds: float) -> Figures:
    return _measure(rig, target, Work(connections=256, seconds=seconds, order="delay=20"))


def _over_tls(rig: Rig, target: Target, seconds: float) -> Figures:
    return _measure(rig, target, Work(connections=64, seconds=seconds), TLS)


W1 = Workload("W1", "Plain calls: 64 connections, the provider answers at once", COLUMNS, _closed_loop, cost=CPU)
W1LOW = Workload("W1low", "Plain calls: 100 a second, so that nothing queues", COLUMNS, _idle, cost=CPU)
W2 = Workload("W2", "Plain calls: 256 connections, the provider takes 20 ms", COLUMNS, _waiting, cost=CPU)
W_TLS = Workload("W-TLS", "Plain calls as in W1, the provider behind TLS", COLUMNS, _over_tls, cost=CPU)
