"""The mock provider: its process, its roles, and TLS before it."""

import json
import subprocess
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fairlead_bench.authority import make_authority
from fairlead_bench.places import LOAD_CORE, pinned
from fairlead_bench.process_tree import cpu_seconds
from fairlead_bench.processes import end, start

OK, BACKUP, FAULTY, OTHER = "ok", "backup", "faulty", "other"
ROLES = (OK, BACKUP, FAULTY, OTHER)


@dataclass(frozen=True, slots=True)
class Upstreams:
    """Where the mock listens: a port for each role, and one with TLS before `ok`, whose certificate `ca` signed."""

    ports: Mapping[str, int]
    tls_port: int
    ca: Path

    def url(self, role: str) -> str:
        """Return what an SDK calls base_url."""
        return f"http://127.0.0.1:{self.ports[role]}/v1"

    @property
    def tls_url(self) -> str:
        return f"https://127.0.0.1:{self.tls_port}/v1"


class Mock:
    """A running mock. `close` at the end."""

    def __init__(self, programs: Path, directory: Path) -> None:
        self._processes: list[subprocess.Popen[str]] = []
        ports: dict[str, int] = json.loads(self._start(programs / "mock", "-roles", ",".join(ROLES)))
        pem = make_authority(directory)
        front = self._start(
            programs / "tlsfront", "-certificate", str(pem.certificate), "-key", str(pem.key),
            "-to", f"127.0.0.1:{ports[OK]}",
        )  # fmt: skip
        self.upstreams = Upstreams(ports, int(front), pem.ca)

    def set_mode(self, role: str, mode: str) -> None:
        """Change what a role does to every call; the mock's source lists the modes."""
        self._get(f"/control?role={role}&mode={mode}")

    def reset(self) -> None:
        """Begin to count anew."""
        self._get("/reset")

    def count(self, role: str, what: str) -> int:
        """Return what a role has counted since the last reset."""
        counts: dict[str, dict[str, int]] = json.loads(self._get("/stats"))
        return counts[role].get(what, 0)

    def cpu_seconds(self) -> float:
        return sum(cpu_seconds(process.pid) for process in self._processes)

    def close(self) -> None:
        for process in self._processes:
            end(process)

    def _start(self, program: Path, *arguments: str) -> str:
        """Start a program; return the line that it prints once it listens."""
        process = start(pinned(LOAD_CORE, str(program), *arguments))
        self._processes.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{program.name} did not start")
        return line

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.upstreams.ports[OK]}{path}", timeout=10) as answer:
            body: bytes = answer.read()
        return body
