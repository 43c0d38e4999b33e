"""A target that runs on its core, and what it uses while it is called."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fairlead_bench.install import go_programs
from fairlead_bench.load import Generator, LoadReport, Work
from fairlead_bench.mock import Mock
from fairlead_bench.places import GATEWAY_CORE, free_port, pinned
from fairlead_bench.process_tree import cpu_seconds, resident_bytes
from fairlead_bench.processes import end, end_and_read, start
from fairlead_bench.targets.target import CHAT, Place, Target

START_SECONDS = 90.0
FIRST_CALL = Work(connections=1, calls=1, seconds=3, drain=3, timeout=3)
MEMORY_LOOK_SECONDS = 0.25


class NotStarted(Exception):
    """A target that did not answer in time; the message ends with the last line of its log."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a piece of work cost. `gauge_us`: what a fixed piece of work took on the same core meanwhile."""

    report: LoadReport
    cpu_seconds: float
    wall_seconds: float
    load_cpu_seconds: float
    gauge_us: float
    idle_bytes: int
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Rig:
    """What measures: the programs, the generator, the mock, and a directory to write into."""

    programs: Path
    generator: Generator
    mock: Mock
    directory: Path


@contextmanager
def rig_of() -> Iterator[Rig]:
    """Build the programs and start the mock, until the block ends."""
    programs = go_programs()
    with tempfile.TemporaryDirectory(prefix="fairlead-bench-") as directory:
        mock = Mock(programs, Path(directory))
        try:
            yield Rig(programs, Generator(programs), mock, Path(directory))
        finally:
            mock.close()


@contextmanager
def started(rig: Rig, target: Target, *, many: int = 0) -> Iterator["Running"]:
    """Run a target until the block ends."""
    running = Running(rig, target, many=many)
    try:
        yield running
    finally:
        running.stop()


class Running:
    """Starts a target; `stop` at the end. `calls`: how many it has been sent. `start_seconds`: to its first answer."""

    def __init__(self, rig: Rig, target: Target, *, many: int = 0) -> None:
        self._rig = rig
        self.target = target
        self.calls = 0
        directory = Path(tempfile.mkdtemp(prefix=f"{target.name}-", dir=rig.directory))
        self.place = Place(directory, free_port(), free_port(), rig.mock.upstreams, many)
        target.configure(self.place)
        command = target.command(self.place)
        self._process: subprocess.Popen[str] | None = None
        began = time.monotonic()
        if command:
            environ = target.environment(self.place)
            self._process = start(pinned(GATEWAY_CORE, *command), log=self.place.log, environ=environ, cwd=directory)
        try:
            self._await_first_answer(began + START_SECONDS)
        except BaseException:
            self.stop()
            raise
        self.start_seconds = time.monotonic() - began

    @property
    def pid(self) -> int:
        """The process that was started; its children are part of the target."""
        if self._process is None:
            raise ValueError(f"{self.target.name} has no process")
        return self._process.pid

    def load(self, work: Work, route: str = CHAT) -> LoadReport:
        """Call the target; nothing else is measured."""
        return self.finish(self.begin(work, route))

    def begin(self, work: Work, route: str = CHAT) -> subprocess.Popen[str]:
        """Begin to call the target; `finish` waits for the end."""
        return self._rig.generator.begin(self.target.call(self.place, route), work)

    def finish(self, calls: subprocess.Popen[str]) -> LoadReport:
        report = self._rig.generator.finish(calls)
        self.calls += report.begun + report.resent
        return report

    def measure(self, work: Work, route: str = CHAT) -> Usage:
        """Call the target and see what it uses, from the first call's beginning to the last one's end."""
        gauge = start(pinned(GATEWAY_CORE, str(self._rig.programs / "gauge")))
        idle = peak = self._resident()
        cpu, load_cpu, began = self._cpu(), self._rig.mock.cpu_seconds(), time.monotonic()
        generator = self.begin(work, route)
        while True:
            try:
                generator.wait(MEMORY_LOOK_SECONDS)
                break
            except subprocess.TimeoutExpired:
                peak = max(peak, self._resident())
        wall, used = time.monotonic() - began, self._cpu() - cpu
        report = self.finish(generator)
        load_cpu = self._rig.mock.cpu_seconds() - load_cpu + report.cpu_seconds
        return Usage(report, used, wall, load_cpu, float(end_and_read(gauge)), idle, peak)

    def check(self) -> None:
        """Raise FeatureMissing unless what the figures claim was on."""
        self.target.check(self.place, self.calls)

    def stop(self) -> None:
        if self._process is not None:
            end(self._process)

    def _await_first_answer(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                break
            if self.load(FIRST_CALL).good:
                return
            self.calls = 0
            time.sleep(0.1)
        lines = self.place.log.read_text(errors="replace").splitlines() if self.place.log.exists() else []
        raise NotStarted(f"{self.target.name} did not answer; its log ends with: {lines[-1] if lines else 'nothing'}")

    def _cpu(self) -> float:
        return cpu_seconds(self._process.pid) if self._process else 0.0

    def _resident(self) -> int:
        return resident_bytes(self._process.pid) if self._process else 0
