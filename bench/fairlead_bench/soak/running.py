"""One soak: providers, gateway and callers as processes; faults, edits and looks while the callers call."""

import json
import os
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec
from doubles.processes import eventually, standalone

from fairlead_bench.places import BENCH, ROOT
from fairlead_bench.processes import end, start
from fairlead_bench.soak.explaining import Call, End, Judged, judge
from fairlead_bench.soak.faults import FAULTS, History, Injection, Planned, plan_faults
from fairlead_bench.soak.looks import Look, Watched
from fairlead_bench.soak.objects import PER_TRY_SECONDS, PROVIDERS, ROUTES, Objects

LOOK_SECONDS = 5.0
LOOKS_A_LINE = 12
EDIT_SECONDS = 10.0
TICK_SECONDS = 0.1
SETTLING_SECONDS = PER_TRY_SECONDS + 1.0
"""How long after a fault the attempts that it failed may still end."""
REST_SECONDS = 120.0
"""How long the proxy has after the last call to be as it was before the first: idle connections are kept a while."""
AT_REST_MORE_DESCRIPTORS, AT_REST_MORE_TASKS = 4, 2
"""What may come on top: the connections of who looks, and of probes under way."""
AT_REST_MORE_THREADS = min(32, (os.cpu_count() or 1) + 4)
"""The event loop's pool of threads, which grow with use up to this and stay.

Source: https://docs.python.org/3/library/concurrent.futures.html#concurrent.futures.ThreadPoolExecutor
"""
IN_FORCE_SECONDS = 5.0
GROWTH_FROM_SECONDS = 20 * 60.0
WARM_UP = 0.2
"""The share of a soak that the slope leaves out. Caches, pools and the ring of decision records fill in it, and health
looks back over its five minutes; then the worst strikes every provider, so that as many calls are under way as there
ever may be, and hold as much.

The interpreter gives memory back only in pieces of 1 MiB that are wholly free: much of what a peak took stays. So a
peak that comes later, and is higher by chance, would be taken for growth.
"""

_ENVIRON = {"PYTHONPATH": f"{BENCH}{os.pathsep}{ROOT / 'tests'}"}


@dataclass(frozen=True, slots=True)
class Form:
    """How long a soak is, in seconds from the first call to the last fault; `ramp` of it finds the capacity.

    `hurried`: at the end providers hang up, instead of waiting until the proxy lets its idle connections go.
    """

    seconds: float
    ramp: float
    seed: int
    hurried: bool = False

    @property
    def bounds_growth(self) -> bool:
        """Say whether it is long enough: one that is mostly warm-up shows a few pages in a minute as a leak."""
        return self.seconds >= GROWTH_FROM_SECONDS

    @property
    def warm_up(self) -> float:
        """How long the warm-up lasts, in seconds from the first call."""
        return WARM_UP * self.seconds


@dataclass(slots=True)
class Soaked:
    """All that came of a soak. `before` and `after`: at rest, without a call. `edits`: how many came into force."""

    form: Form
    capacity: dict[str, Any] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    slow_readers: int = 0
    held: int = 0
    late_seconds: float = 0.0
    judged: Judged = field(default_factory=Judged)
    history: History = field(default_factory=History)
    looks: list[Look] = field(default_factory=list)
    before: Look | None = None
    after: Look | None = None
    edits_made: int = 0
    edits_in_force: int = 0
    busy_at_capacity: float = 0.0
    faults_in_log: int = 0
    silent: int = 0
    """Scrapes for which the proxy had no figures."""


def soak(form: Form, directory: Path) -> Soaked:
    """Run a soak; its files are left in the directory. Raises RuntimeError where a part of it ends too soon."""
    soaked = Soaked(form)
    with providers_running("fairlead_bench.soak.providers") as (ports, controls):
        objects = Objects(directory / "objects", ports)
        with standalone(directory, "-f", str(directory / "objects"), "--log-format", "json") as gateway:
            eventually(lambda: all(_is_served(gateway.condition, name) for name in ROUTES), within=30)
            watched = Watched(gateway.process.pid, gateway.admin)
            soaked.before = watched.look()
            command = [sys.executable, "-m", "fairlead_bench.soak.callers", "--port", str(gateway.port)]
            command += ["--admin-port", str(gateway.admin_port), "--token", str(gateway.state / "admin.token")]
            command += ["--seed", str(form.seed), "--ramp-seconds", str(form.ramp)]
            callers = start([*command, "--seconds", str(form.seconds - form.ramp)], environ=_ENVIRON)
            try:
                assert callers.stdout is not None
                hearing = _Hearing(callers.stdout, soaked)
                trouble = _Trouble(soaked, watched, objects, controls)
                trouble.go_on_while(hearing)
            finally:
                end(callers)
            if form.hurried:
                trouble.hang_up()
            soaked.after = _at_rest(watched, soaked.before)
        soaked.silent = watched.silent
        soaked.faults_in_log = _faults_in(gateway.log)
        return soaked


