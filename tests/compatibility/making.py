"""Makes the stored objects of the version at hand, as its own processes and its own code write them."""

import json
import shutil
import sqlite3
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from compatibility.meaning import GATEWAY
from doubles.compiled import read_case
from doubles.processes import Standalone, eventually, standalone
from doubles.proxy_process import proxy_process, standard_config

from fairlead_ledger.store.schema import CREATE_VERSION, MIGRATIONS
from fairlead_operator.cluster.kubernetes_config import Home, index_object, keys_object, shard_object
from fairlead_operator.compiler.compile import compile_inventory
from fairlead_proxy.contract.keys import CallerKey, Certificate, encode_keys, fingerprint
from fairlead_proxy.contract.names import BreakerState, FailureClass, Mode, ProbeLimit
from fairlead_proxy.contract.probe_cost import ProbeCost, ProbeCosts
from fairlead_proxy.contract.report import (
    Cooldown,
    Duties,
    Observation,
    ProbeResult,
    ProxyReport,
    Refusal,
    ReportRequest,
)
from fairlead_proxy.contract.snapshot import index_of, least_reader_of, pack
from fairlead_proxy.contract.usage_of_day import Spent, UsageOfDay

CALLS = 12
OBJECTS = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: one}
spec:
  type: Simulated
  models: [{name: tiny, price: {perMTok: {input: "2", output: "6"}}}]
  simulated: {ttft: 1ms, tokensPerSecond: 100000}
---
apiVersion: fairlead.dev/v1alpha1
kind: RoutePolicy
metadata: {name: smart}
spec:
  gatewayRef: {name: main}
  models: [smart]
  rules: [{name: all, route: {targets: [{provider: {name: one}, model: tiny}]}}]
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelGateway
metadata: {name: main}
spec:
  egress: {denyPrivateRanges: false}
  tenants: {namespaceSelector: {}}
  ledger: {jsonLines: {}, retention: 87600h, rollupRetention: 87600h}
"""
"""What a standalone run serves. The ledger keeps as long as it may: these records shall be read for years."""
_NOT_KEPT = ("lock", "*.sock", "sockets", "keys.json", "admin.token", "facts.json", "*-shm", "*-wal")
"""What lives only as long as its process. SQLite's log is empty once it was written back."""


def make_cases(version: Path, sources: Iterable[Path]) -> None:
    folder = version / "cases"
    folder.mkdir(parents=True)
    for source in sources:
        parts = source.parts
        name = f"example-{parts[-2]}-{source.stem}.in.yaml" if "examples" in parts else source.name
        shutil.copyfile(source, folder / name)


def make_published(version: Path) -> None:
    """Write a gateway as its ConfigMaps and its Secret, and as the files that its proxies mount."""
    gateway = compile_inventory(*read_case(version / "cases" / "full.in.yaml")).gateways["/".join(GATEWAY)]
    ring = encode_keys(
        msgspec.structs.replace(
            gateway.keys,
            admin_tokens=("present-token", "token-before"),
            callers=(*gateway.keys.callers, CallerKey(sha256=fingerprint("k"), tenant="t", name="t/k", expires_at=1.5)),
            certificates={"https": Certificate(chain="a chain", key="a private key")},
        )
    )
    shards = pack(gateway.fragments)
    index = index_of(gateway.revision, "a", shards, min_reader=least_reader_of(gateway.fragments))
    home = Home.of(gateway.id, gateway.uid)
    written = [shard_object(home, f"a-{number}", shard) for number, shard in enumerate(shards)]
    objects = [*written, index_object(home, index), keys_object(home, ring, 1_795_000_000.0)]
    named = {f"{each['kind']}/{each['metadata']['name']}": each for each in objects}
    (version / "cluster.json").write_text(json.dumps(named, indent=1) + "\n")


