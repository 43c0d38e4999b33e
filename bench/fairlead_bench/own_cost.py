"""Where Fairlead's own time goes: the cost of each stage of a call, and flame graphs of the running proxy."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from fairlead_bench.install import REQUIREMENTS, NotInstalled, python_environment
from fairlead_bench.load import Work
from fairlead_bench.places import BENCH, GATEWAY_CORE, cache_directory, pinned
from fairlead_bench.running import Rig, started
from fairlead_bench.targets.fairlead import Fairlead, environment

SAMPLES_A_SECOND = 500
LOOK_SECONDS = 8
LOADS = {
    "W1": Work(connections=64, seconds=LOOK_SECONDS + 2.0),
    "W3": Work(connections=500, seconds=LOOK_SECONDS + 2.0, stream=True, order="tokens=200 gap=20", ramp=1.0),
}


def stages() -> str:
    """Return the table of stages, measured in the targets' interpreter on the gateway's core."""
    command = pinned(GATEWAY_CORE, str(environment() / "python"), "-m", "fairlead_bench.stages")
    environ = {**os.environ, "PYTHONPATH": str(BENCH)}
    return subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout.strip()


def draw_flame_graphs(rig: Rig) -> Iterator[Path]:
    """Draw plain calls, then streams, as SVG; raise NotInstalled where processes may not be looked into."""
    py_spy = python_environment(REQUIREMENTS / "py-spy.txt") / "py-spy"
    target = Fairlead()
    target.install()
    for name, work in LOADS.items():
        picture = cache_directory("profiles") / f"{name}.svg"
        with started(rig, target) as running:
            calls = running.begin(work)
            command = [str(py_spy), "record", "--rate", str(SAMPLES_A_SECOND), "--duration", str(LOOK_SECONDS)]
            command += ["--output", str(picture), "--pid", str(running.pid)]
            looked = subprocess.run(command, capture_output=True, text=True, check=False)
            running.finish(calls)
        if looked.returncode:
            raise NotInstalled(f"py-spy: {looked.stderr.strip()}")
        yield picture