@contextmanager
def providers_running(module: str, *more: str) -> Iterator[tuple[dict[str, int], dict[str, int]]]:
    """Run all providers until the block ends; the ports where they serve, and where they are told what to do.

    `module` is the program of one: it takes its name, and `more`.
    """
    command = [sys.executable, "-m", module]
    processes = {name: start([*command, name, *more], environ=_ENVIRON) for name in PROVIDERS}
    ports, controls = dict[str, int](), dict[str, int]()
    try:
        for name, process in processes.items():
            assert process.stdout is not None
            ports[name], controls[name] = map(int, process.stdout.readline().split())
        yield ports, controls
    finally:
        for process in processes.values():
            end(process)


class _Hearing:
    """Reads what the callers say, and judges it as it comes."""

    def __init__(self, said: IO[str], soaked: Soaked) -> None:
        self._said, self._soaked = said, soaked
        self.called = threading.Event()
        """The capacity is known: faults may begin."""
        self.over = False
        self._thread = threading.Thread(target=self._hear, name="hear the callers")
        self._thread.start()

    @property
    def hears(self) -> bool:
        return self._thread.is_alive()

    def _hear(self) -> None:
        soaked = self._soaked
        for line in self._said:
            if line.startswith('{"capacity"'):
                soaked.capacity = json.loads(line)["capacity"]
                self.called.set()
            elif line.startswith('{"over"'):
                told = json.loads(line)["over"]
                soaked.calls.update(told["calls"])
                soaked.slow_readers, soaked.held = told["ends"].pop("slow readers", 0), told["held"]
                soaked.late_seconds = told["late_seconds"]
                soaked.judged.ends.update({End(each): number for each, number in told["ends"].items()})
                self.over = True
            else:
                call = msgspec.json.decode(line, type=Call)
                soaked.judged.add(call, *judge(call, soaked.history, ROUTES), soaked.history)


