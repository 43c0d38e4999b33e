"""Real processes for tests: the scripted upstream, and `fairlead run` as a user starts it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from doubles.invoice import Line
from doubles.vendor_counts import Tokens

TESTS = Path(__file__).parents[1]
T = TypeVar("T")


def eventually(check: Callable[[], T], *, within: float, every: float = 0.05) -> T:
    """Return the first true result of `check`; raise its last failure, or AssertionError, after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        failure: Exception = AssertionError(f"not true within {within} s")
        try:
            result = check()
            if result:
                return result
        except (AssertionError, OSError, KeyError, IndexError, TypeError) as error:
            failure = error
        if time.monotonic() > deadline:
            raise failure
        time.sleep(every)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def fetch(url: str, *, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
    """Return the JSON at `url`; raise OSError where the server does not answer 2xx."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or b"null")


@dataclass(frozen=True)
class ScriptedUpstream:
    """A running scripted upstream. `url` is what an SDK calls base_url."""

    port: int
    control_port: int

    @property
    def url(self) -> str:
        return f"{self.root}/v1"

    @property
    def root(self) -> str:
        """Where every vendor's paths begin: what the SDKs of Anthropic, of Google (Gemini API) and of Amazon take."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def azure_url(self) -> str:
        """What `/deployments/{name}` and `/v1` are appended to."""
        return f"{self.root}/openai"

    @property
    def vertex_url(self) -> str:
        """Where Vertex AI's paths begin with `projects/{project}/locations/{location}`."""
        return f"{self.root}/v1"

    @property
    def google_token_url(self) -> str:
        """The `token_uri` of a service account."""
        return f"{self.root}/token"

    @property
    def entra_url(self) -> str:
        """The authority, to which `/{tenant}/oauth2/v2.0/token` is appended."""
        return self.root

    def behave(self, kind: str = "ok", **more: Any) -> None:
        """Answer every call so from now on; `more` are fields of Behaviour."""
        self.obey(behaviour={"kind": kind, **more})

    def obey(self, **script: Any) -> None:
        """Follow this script (fields of Script) from now on."""
        fetch(f"http://127.0.0.1:{self.control_port}/script", method="PUT", body=json.dumps(script).encode())

    def seen(self) -> dict[str, Any]:
        found: dict[str, Any] = fetch(f"http://127.0.0.1:{self.control_port}/seen")
        return found

    def invoice(self, tag: str = "") -> list[Line]:
        """Return the lines of its invoice, or those of one call; see Line."""
        told = fetch(f"http://127.0.0.1:{self.control_port}/invoice" + (f"?tag={tag}" if tag else ""))
        return [Line(**each | {"asked": Tokens(**each["asked"]), "tokens": Tokens(**each["tokens"])}) for each in told]

    def calls(self) -> list[dict[str, Any]]:
        """Return the chat requests seen so far."""
        return [request for request in self.seen()["requests"] if request["path"].endswith("/chat/completions")]

    def bill(self) -> dict[str, Any]:
        """Return how the last call was meant to be answered; see Bill."""
        last: dict[str, Any] = self.seen()["invoice"][-1]
        return last


@contextmanager
def scripted_upstream(host: str = "127.0.0.1") -> Iterator[ScriptedUpstream]:
    """A provider of its own process on this address of the machine; see doubles/scripted_upstream.py."""
    command = [sys.executable, "-m", "doubles.scripted_upstream", "--host", host]
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        port, control_port = map(int, process.stdout.readline().split())
        yield ScriptedUpstream(port, control_port)
    finally:
        process.kill()
        process.communicate()


@dataclass
class Standalone:
    """A running `fairlead run`. `url` is the base_url for SDKs."""

    process: subprocess.Popen[bytes]
    port: int
    admin_port: int
    state: Path
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def admin(self) -> str:
        return f"http://127.0.0.1:{self.admin_port}"

    def status_of(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """Return the live status, as the state directory holds it."""
        text = (self.state / kind / namespace / f"{name}.yaml").read_text()
        status: dict[str, Any] = yaml.safe_load(text).get("status", {})
        return status

    def condition(self, kind: str, namespace: str, name: str, type_: str) -> dict[str, Any]:
        """Return one condition, or an empty dict where it is not there yet."""
        conditions = self.status_of(kind, namespace, name).get("conditions", [])
        return next((each for each in conditions if each["type"] == type_), {})

    def decision(self, decision: str) -> dict[str, Any]:
        token = (self.state / "admin.token").read_text().strip()
        url = f"{self.admin}/debug/decisions/{decision}"
        found: dict[str, Any] = fetch(url, headers={"authorization": f"Bearer {token}"})
        return found

    def metrics(self) -> str:
        with urllib.request.urlopen(f"{self.admin}/metrics", timeout=10) as answer:
            text: str = answer.read().decode()
            return text

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.admin}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError:
            return False


@contextmanager
def standalone(directory: Path, *arguments: str, env: dict[str, str] | None = None) -> Iterator[Standalone]:
    """Run `fairlead run` with these arguments on free ports, state under `directory`, until the block ends."""
    port, admin_port = free_port(), free_port()
    command = [sys.executable, "-m", "fairlead_operator.cli.main", "run", "--listen", f"127.0.0.1:{port}"]
    command += ["--admin", f"127.0.0.1:{admin_port}", "--state", str(directory / "state"), *arguments]
    log = directory / "run.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **(env or {})})
    try:
        running = Standalone(process, port, admin_port, directory / "state", log)
        eventually(lambda: _fail_if_ended(running) or running.is_ready(), within=30)
        yield running
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _fail_if_ended(running: Standalone) -> bool:
    if running.process.poll() is not None:
        raise RuntimeError(f"fairlead run ended with {running.process.returncode}: {running.log.read_text()}")
    return False
