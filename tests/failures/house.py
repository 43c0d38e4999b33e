"""The gateway that the matrix runs on: asks the cells of a failure, and looks up what the proxy made of each call."""

import http.client
import json
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doubles.processes import ScriptedUpstream, Standalone, eventually, fetch, scripted_upstream, standalone
from failures.listening import Answered, Raised, Sdk, listen, open_sdks
from failures.manifests import Cell, cells_of, manifests, script
from failures.table import Failure
from failures.unreachable import unreachable_hosts

AT_ONCE = 64
RESOLVING = {"RES_OPTIONS": "timeout:1 attempts:1"}
"""A resolver that is far away says soon that it does not answer. Source: resolv.conf(5)."""


@dataclass(frozen=True)
class Seen:
    """One call: what its caller got, and what the proxy says of it. `logged`: its line in the access log.

    `observed`: what the proxy reports of the part of the provider that no other call asks. `calls`: how often it was
    asked: an SDK may repeat what it asks.
    """

    cell: Cell
    told: Answered | Raised
    logged: Mapping[str, Any]
    attempts: Sequence[Mapping[str, Any]]
    observed: Mapping[str, Any]
    calls: int

    @property
    def outcomes(self) -> list[str]:
        return [attempt["outcome"] for attempt in self.attempts]


class MatrixHouse:
    """Many threads may ask at once; each cell is asked once."""

    def __init__(self, upstream: ScriptedUpstream, gateway: Standalone) -> None:
        self.upstream, self.gateway = upstream, gateway
        self._sdks: dict[str, Sdk] = open_sdks(f"http://127.0.0.1:{gateway.port}")
        self._lines: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
        self._read_to = 0
        self._lock = threading.Lock()

    def close(self) -> None:
        for sdk in self._sdks.values():
            sdk.close()

    def see(self, failure: Failure) -> list[Seen]:
        """Ask all cells of a failure at once."""
        cells = list(cells_of(failure))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            told = list(pool.map(self._ask, cells))
        lines = [eventually(lambda cell=cell: self._logged(cell), within=10) for cell in cells]  # type: ignore[misc]
        observed = self._observations()
        return [
            Seen(
                cell,
                heard,
                line,
                self.gateway.decision(line["call"])["attempts"],
                observed.get(_key_of(cell), {}),
                len(self._lines[_key_of(cell)]),
            )
            for cell, heard, line in zip(cells, told, lines, strict=True)
        ]

    def _ask(self, cell: Cell) -> Answered | Raised:
        return listen(self._sdks[cell.caller], cell.virtual_model, stream=cell.mode == "stream")

    def _logged(self, cell: Cell) -> dict[str, Any]:
        """Return the last line of a cell in the access log; an empty one while there is none."""
        with self._lock:
            with self.gateway.log.open("rb") as log:
                log.seek(self._read_to)
                for line in log:
                    if not line.endswith(b"\n"):
                        break
                    self._read_to += len(line)
                    if b'"duration_seconds":' in line:
                        entry = json.loads(line)
                        self._lines.setdefault((entry["policy"], entry["rule"], entry["mode"]), []).append(entry)
            lines = self._lines.get(_key_of(cell))
            return lines[-1] if lines else {}

    def _observations(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        """Return what the proxy reports to the operator, by provider, model and mode."""
        token = (self.gateway.state / "admin.token").read_text().strip()
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        with closing(_WorkersAdmin(self.gateway.state)) as admin:
            admin.request("POST", "/report", b"{}", headers)
            report = json.loads(admin.getresponse().read())
        return {(each["provider"], each["model"], each["mode"]): each for each in report["observations"]}


def _key_of(cell: Cell) -> tuple[str, str, str]:
    return f"default/{cell.place}", cell.rule, cell.mode


class _WorkersAdmin(http.client.HTTPConnection):
    """To where the one worker of a standalone run reports: a socket below the state directory."""

    def __init__(self, state: Path) -> None:
        super().__init__("worker", timeout=10)
        (self._path,) = (state / "run").glob("**/*.sock")

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@contextmanager
def matrix_house(directory: Path, failures: Iterable[Failure]) -> Iterator[MatrixHouse]:
    """Run a gateway over providers that fail so."""
    with scripted_upstream() as upstream, unreachable_hosts() as hosts:
        upstream.obey(**script())
        described = list(manifests(upstream.root, hosts, failures))
        file = directory / "all.yaml"
        file.write_text("\n---\n".join(json.dumps(each) for each in described))
        arguments = ("-f", str(file), "--log-format", "json")
        with standalone(directory, *arguments, env=RESOLVING) as gateway:
            models = [each["spec"]["models"][0] for each in described if each["kind"] == "RoutePolicy"]
            eventually(lambda: fetch(f"{gateway.url}/models/{models[-1]}"), within=30)
            house = MatrixHouse(upstream, gateway)
            try:
                yield house
            finally:
                house.close()
