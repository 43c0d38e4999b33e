"""One billing run: providers, gateway, callers, faults and kills; then the ledger and the invoices, side by side."""

import asyncio
import json
import sqlite3
import time
import urllib.request
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from doubles.invoice import Line
from doubles.processes import Standalone, eventually, standalone
from doubles.vendor_counts import Tokens

from fairlead_bench.billing.callers import Callers
from fairlead_bench.billing.comparing import Booked, Compared, compare
from fairlead_bench.billing.killing import Killed, Killer
from fairlead_bench.billing.prices import PRICES, RESILIENCE
from fairlead_bench.soak.faults import FAULTS, plan_faults
from fairlead_bench.soak.objects import ROUTES, Objects
from fairlead_bench.soak.running import providers_running

WORKERS = 3
SETTLED_SECONDS = 40.0
"""How long the ledger has after the last call: what a killed proxy left is taken for over some seconds after."""
STILL_SECONDS = 1.5
"""Nothing new in the ledger for so long: more than a record may be under way."""

_COLUMNS = (
    "call, attempt, at, provider, upstream_model, basis, outcome, input_tokens, cached_input_tokens, "
    "cache_write_tokens, cache_write_long_tokens, output_tokens, reasoning_tokens, cost_nano"
)


@dataclass(frozen=True, slots=True)
class Form:
    """How many calls there are, and how many a second; every so many seconds a proxy, or the shipper, is killed."""

    calls: int
    rate: float
    seed: int
    kill_seconds: float
    ship_kill_seconds: float


@dataclass(slots=True)
class Ran:
    """All that came of a run. `rollups`: attempts, cost and unpriced ones as the ledger's own sums have them."""

    form: Form
    seconds: float = 0.0
    ends: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    killed: list[Killed] = field(default_factory=list)
    shippers_killed: int = 0
    records: list[Booked] = field(default_factory=list)
    losses: Counter[str] = field(default_factory=Counter)
    left_in_spool: int = 0
    began_by_living: int = 0
    """Attempts of those proxies that were not killed."""
    rollups: tuple[int, int, int] = (0, 0, 0)
    compared: Compared = field(default_factory=Compared)
    lines: dict[str, list[Line]] = field(default_factory=dict)


def run(form: Form, directory: Path) -> Ran:
    """Make a run; its files are left in the directory. Raises RuntimeError or AssertionError where it cannot be."""
    ran = Ran(form)
    with providers_running("fairlead_bench.billing.providers", str(form.seed)) as (ports, controls):
        Objects(directory / "objects", ports, prices=PRICES, resilience=RESILIENCE)
        arguments = ("-f", str(directory / "objects"), "--workers", str(WORKERS), "--log-format", "json")
        with standalone(directory, *arguments) as gateway:
            eventually(lambda: all(_is_served(gateway, name) for name in ROUTES), within=30)
            killer = Killer(gateway.process.pid, gateway.state / "spool")
            began = time.monotonic()
            callers = asyncio.run(_make_trouble(form, gateway.port, controls, killer, ran))
            ran.seconds = time.monotonic() - began
            _await_ledger(gateway.state, killer)
            living = [_counters_of(life) for life in killer.lives()]
        ran.lines = {name: _invoice(control) for name, control in controls.items()}
    ran.ends, ran.killed, ran.shippers_killed = callers.ends, killer.killed, killer.shippers_killed
    _read_ledger(gateway.state / "ledger.sqlite", ran)
    ran.began_by_living = sum(each[0] for each in living)
    ran.left_in_spool = sum(began - spooled for began, spooled, _ in living)
    tags = {each.decision: each.tag for each in callers.called if each.decision} | _logged(gateway.log)
    ran.compared = compare(ran.records, ran.lines, tags, PRICES)
    return ran


async def _make_trouble(form: Form, port: int, controls: dict[str, int], killer: Killer, ran: Ran) -> Callers:
    """Have all calls made, with faults and kills meanwhile; return the callers."""
    callers = Callers(port, form.seed)
    trouble = [
        *(asyncio.create_task(_make_faults(form, part, ran), name="faults") for part in _halves(controls)),
        asyncio.create_task(_kill_workers(form, killer), name="kill workers"),
        asyncio.create_task(_kill_shippers(form, killer), name="kill shippers"),
    ]
    await callers.call_all(form.calls, form.rate)
    for task in trouble:
        task.cancel()
    for ended in await asyncio.gather(*trouble, return_exceptions=True):
        if isinstance(ended, Exception):
            raise RuntimeError("the trouble ended before the calls") from ended
    for control in controls.values():
        await asyncio.to_thread(_tell, control, {})
    return callers


