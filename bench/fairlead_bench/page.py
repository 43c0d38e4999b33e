"""The reference page: one whole run, with everything that is needed to judge it."""

from collections.abc import Mapping
from dataclasses import dataclass

from fairlead_bench.goals import Goal, Reading, readings, unread
from fairlead_bench.machine import describe, steadiness
from fairlead_bench.results import Results
from fairlead_bench.tables import number, table
from fairlead_bench.workloads.workload import Workload

OPENING = """# Performance

What a call and a streamed token cost Fairlead, with every feature on, beside other gateways: on the same work, the same
core and in the same run. `make bench` writes this page; [bench/](../../bench/README.md) says how it measures and what
each column means. Ratios are what to read: absolute figures are those of one machine on one day.
"""


@dataclass(frozen=True, slots=True)
class Run:
    """`versions`: of each target, or why it is absent. `stages`: what each part of a call costs, as a table."""

    date: str
    interpreter: str
    revision: str
    rounds: int
    versions: Mapping[str, str]
    workloads: tuple[Workload, ...]
    results: Mapping[str, Results]
    stages: str = ""


def render(run: Run) -> str:
    """Return the page as Markdown."""
    parts = [OPENING, _circumstances(run), _goals(readings(run.results), unread(run.results))]
    for workload in run.workloads:
        parts.append(f"## {workload.name}. {workload.title}\n\n{table(workload, run.results[workload.name])}\n")
    if run.stages:
        parts.append(f"## Where a call's time goes\n\n{run.stages}\n")
    return "\n".join(parts)


def _circumstances(run: Run) -> str:
    versions = "; ".join(f"{name} {version}" for name, version in run.versions.items())
    lines = [
        f"- Date: {run.date}; Fairlead at {run.revision}; {run.rounds} rounds, targets in turn.",
        f"- Targets: {versions}.",
        f"- Python of every Python target: {run.interpreter}.",
        f"- Machine: {describe()}; the gateway on one core, the load on another.",
        f"- Steadiness: {steadiness(run.results.values())}.",
    ]
    return "\n".join(lines) + "\n"


def _goals(read: list[Reading], missing: list[Goal]) -> str:
    if not read and not missing:
        return ""
    lines = ["## Goals\n", "| workload | what | goal | measured | kept |", "| --- | --- | --- | --- | --- |"]
    for each in read:
        kept = "yes" if each.kept else "**no**"
        lines.append(f"| {each.goal.workload} | {each.goal.what} | {each.goal.bound} | {number(each.value)} | {kept} |")
    lines += [f"| {each.workload} | {each.what} | {each.bound} | not measured | **no** |" for each in missing]
    return "\n".join(lines) + "\n"
