"""The demo tells a true story: calls go on, and the status says what happens."""

import re
import subprocess
import sys

COMMAND = [sys.executable, "-m", "fairlead_operator.cli.main", "demo"]


def run_demo(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=120, check=False)


def test_every_call_is_answered_and_status_tells_of_the_outage_and_of_its_end() -> None:
    finished = run_demo("--calls", "100", "--pace", "0.05")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    lines = finished.stdout.splitlines()
    turns = [re.sub(r"call \d+: ", "", line) for line in lines if line.startswith("call ")]
    assert turns == [
        "first breaks, it answers every call with an error from now on",
        "status says that first is Unavailable, and the rule is FallenBack",
        "first is repaired",
        "status says that first is Healthy again",
    ]
    assert re.match(r"100 of 100 calls were answered: \d+ by first, \d+ by spare, in \d+ attempts", lines[-3])


def test_too_few_calls_to_tell_a_story_are_refused() -> None:
    finished = run_demo("--calls", "3")
    assert finished.returncode == 2
    assert "--calls" in finished.stderr
