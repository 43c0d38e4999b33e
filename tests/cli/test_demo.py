"""The demo tells a true story: calls go on, and the status says what happens."""

import re
import subprocess
import sys
from collections import Counter
from io import StringIO

import pytest
from rich.console import Console

from fairlead_operator.cli.demo import FIRST, SPARE, Story
from fairlead_operator.cli.demo_view import view

COMMAND = [sys.executable, "-m", "fairlead_operator.cli.main", "demo"]
CALLS, BREAKS_AT, REPAIRED_AT = 200, 50, 120
BREAKS = "first breaks, it answers every call with an error from now on"
FLIPS = "status says that first is Unavailable, and the rule is FallenBack"
REPAIRED = "first is repaired"
HEALS = "status says that first is Healthy again"
TITLES = ["provider", "status.health.state", "answered"]
RED, GREEN, YELLOW = 31, 32, 33
COLOURS = {"Unavailable": RED, "Healthy": GREEN, "FallenBack": YELLOW}


def run_demo(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def told() -> list[str]:
    """What the demo says, with as many calls as it makes unless it is told otherwise, but at a quicker pace."""
    finished = run_demo("--pace", "0.04")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout.splitlines()


def turns_of(told: list[str]) -> dict[str, int]:
    """Return each turn of the story, in order, with the call at which it came."""
    turns = [re.fullmatch(r"call (\d+): (.+)", line) for line in told]
    return {turn[2]: int(turn[1]) for turn in turns if turn}


def test_a_provider_breaks_and_heals_and_status_tells_of_both(told: list[str]) -> None:
    turns = turns_of(told)
    assert list(turns) == [BREAKS, FLIPS, REPAIRED, HEALS]
    assert (turns[BREAKS], turns[REPAIRED]) == (BREAKS_AT, REPAIRED_AT)
    assert BREAKS_AT <= turns[FLIPS] < REPAIRED_AT <= turns[HEALS] <= CALLS
    assert re.fullmatch(r"status told of the outage after \d+\.\d s", told[-2])
    assert re.fullmatch(r"status told of its end after \d+\.\d s", told[-1])


def test_every_call_is_answered_all_through_the_outage(told: list[str]) -> None:
    end = r"(\d+) of (\d+) calls were answered: (\d+) by first, (\d+) by spare, in (\d+) attempts"
    counted = re.fullmatch(end, told[-3])
    assert counted, told
    answered, made, by_first, by_spare, attempts = map(int, counted.groups())
    assert (answered, made, by_first + by_spare) == (CALLS, CALLS, CALLS)
    # The first one answers until it breaks; and none from when status says so, at the latest, until it is repaired.
    assert by_first >= BREAKS_AT - 1
    assert by_spare >= REPAIRED_AT - turns_of(told)[FLIPS]
    assert attempts > CALLS


def test_who_looks_on_sees_a_live_table_above_all_that_was_told() -> None:
    console = Console(file=StringIO(), force_terminal=True, record=True, width=90, height=30, _environ={})
    story = Story(CALLS, made=60, attempts=63, answered=Counter({FIRST: 49, SPARE: 11}), rule="FallenBack")
    story.health = {FIRST: "Unavailable", SPARE: "Healthy"}
    with view(console) as shown:
        shown.tell(f"call 50: {BREAKS}")
        shown.show(story)
        shown.tell(f"call 60: {FLIPS}")
    lines = [[cell.strip() for cell in line.split("│")] for line in console.export_text(clear=False).splitlines()]
    seen = lines[-11:]
    assert re.fullmatch(r"call 60 of 200  █{9}░{21}", seen[0][0])
    assert [cell.strip() for cell in seen[2][0].strip("┃").split("┃")] == TITLES
    assert [line[1:-1] for line in seen[4:8]] == [
        [FIRST, "Unavailable", "49"],
        [SPARE, "Healthy", "11"],
        ["rule", "FallenBack", ""],
        ["not answered", "", "0"],
    ]
    assert [line[0] for line in lines[-2:]] == [f"call 50: {BREAKS}", f"call 60: {FLIPS}"]
    coloured = console.export_text(styles=True)
    assert all(f"\x1b[{colour}m{state}" in coloured for state, colour in COLOURS.items())


def test_where_nobody_looks_on_turns_are_lines_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    with view(Console(file=StringIO(), force_terminal=False)) as shown:
        shown.tell(f"call 50: {BREAKS}")
        shown.show(Story(CALLS, made=60))
    assert capsys.readouterr().out == f"call 50: {BREAKS}\n"


def test_too_few_calls_to_tell_a_story_are_refused() -> None:
    finished = run_demo("--calls", "3")
    assert finished.returncode == 2
    assert "--calls" in finished.stderr
