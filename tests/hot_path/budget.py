"""How much the hot path may do: read from budget.yaml, held against what was counted, and written anew on demand."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

TESTS = Path(__file__).parents[1]
FILE = Path(__file__).with_name("budget.yaml")
PLACES = Path(__file__).with_name("places.json")
"""Where what the budget was written from was done, by function: only so that a failure can tell what has grown."""

SLACK = {"taken": 0.01, "held": 0.01, "held_bytes": 0.01}
"""By what share a count may exceed its budget: of memory a little, since where a text stands decides whether the
interpreter's cache of method names makes room for it. All other counts have none: they are the same each time."""

LOCK_IN = 0.1
"""A budget that is more than this share too high is to be lowered: what was gained must not be lost unseen."""

SHOWN = 20

HEAD = """\
# The most that each script of scripts.py may do, as counting.py counts it on CPython 3.11. A change that does more has
# to edit this file, where a reviewer sees it. UPDATE_BUDGET=1 ./test tests/hot_path writes what is counted now.
"""

Counts = Mapping[str, Mapping[str, Mapping[str, int]]]
"""By script, by what is counted, and by where."""

Budget = Mapping[str, Mapping[str, int]]


def count() -> Counts:
    """Play all scripts in a process of their own."""
    variables = {"PYTHONPATH": str(TESTS), "PYTHONHASHSEED": "0", "PATH": os.environ["PATH"]}
    finished = subprocess.run(
        [sys.executable, "-m", "hot_path.count"],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    counts: Counts = json.loads(finished.stdout)
    return counts


def read_budget(counts: Counts) -> Budget:
    """Return what budget.yaml holds; with UPDATE_BUDGET=1 write these counts there first."""
    if os.environ.get("UPDATE_BUDGET") == "1":
        _write_budget(counts)
    budget: Budget = yaml.safe_load(FILE.read_text())
    return budget


def read_places() -> Counts:
    """Return where what the budget was written from was done."""
    places: Counts = json.loads(PLACES.read_text())
    return places


def excess(what: str, places: Mapping[str, int], most: int, before: Mapping[str, int]) -> str:
    """Say that more was done than the budget allows, where it has grown since `before`, and where the most is done;
    empty if it was not.
    """
    found = sum(places.values())
    if found <= most * (1 + SLACK.get(what, 0)):
        return ""
    changes = {place: places.get(place, 0) - before.get(place, 0) for place in {*places, *before}}
    return "\n".join(
        [
            f"{what}: {found}, and the budget is {most}. Do less, or raise it in {FILE.name} and say why.",
            *(["since the budget was written:", *_table(changes, "+d")] if before else []),
            "in all:",
            *_table(places, "d")[:SHOWN],
        ]
    )


def leeway(what: str, places: Mapping[str, int], most: int) -> str:
    """Say that the budget can be lowered; empty if it is close to what is done."""
    found = sum(places.values())
    if found >= most * (1 - LOCK_IN):
        return ""
    return f"{what}: only {found}, and the budget is {most}. Lower it in {FILE.name}, so that it stays so."


def _table(counts: Mapping[str, int], form: str) -> list[str]:
    found = sorted(((place, count) for place, count in counts.items() if count), key=lambda item: (-item[1], item[0]))
    return [f"{count:{form}}".rjust(6) + f"  {place}" for place, count in found]


def _write_budget(counts: Counts) -> None:
    totals = {
        script: {what: sum(places.values()) for what, places in measures.items()} for script, measures in counts.items()
    }
    by_function = {
        script: {what: measures[what] for what in ("entered", "called", "taken")} for script, measures in counts.items()
    }
    _replace(FILE, HEAD + yaml.safe_dump(totals, sort_keys=False, width=120))
    _replace(PLACES, json.dumps(by_function, indent=1, sort_keys=True) + "\n")


def _replace(path: Path, text: str) -> None:
    """Write a file whole: several workers may do this at once."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(path)
