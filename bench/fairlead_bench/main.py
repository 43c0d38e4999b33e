"""The command: installs what is asked for, measures it in turn, prints tables, and writes the page where told to."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from fairlead_bench.install import NotInstalled, interpreter_facts, revision
from fairlead_bench.mock import ROLES
from fairlead_bench.own_cost import draw_flame_graphs, stages
from fairlead_bench.page import Run, render
from fairlead_bench.places import LOAD_CORE
from fairlead_bench.results import Results
from fairlead_bench.running import Rig, rig_of
from fairlead_bench.tables import table
from fairlead_bench.targets.registry import TARGETS
from fairlead_bench.targets.target import Target
from fairlead_bench.workloads.registry import WORKLOADS
from fairlead_bench.workloads.workload import Workload

Each = TypeVar("Each")


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0; 1 if a target that is installed could not be measured; 2 for wrong usage."""
    told = _parser().parse_args(arguments)
    told.only = dict(told.only)
    # The runner looks on from the load's core: the gateway's is for the gateway alone.
    os.sched_setaffinity(0, {LOAD_CORE})
    if told.what == "stages":
        print(stages())
        return 0
    if told.what == "profile":
        with rig_of() as rig:
            for picture in draw_flame_graphs(rig):
                print(picture)
        return 0
    return _compare(told)


def _compare(told: argparse.Namespace) -> int:
    targets, versions = _installed(told.targets)
    results: dict[str, Results] = {}
    with rig_of() as rig:
        for workload in told.workloads:
            chosen = {name: each for name, each in targets.items() if workload.name in told.only.get(name, WORKLOADS)}
            measured = results[workload.name] = _measure(rig, workload, chosen, told.rounds, told.seconds)
            print(f"\n## {workload.name}. {workload.title}\n\n{table(workload, measured)}", flush=True)
    if told.page is not None:
        run = Run(
            date=f"{datetime.now(UTC):%Y-%m-%d}",
            interpreter=interpreter_facts(),
            revision=revision(),
            rounds=told.rounds,
            versions={name: version + _limits(told.only.get(name)) for name, version in versions.items()},
            workloads=tuple(told.workloads),
            results=results,
            stages=stages() if "fairlead" in targets else "",
        )
        told.page.write_text(render(run))
    return int(any(each.absent for each in results.values()))


def _installed(targets: Sequence[Target]) -> tuple[dict[str, Target], dict[str, str]]:
    """Return the targets that are there, and the version of each, or why it is not there."""
    found: dict[str, Target] = {}
    versions: dict[str, str] = {}
    for target in targets:
        try:
            versions[target.name] = target.install()
            found[target.name] = target
        except NotInstalled as why:
            versions[target.name] = f"not installed ({why})"
        _say(f"{target.name}: {versions[target.name]}")
    return found, versions


def _measure(rig: Rig, workload: Workload, targets: dict[str, Target], rounds: int, seconds: float) -> Results:
    """Measure the targets in turn, round after round: a slow minute of the machine falls on all of them."""
    results = Results()
    for turn in range(workload.rounds or rounds):
        for name, target in targets.items():
            if workload.name in target.cannot:
                continue
            began = time.monotonic()
            try:
                results.add(name, workload.run(rig, target, seconds))
            except Exception as why:  # one target's fault must not end an hour of measuring the others
                results.add(name, {})
                results.absent[name] = f"{type(why).__name__}: {why}"
                _say(f"{workload.name} {name}: {results.absent[name]}")
            finally:
                for role in ROLES:
                    rig.mock.set_mode(role, "ok")
                rig.mock.reset()
            _say(f"{workload.name} {name}, round {turn + 1}: {time.monotonic() - began:.0f} s")
    return results


def _limits(only: Sequence[str] | None) -> str:
    return "" if only is None else f" ({', '.join(only)} only)"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    add = parser.add_argument
    add(
        "what",
        nargs="?",
        choices=("compare", "stages", "profile"),
        default="compare",
        help="stages, profile: of Fairlead alone",
    )
    add("--targets", type=_targets, default=list(TARGETS.values()), metavar="A,B", help=f"of {', '.join(TARGETS)}")
    add(
        "--workloads",
        type=_workloads,
        default=list(WORKLOADS.values()),
        metavar="A,B",
        help=f"of {', '.join(WORKLOADS)}",
    )
    add(
        "--only",
        type=_only,
        action="append",
        default=[],
        metavar="TARGET=A,B",
        help="measure this target on these workloads alone: some peers take minutes to start",
    )
    add("--rounds", type=int, default=3, help="how often each is measured")
    add("--seconds", type=float, default=6.0, help="how long one measurement of plain calls takes")
    add("--page", type=Path, metavar="FILE", help="also write the results as a page")
    return parser


def _targets(text: str) -> list[Target]:
    return [_of(TARGETS, name, "target") for name in text.split(",")]


def _workloads(text: str) -> list[Workload]:
    return [_of(WORKLOADS, name, "workload") for name in text.split(",")]


def _only(text: str) -> tuple[str, list[str]]:
    name, _, workloads = text.partition("=")
    _of(TARGETS, name, "target")
    return name, [each.name for each in _workloads(workloads)]


def _of(known: dict[str, Each], name: str, what: str) -> Each:
    if name not in known:
        raise argparse.ArgumentTypeError(f"no {what} is called {name}; there are {', '.join(known)}")
    return known[name]


if __name__ == "__main__":
    sys.exit(main())
