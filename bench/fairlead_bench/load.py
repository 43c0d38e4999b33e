"""The generator: what it is told, and what it reports."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Struct

from fairlead_bench.places import LOAD_CORE, pinned
from fairlead_bench.processes import start


@dataclass(frozen=True, slots=True)
class Call:
    """How a target is called: its address, the headers, the model that names a route there."""

    url: str
    model: str
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """What to do: see `load -help` for each field. `order` is for the mock."""

    connections: int = 64
    seconds: float = 5.0
    calls: int = 0
    rate: float = 0.0
    ramp: float = 0.0
    drain: float = 30.0
    timeout: float = 60.0
    stream: bool = False
    models: int = 1
    order: str = ""
    bytes: int = 300


class Quantiles(Struct, frozen=True):
    """Milliseconds."""

    p50: float
    p99: float
    max: float


class Span(Struct, frozen=True):
    """How many calls a role of the mock answered; first and last in seconds of the monotonic clock."""

    calls: int
    first: float
    last: float


class LoadReport(Struct, frozen=True, rename="camel"):
    """What the generator saw. `endings` counts streams by how they ended; `over2s` calls that took longer than that."""

    seconds: float
    begun: int
    good: int
    failed: int
    late: int
    resent: int
    over2s: int
    tokens: int
    per_second: float
    cpu_seconds: float
    failures: dict[str, int]
    statuses: dict[int, int]
    endings: dict[str, int]
    served: dict[str, Span]
    latency: Quantiles
    ttft: Quantiles
    delay: Quantiles


class Generator:
    """Starts the generator on its core, once for each piece of work."""

    def __init__(self, programs: Path) -> None:
        self._program = str(programs / "load")

    def begin(self, call: Call, work: Work) -> subprocess.Popen[str]:
        """Start the work; its output is for `finish`."""
        arguments = ["-url", call.url, "-model", call.model]
        for header in call.headers:
            arguments += ["-header", header]
        for name in Work.__slots__:
            value = getattr(work, name)
            arguments.append(f"-{name}={str(value).lower() if isinstance(value, bool) else value}")
        return start(pinned(LOAD_CORE, self._program, *arguments))

    def finish(self, running: subprocess.Popen[str]) -> LoadReport:
        printed, _ = running.communicate()
        if running.returncode:
            raise RuntimeError(f"the generator ended with status {running.returncode}")
        return msgspec.json.decode(printed, type=LoadReport)
