"""The story that `fairlead demo` tells: two simulated providers, one of which breaks while calls go on."""

import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from fairlead_operator.cluster.local_state import read_facts, read_objects
from fairlead_operator.resources.meta import Kind

BREAKS_AT, HEALS_AT = 0.25, 0.6
"""When the first provider breaks and when it is repaired, as shares of the calls."""
START_SECONDS, END_SECONDS, CALL_SECONDS = 30.0, 15.0, 30.0
FIRST, SPARE, MODEL = "first", "spare", "smart"
BROKEN, WELL = "Unavailable", "Healthy"

_PROVIDER = """\
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {{name: {name}}}
spec:
  type: Simulated
  models: [{{name: tiny}}]
  simulated: {{ttft: 5ms, tokensPerSecond: 2000, errorRate: "{error_rate}", failure: ServerError}}
  health: {{passive: {{consecutive: 3, baseCooldown: 500ms, maxCooldown: 1s}}}}
"""
_POLICY = """\
apiVersion: fairlead.dev/v1alpha1
kind: RoutePolicy
metadata: {name: demo}
spec:
  gatewayRef: {name: main}
  models: [smart]
  rules:
  - name: all
    route:
      targets:
      - {provider: {name: first}, model: tiny, priority: 0}
      - {provider: {name: spare}, model: tiny, priority: 1}
"""


class DemoFailed(Exception):
    """The demo could not be run at all; the message says why, in a line."""


@dataclass(slots=True)
class Story:
    """How far it is. `health` is what status says of each provider; `answered` counts calls by who answered them."""

    calls: int
    made: int = 0
    failed: int = 0
    attempts: int = 0
    answered: Counter[str] = field(default_factory=Counter)
    health: dict[str, str] = field(default_factory=dict)
    rule: str = ""


class View(Protocol):
    """What shows it to people."""

    def show(self, story: Story) -> None:
        """Show where it stands; called after every call."""
        ...

    def tell(self, line: str) -> None:
        """Tell of a turn, or of the end."""
        ...


class Demo:
    """One run of it. `pace_seconds`: from one call to the next."""

    def __init__(self, view: View, *, calls: int, pace_seconds: float) -> None:
        self._view = view
        self._pace_seconds = pace_seconds
        self._story = Story(calls)
        self._breaks_at, self._heals_at = int(calls * BREAKS_AT), int(calls * HEALS_AT)
        self._broke_at = self._healed_at = 0.0
        self._told_after: dict[str, float] = {}

    def run(self) -> bool:
        """Run it; return whether every call was answered and the status told of both turns. Raises DemoFailed."""
        with tempfile.TemporaryDirectory(prefix="fairlead-demo-") as directory, _running(Path(directory)) as gateway:
            self._view.tell(f"{self._story.calls} calls for the model {MODEL!r}: {FIRST} serves it, {SPARE} stands by")
            for number in range(1, self._story.calls + 1):
                began = time.monotonic()
                self._turn(number, gateway)
                self._call(gateway)
                self._look(gateway)
                time.sleep(max(0.0, self._pace_seconds - (time.monotonic() - began)))
            until = time.monotonic() + END_SECONDS
            while WELL not in self._told_after and time.monotonic() < until:
                time.sleep(self._pace_seconds)
                self._look(gateway)
        return self._sum_up()

    def _turn(self, number: int, gateway: "_Gateway") -> None:
        if number == self._breaks_at:
            gateway.write_provider(FIRST, error_rate="1")
            self._broke_at = time.monotonic()
            self._view.tell(f"call {number}: {FIRST} breaks, it answers every call with an error from now on")
        if number == self._heals_at:
            gateway.write_provider(FIRST, error_rate="0")
            self._healed_at = time.monotonic()
            self._view.tell(f"call {number}: {FIRST} is repaired")

    def _call(self, gateway: "_Gateway") -> None:
        story, (provider, attempts) = self._story, gateway.call()
        story.made += 1
        story.attempts += attempts
        if provider:
            story.answered[provider] += 1
        else:
            story.failed += 1

    def _look(self, gateway: "_Gateway") -> None:
        story, now = self._story, time.monotonic()
        story.health, story.rule = gateway.status()
        state = story.health.get(FIRST, "")
        if self._broke_at and state == BROKEN and BROKEN not in self._told_after:
            self._told_after[BROKEN] = now - self._broke_at
            self._view.tell(f"call {story.made}: status says that {FIRST} is {BROKEN}, and the rule is {story.rule}")
        if self._healed_at and state == WELL and BROKEN in self._told_after and WELL not in self._told_after:
            self._told_after[WELL] = now - self._healed_at
            self._view.tell(f"call {story.made}: status says that {FIRST} is {WELL} again")
        self._view.show(story)

    def _sum_up(self) -> bool:
        story, told = self._story, self._told_after
        answered = story.answered.total()
        self._view.tell(
            f"{answered} of {story.made} calls were answered: {story.answered[FIRST]} by {FIRST}, "
            f"{story.answered[SPARE]} by {SPARE}, in {story.attempts} attempts"
        )
        for state, what in ((BROKEN, "the outage"), (WELL, "its end")):
            when = f"after {told[state]:.1f} s" if state in told else "not"
            self._view.tell(f"status told of {what} {when}")
        return answered == story.made and set(told) == {BROKEN, WELL}