def _halves(controls: dict[str, int]) -> list[dict[str, int]]:
    """Return every other provider, and the rest: each half has faults of its own, so that some fall together."""
    names = list(controls)
    return [{name: controls[name] for name in names[place::2]} for place in (0, 1)]


async def _make_faults(form: Form, controls: dict[str, int], ran: Ran) -> None:
    planned = plan_faults(list(controls), form.calls / form.rate, form.seed + len(controls))
    loop = asyncio.get_running_loop()
    began = loop.time()
    for each in planned:
        await asyncio.sleep(began + each.begins - loop.time())
        for provider in each.providers:
            await asyncio.to_thread(_tell, controls[provider], dict(FAULTS[each.fault].script))
            ran.faults[each.fault] += 1
        await asyncio.sleep(began + each.ends - loop.time())
        for provider in each.providers:
            await asyncio.to_thread(_tell, controls[provider], {})


async def _kill_workers(form: Form, killer: Killer) -> None:
    rng = Random(form.seed)
    while True:
        await asyncio.sleep(form.kill_seconds * rng.uniform(0.8, 1.2))
        await asyncio.to_thread(killer.kill_worker, rng.randrange(WORKERS))


async def _kill_shippers(form: Form, killer: Killer) -> None:
    rng = Random(form.seed + 1)
    while True:
        await asyncio.sleep(form.ship_kill_seconds * rng.uniform(0.8, 1.2))
        await asyncio.to_thread(killer.kill_shipper)


def _await_ledger(state: Path, killer: Killer) -> None:
    """Return once nothing is on its way into the ledger, and nothing of who was killed is left to be settled."""
    eventually(lambda: len(killer.lives()) == len(killer.workers()) == WORKERS, within=SETTLED_SECONDS)
    seen = [(0, 0.0)]

    def still() -> bool:
        number, now = _number_of_records(state / "ledger.sqlite"), time.monotonic()
        if number != seen[0][0]:
            seen[0] = (number, now)
        return now - seen[0][1] > STILL_SECONDS

    eventually(still, within=SETTLED_SECONDS)


def _number_of_records(path: Path) -> int:
    with suppress(sqlite3.OperationalError), closing(_open(path)) as store:
        return int(store.execute("select count(*) from fairlead_attempts").fetchone()[0])
    return 0


def _read_ledger(path: Path, ran: Ran) -> None:
    with closing(_open(path)) as store:
        for call, attempt, at, provider, model, basis, outcome, *tokens, cost in store.execute(
            f"select {_COLUMNS} from fairlead_attempts"
        ):
            name = provider.partition("/")[2]
            record = Booked(call, attempt, at / 1000, name, model, basis, outcome, Tokens(*tokens), cost)
            ran.records.append(record)
        for reason, attempts in store.execute("select reason, sum(attempts) from fairlead_losses group by reason"):
            ran.losses[reason] = attempts
        sums = store.execute("select sum(attempts), sum(cost_nano), sum(unpriced) from fairlead_rollups").fetchone()
        ran.rollups = (sums[0] or 0, sums[1] or 0, sums[2] or 0)


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)


def _counters_of(life: Path) -> tuple[int, int, int]:
    """Return what a proxy has counted: attempts that began, records that were spooled, and dropped."""
    began, spooled, dropped = memoryview((life / "counters").read_bytes()).cast("Q")
    return began, spooled, dropped


def _logged(log: Path) -> dict[str, str]:
    """Return the tag of every call in the access log, by its decision."""
    found = dict[str, str]()
    with log.open("rb") as lines:
        for line in lines:
            if b'"request_id":"call-' in line:
                with suppress(ValueError):  # a killed worker may have written half a line
                    entry = json.loads(line)
                    found[entry["call"]] = entry["request_id"]
    return found


def _invoice(control: int) -> list[Line]:
    with urllib.request.urlopen(f"http://127.0.0.1:{control}/invoice", timeout=60) as answer:
        told: list[dict[str, Any]] = json.loads(answer.read())
    return [Line(**each | {"asked": Tokens(**each["asked"]), "tokens": Tokens(**each["tokens"])}) for each in told]


def _tell(control: int, script: dict[str, Any]) -> None:
    body = json.dumps(script).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{control}/script", data=body, method="PUT")
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()


def _is_served(gateway: Standalone, policy: str) -> bool:
    return gateway.condition("RoutePolicy", "default", policy, "Programmed").get("status") == "True"