class _Trouble:
    """Makes it, on time: faults come and go, files change; and looks at the proxy meanwhile."""

    def __init__(self, soaked: Soaked, watched: Watched, objects: Objects, controls: dict[str, int]) -> None:
        self._soaked, self._watched, self._objects = soaked, watched, objects
        self._controls = controls
        form = soaked.form
        worst_until = form.warm_up - form.ramp if form.bounds_growth else None
        self._to_come = plan_faults(list(PROVIDERS), form.seconds - form.ramp, form.seed, worst_until=worst_until)
        self._under_way: list[tuple[Planned, list[Injection]]] = []
        self._settling: list[tuple[float, list[Injection]]] = []
        self._before: dict[str, Counter[tuple[str, str]]] = {}
        self._revision = watched.revision()
        self._edited = False

    def go_on_while(self, hearing: _Hearing) -> None:
        """Return once the callers have ended. Raises RuntimeError where they ended before their time."""
        began = next_look = time.monotonic()
        faults_from = next_edit = 0.0
        while hearing.hears:
            now = time.monotonic()
            if now >= next_look:
                next_look += LOOK_SECONDS
                self._soaked.looks.append(self._watched.look())
                self._say_how_it_goes()
            if hearing.called.is_set() and not faults_from:
                faults_from = next_edit = now
                self._soaked.busy_at_capacity = self._busy_since(began)
            if faults_from:
                self._make_faults(now - faults_from)
                if now >= next_edit:
                    next_edit += EDIT_SECONDS
                    self._edit()
            time.sleep(TICK_SECONDS)
        self._make_faults(float("inf"))
        until = time.monotonic() + IN_FORCE_SECONDS
        while self._watched.revision() == self._revision and time.monotonic() < until:
            time.sleep(TICK_SECONDS)
        self._note_edit()
        if not hearing.over:
            raise RuntimeError("the callers ended before their time")

    def _say_how_it_goes(self) -> None:
        """Tell whoever waits, once a minute."""
        looks, judged = self._soaked.looks, self._soaked.judged
        if len(looks) % LOOKS_A_LINE == 0:
            told = f"{looks[-1].mib:.1f} MiB, {judged.ends[End.UNEXPLAINED]} unexplained"
            print(f"soak: {len(looks) // LOOKS_A_LINE} min, {told}", file=sys.stderr, flush=True)

    def hang_up(self) -> None:
        """Close every provider's connections."""
        for provider in PROVIDERS:
            self._tell(provider, {"down": True})
            self._tell(provider, {})

    def _make_faults(self, elapsed: float) -> None:
        for planned, injections in [each for each in self._under_way if each[0].ends <= elapsed]:
            self._under_way.remove((planned, injections))
            for injection in injections:
                self._tell(injection.provider, {})
                injection.ended = time.time()
            self._settling.append((time.monotonic() + SETTLING_SECONDS, injections))
        for at, injections in [
            each for each in self._settling if each[0] <= time.monotonic() or elapsed == float("inf")
        ]:
            self._settling.remove((at, injections))
            self._note_effects(injections)
        while self._to_come and self._to_come[0].begins <= elapsed < float("inf"):
            planned = self._to_come.pop(0)
            self._before |= dict.fromkeys(planned.providers, self._watched.failures())
            injections = [Injection(planned.fault, provider, time.time()) for provider in planned.providers]
            self._soaked.history.injections += injections
            for provider in planned.providers:
                self._tell(provider, dict(FAULTS[planned.fault].script))
            self._under_way.append((planned, injections))

    def _note_effects(self, injections: list[Injection]) -> None:
        now = self._watched.failures()
        for each in injections:
            before = self._before[each.provider]
            outcomes = FAULTS[each.fault].outcomes
            each.felt = sum(now[each.provider, one] - before[each.provider, one] for one in outcomes)

    def _edit(self) -> None:
        self._note_edit()
        self._objects.edit()
        self._soaked.edits_made += 1
        self._edited = True

    def _note_edit(self) -> None:
        """Note whether the last edit has come into force, an edit's time after it."""
        revision = self._watched.revision()
        self._soaked.edits_in_force += self._edited and revision != self._revision
        self._revision, self._edited = revision, False

    def _busy_since(self, began: float) -> float:
        """Return the share of a core that the proxy has used since then."""
        first, last = self._soaked.before, self._watched.look()
        return (last.cpu_seconds - first.cpu_seconds) / (last.at - began) if first is not None else 0.0

    def _tell(self, provider: str, script: dict[str, Any]) -> None:
        body = json.dumps(script).encode()
        url = f"http://127.0.0.1:{self._controls[provider]}/script"
        request = urllib.request.Request(url, data=body, method="PUT")
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()


def _is_served(condition: Callable[[str, str, str, str], dict[str, Any]], policy: str) -> bool:
    return bool(condition("RoutePolicy", "default", policy, "Programmed").get("status") == "True")


def _at_rest(watched: Watched, before: Look) -> Look:
    """Wait until the proxy holds what it held before; return what it does hold then, or in the end."""
    until = time.monotonic() + REST_SECONDS
    while True:
        look = watched.look()
        if is_at_rest(look, before) or time.monotonic() > until:
            return look
        time.sleep(1)


def is_at_rest(look: Look, before: Look) -> bool:
    """Say whether no more is held than before the first call."""
    return (
        look.in_flight == 0
        and look.descriptors <= before.descriptors + AT_REST_MORE_DESCRIPTORS
        and look.tasks <= before.tasks + AT_REST_MORE_TASKS
        and look.threads <= before.threads + AT_REST_MORE_THREADS
    )


def _faults_in(log: Path) -> int:
    """Count the lines of the log that tell of a fault of ours."""
    with log.open(encoding="utf-8", errors="replace") as lines:
        return sum('"level":"error"' in line.replace(" ", "").lower() or "Traceback" in line for line in lines)
