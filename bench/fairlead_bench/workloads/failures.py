"""What becomes of calls while their provider fails: before an answer has begun (W4), and in the middle of it (W5)."""

from fairlead_bench.load import LoadReport, Work
from fairlead_bench.mock import FAULTY
from fairlead_bench.running import Rig, started
from fairlead_bench.targets.target import BREAKING, FAILOVER, Target
from fairlead_bench.workloads.workload import Figures, Workload

GOOD_BEFORE = Work(connections=64, seconds=4.0, rate=50)
"""200 calls, so that a gateway can know how long an answer takes."""
DURING = Work(connections=400, seconds=8.0, rate=40, timeout=20.0, drain=20.0)
"""320 calls."""
FAULTS = ("500", "reset", "closed", "429", "hang")

STREAMS, TOKENS = 40, 20
BROKEN = {"fin": "closed", "rst": "reset", "errorevent": "error event"}
"""How the mock ends a stream after half of its tokens, and what the columns call it."""


def _failover(rig: Rig, target: Target, _: float) -> Figures:
    figures: dict[str, float | str] = {}
    for fault in FAULTS:
        with started(rig, target) as running:
            running.load(GOOD_BEFORE, FAILOVER)
            rig.mock.reset()
            said_before = target.tries(running.place)
            rig.mock.set_mode(FAULTY, fault)
            report = running.load(DURING, FAILOVER)
            said = target.tries(running.place)
            tries = rig.mock.count(FAULTY, "calls") if fault != "closed" else said - said_before
            target.check_ejected(running.place)
        rig.mock.set_mode(FAULTY, "ok")
        figures[fault] = _told(report, tries)
        figures[f"{fault} tries"] = tries
        figures[f"{fault} answered"] = report.good / max(report.begun, 1)
        figures[f"{fault} over 2 s"] = report.over2s
    return figures


def _told(report: LoadReport, tries: float) -> str:
    tried = "" if tries != tries else f"{tries:.0f} tries; "  # not a number: nobody could count them
    slow = f"; {report.over2s} over 2 s" if report.over2s else ""
    return f"{tried}{report.good} of {report.begun} answered{slow}; p99 {report.latency.p99:,.0f} ms"


def _broken_streams(rig: Rig, target: Target, _: float) -> Figures:
    figures: dict[str, float | str] = {}
    for fault, column in BROKEN.items():
        work = Work(
            connections=4,
            calls=STREAMS,
            seconds=10.0,
            timeout=10.0,
            stream=True,
            order=f"tokens={TOKENS} gap=2 fault={fault}",
        )
        with started(rig, target) as running:
            report = running.load(work, BREAKING)
        right = sum(count for ending, count in report.endings.items() if _is_right(ending))
        figures[column] = f"{right} of {report.begun} right; {report.tokens} of {STREAMS * TOKENS // 2} tokens"
        figures[f"{column} right"] = right / max(report.begun, 1)
    return figures


def _is_right(ending: str) -> bool:
    return ending == f"tokens={TOKENS // 2} errors=1 done=false whole=true"


W4 = Workload(
    "W4",
    "Failover: 40 calls a second for 8 s while the first provider fails; how often it is tried, who is answered",
    FAULTS,
    _failover,
    rounds=1,
)
W5 = Workload(
    "W5",
    "Streams that break after half of their tokens; right: every token that came, one error event, no [DONE]",
    tuple(BROKEN.values()),
    _broken_streams,
    rounds=1,
)
