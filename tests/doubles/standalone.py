"""`fairlead run` as a real process, on ports of its own."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

FAIRLEAD = (sys.executable, "-P", "-m", "fairlead_operator.cli.main")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Standalone:
    """Runs while it is entered; `log` holds what it wrote to stderr so far."""

    paths: Sequence[Path]
    state: Path
    options: Sequence[str] = ()
    environ: Mapping[str, str] = field(default_factory=dict)

    def __enter__(self) -> "Standalone":
        self.state.parent.mkdir(parents=True, exist_ok=True)
        self._log = self.state.parent / f"{self.state.name}.log"
        files = [part for path in self.paths for part in ("-f", str(path))]
        ports = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*FAIRLEAD, "run", *files, *ports, "--state", str(self.state), *self.options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env={**os.environ, **self.environ},
            )
        self.wait(lambda: "Fairlead is ready" in self.log, "ready")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads((self.state / "run/facts.json").read_bytes())
        return facts

    @property
    def base(self) -> str:
        return f"http://{self.facts['listen']}"

    def wait(self, condition: Any, what: str, within_seconds: float = 20.0) -> None:
        """Return once the condition holds; fail with the log where it does not in time, or the process ends."""
        deadline = time.monotonic() + within_seconds
        while not condition():
            assert self.process.poll() is None, f"it ended while waiting for: {what}\n{self.log}"
            assert time.monotonic() < deadline, f"not within {within_seconds} s: {what}\n{self.log}"
            time.sleep(0.02)

    def get(self, path: str, **headers: str) -> Answer:
        return self._open(urllib.request.Request(f"{self.base}{path}", headers=headers))

    def admin(self, path: str, **headers: str) -> Answer:
        return self._open(urllib.request.Request(f"http://{self.facts['admin']}{path}", headers=headers))

    def chat(self, model: str, text: str = "Hello", **headers: str) -> Answer:
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()
        sent = {"content-type": "application/json", **headers}
        return self._open(urllib.request.Request(f"{self.base}/v1/chat/completions", data=body, headers=sent))

    def fairlead(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command on the same state directory."""
        return run_fairlead(*arguments, "--state", str(self.state))

    def _open(self, request: urllib.request.Request) -> Answer:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=20) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read().decode())


def run_fairlead(
    *arguments: str, environ: Mapping[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*FAIRLEAD, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **(environ or {})},
        check=False,
    )