@dataclass(slots=True)
class _Gateway:
    """A standalone run of its own: its objects, its state, and where it takes calls."""

    objects: Path
    state: Path
    address: str = ""

    def write_provider(self, name: str, *, error_rate: str) -> None:
        _write(self.objects / f"{name}.yaml", _PROVIDER.format(name=name, error_rate=error_rate))

    def call(self) -> tuple[str, int]:
        """Return who answered a call, nobody: empty, and in how many attempts."""
        connection = http.client.HTTPConnection(self.address, timeout=CALL_SECONDS)
        body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]})
        try:
            connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            provider = answer.headers.get("x-fairlead-provider", "").partition("/")[2]
            return provider if answer.status == 200 else "", int(answer.headers.get("x-fairlead-attempts", "0"))
        except (OSError, http.client.HTTPException):
            return "", 0
        finally:
            connection.close()

    def status(self) -> tuple[dict[str, str], str]:
        """Return the state of each provider and of the rule, as `fairlead get` would show them."""
        objects: list[dict[str, Any]] = list(read_objects(self.state, [Kind.MODEL_PROVIDER, Kind.ROUTE_POLICY]))
        health = {
            each["metadata"]["name"]: each.get("status", {}).get("health", {}).get("state", "Unknown")
            for each in objects
            if each["kind"] == Kind.MODEL_PROVIDER
        }
        rules = [rule for each in objects for rule in each.get("status", {}).get("rules", ())]
        return health, str(rules[0]["state"]) if rules else "Unknown"


@contextmanager
def _running(directory: Path) -> Iterator[_Gateway]:
    """Start `fairlead run` on free ports of loopback, and end it with the block. Raises DemoFailed."""
    gateway = _Gateway(directory / "objects", directory / "state")
    gateway.objects.mkdir()
    _write(gateway.objects / "policy.yaml", _POLICY)
    for name in (FIRST, SPARE):
        gateway.write_provider(name, error_rate="0")
    command = [sys.executable, "-P", "-m", "fairlead_operator.cli.main", "run", "-f", str(gateway.objects)]
    command += ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--state", str(gateway.state)]
    log = directory / "run.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)  # noqa: S603 (our own program)
    try:
        _wait_until_it_serves(gateway, process, log)
        yield gateway
    finally:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_serves(gateway: _Gateway, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        gateway.address = next(iter(read_facts(gateway.state).get("listen", [])), "") if gateway.state.is_dir() else ""
        if gateway.address and gateway.call()[0]:
            return
        time.sleep(0.1)
    last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
    raise DemoFailed(f"the gateway of the demo did not come to serve: {last[0]}")


def _write(path: Path, text: str) -> None:
    """Replace the file at once, so that nobody reads half of it."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.rename(path)