def make_messages(version: Path) -> None:
    costs = ProbeCosts(day="2026-11-27", costs=(ProbeCost("a/p", "life", "USD", 7),))
    report = ProxyReport(
        proxy="main-0",
        sequence=9,
        now=1_795_000_000.5,
        revision="r-0123456789ab",
        keys="k-0123456789ab",
        ready=True,
        draining=True,
        in_flight=3,
        refused=(Refusal(key="RoutePolicy/a/p", message="why"),),
        observations=(
            Observation(
                provider="a/p",
                credential="main",
                model="m",
                mode=Mode.STREAM,
                breaker=BreakerState.OPEN,
                reason=FailureClass.RATE_LIMITED,
                until=1_795_000_060.0,
                retry_after=True,
                attempts=10,
                failures=4,
                overdue=1,
                trial=True,
                last_attempt=1_795_000_000.0,
                last_success=1_794_999_999.0,
                ttft_p95_seconds=0.25,
            ),
        ),
        probes=(
            ProbeResult(
                provider="a/p",
                credential="main",
                at=1_795_000_000.0,
                reason=FailureClass.UNREACHABLE,
                until=1_795_000_009.0,
                interval_seconds=30.0,
            ),
        ),
        fragments={"RoutePolicy/a/p": "0f"},
        started_at=1_794_000_000.0,
        usage=UsageOfDay(
            day="2026-11-27",
            providers={
                "a/p": Spent(input_tokens=1, output_tokens=2, cost_nano={"USD": 3}, unpriced=4, estimated=5),
            },
            policies={"a/b": Spent(input_tokens=1)},
        ),
        under_way={"a/p": 2},
        probe_costs=costs,
        probe_limits={"a/p": next(iter(ProbeLimit))},
    )
    duties = Duties(
        probe=("a/p",),
        ailing=("a/p/main",),
        cooldowns=(
            Cooldown(
                provider="a/p",
                credential="main",
                model="m",
                mode=Mode.PLAIN,
                reason=FailureClass.SERVER_ERROR,
                until=1_795_000_060.0,
                retry_after=True,
            ),
        ),
        replicas=3,
        ttl_seconds=20.0,
        probe_costs=costs,
    )
    request = ReportRequest(after=8, wait_seconds=20.0, fragments=True, duties=duties)
    for name, message in (("report", report), ("request", request)):
        (version / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(message), indent=1) + b"\n")


def make_state(version: Path, scratch: Path) -> None:
    """Have a standalone run serve calls and end, and keep its directory with the ledger in it."""
    objects = version / "objects.yaml"
    objects.write_text(OBJECTS.lstrip())
    with standalone(scratch, "-f", str(objects)) as gateway:
        eventually(
            lambda: gateway.condition("RoutePolicy", "default", "smart", "Ready").get("status") == "True", within=20
        )
        for _ in range(CALLS):
            call(gateway)
        eventually(lambda: attempts_in(gateway.state / "ledger.sqlite") == CALLS, within=20)
    # Whatever still stands in its log goes into the file.
    with closing(sqlite3.connect(scratch / "state" / "ledger.sqlite")) as database:
        database.execute("pragma wal_checkpoint(truncate)")
    shutil.copytree(scratch / "state", version / "state", ignore=shutil.ignore_patterns(*_NOT_KEPT))
    make_postgres(version)


def make_postgres(version: Path) -> None:
    """Write the tables of a PostgreSQL store, and the rows of the SQLite one, as statements: both have the same."""
    statements = [CREATE_VERSION, *(step for steps in MIGRATIONS for step in steps)]
    with closing(sqlite3.connect(version / "state" / "ledger.sqlite")) as database:
        for (table,) in database.execute("select name from sqlite_master where type = 'table' order by name"):
            # SQLite writes each row as PostgreSQL reads it: whole numbers, null, and texts in single quotes.
            cursor = database.execute(f"select * from {table} order by 1")
            columns = ", ".join(name for name, *_ in cursor.description)
            statements += [f"insert into {table} ({columns}) values ({_values(row)})" for row in cursor]
    (version / "postgres.sql").write_text("".join(f"{statement.strip()};\n" for statement in statements))


def make_spool(version: Path, scratch: Path) -> None:
    """Have a proxy spool calls that nobody ships, and end it."""
    spool = scratch / "spool"
    spool.mkdir(parents=True)
    config = standard_config(scratch / "config")
    with proxy_process(scratch, "--spool", str(spool), config=config) as proxy:
        for _ in range(CALLS):
            proxy.call()
        eventually(lambda: sum(len(lines) for lines in _entries(spool)) == CALLS, within=20)
    shutil.copytree(spool, version / "spool", ignore=shutil.ignore_patterns("lock"))
    shutil.copytree(config.path, version / "mounted")


def call(gateway: Standalone) -> None:
    body = json.dumps({"model": "smart", "messages": [{"role": "user", "content": "hello"}]}).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{gateway.url}/chat/completions", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        answer.read()


def attempts_in(database: Path) -> int:
    """Return how many records a store has; raise OSError where there is none yet."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
            (found,) = opened.execute("select count(*) from fairlead_attempts").fetchone()
            return int(found)
    except sqlite3.OperationalError as error:
        raise OSError(f"{database}: {error}") from error


def _entries(spool: Path) -> Iterator[list[str]]:
    for segment in spool.rglob("*.spool"):
        yield [line for line in segment.read_text().splitlines() if line.startswith("[")]


def _values(row: tuple[Any, ...]) -> str:
    texts = ("null" if value is None else str(value) if isinstance(value, int) else _quoted(value) for value in row)
    return ", ".join(texts)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
