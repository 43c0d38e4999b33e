"""Whatever ends a shipper, and wherever, every store has every record once, and every loss is counted once."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from doubles.eventually import eventually
from doubles.postgres import PostgresServer
from doubles.spool_writer import SpoolWriter, entry_line
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger.conftest import query_of

from fairlead_ledger.shipping.carrier import LONGEST_PAUSE_SECONDS, Carrier, pause_seconds
from fairlead_ledger.shipping.cursor import CursorFile, pause_others
from fairlead_ledger.shipping.settings import ShipSettings
from fairlead_ledger.shipping.sweeping import Sweeper
from fairlead_ledger.sinks.json_lines import JsonLinesFile
from fairlead_ledger.sinks.postgres import PostgresSink
from fairlead_ledger.sinks.sink import Kept, Sink, SinkDown, Written
from fairlead_ledger.sinks.sqlite import SqliteSink
from fairlead_ledger.store.batch import Batch
from fairlead_proxy.contract.usage_record import SHIP_FILE

NO_END = 10**10
"""A retention that nothing is older than: the records of these tests are of 2023."""


class Killed(BaseException):
    """The process ends here: nothing of it runs any more."""


class Mortal:
    """A sink whose process is killed before or after the write of its next batches."""

    def __init__(self, sink: Sink, before: int | None = None, after: int | None = None) -> None:
        self.name, self.identity = sink.name, sink.identity
        self._sink = sink
        self._before, self._after = before, after
        self._writes = 0

    async def open(self, mark: str) -> str:
        return await self._sink.open(mark)

    async def write(self, batch: Batch) -> Written:
        self._writes += 1
        if self._writes == self._before:
            raise Killed
        written = await self._sink.write(batch)
        if self._writes == self._after:
            raise Killed
        return written

    async def prune(self, kept: Kept) -> bool:
        return await self._sink.prune(kept)

    async def close(self) -> None:
        await self._sink.close()


class Stubborn(Mortal):
    """A sink that is down for as long as `up` is False."""

    up = False

    async def open(self, mark: str) -> str:
        if not self.up:
            raise SinkDown("it sleeps")
        return await super().open(mark)


def settings_for(spool: Path) -> ShipSettings:
    return ShipSettings(spool=spool, retention_seconds=NO_END, rollup_retention_seconds=NO_END)


async def ship_until_empty(spool: Path, sink: Sink) -> Carrier:
    """Run a shipper of one sink until it has carried all there is, or is killed; sweep as it would."""
    stopping = asyncio.Event()
    stopping.set()
    carrier = Carrier(settings_for(spool), sink, stopping)
    try:
        await carrier.run()
        Sweeper(spool, [carrier], 2**30).sweep()
    except Killed:
        pass
    finally:
        await carrier.close()
    return carrier


async def ship_all_until_empty(spool: Path, sinks: list[Sink]) -> None:
    """Run a shipper of these sinks alone until it has carried all there is; sweep as it would."""
    stopping = asyncio.Event()
    stopping.set()
    carriers = [Carrier(settings_for(spool), sink, stopping) for sink in sinks]
    pause_others(spool, {carrier.cursor_path for carrier in carriers})
    for carrier in carriers:
        await carrier.run()
    Sweeper(spool, carriers, 2**30).sweep()
    for carrier in carriers:
        await carrier.close()


def sqlite_calls(path: Path) -> list[str]:
    return [call for (call,) in query_of(str(path))("select call from fairlead_attempts order by call")]


def json_calls(path: Path) -> list[str]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return sorted(line["call"] for line in lines if "call" in line)


def report_of(spool: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((spool / SHIP_FILE).read_text())["sinks"]
    return found


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 30)),
        st.tuples(st.just("kill before"), st.integers(1, 2)),
        st.tuples(st.just("kill after"), st.integers(1, 2)),
        st.tuples(st.just("ship"), st.just(0)),
        st.tuples(st.just("new life"), st.just(0)),
    ),
    max_size=12,
)


async def follow(spool: Path, steps: list[tuple[str, int]], sink: Callable[[], Sink]) -> list[str]:
    """Let writers and shippers come and go as the steps say, ship what is left, and return the calls written."""
    calls: list[str] = []
    lives = [SpoolWriter(spool, segment_records=7)]
    for step, number in [("write", 1), *steps, ("ship", 0), ("ship", 0)]:
        if step == "write":
            new = [f"call-{len(calls) + each:04}" for each in range(number)]
            lives[-1].write(*new)
            calls += new
        elif step == "new life":
            lives[-1].end()
            lives.append(SpoolWriter(spool, started_ms=1_700_000_000_000 + len(lives), segment_records=7))
        else:
            before, after = (number if step == f"kill {when}" else None for when in ("before", "after"))
            await ship_until_empty(spool, Mortal(sink(), before, after))
    lives[-1].end()
    return calls


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_sqlite_has_each_record_once(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]) -> None:
    root = tmp_path_factory.mktemp("sqlite")
    path = root / "ledger.sqlite"
    calls = asyncio.run(follow(root / "spool", steps, lambda: SqliteSink(path)))
    assert sqlite_calls(path) == calls
    sums = query_of(str(path))("select coalesce(sum(attempts), 0), coalesce(sum(cost_nano), 0) from fairlead_rollups")
    assert sums == [(len(calls), 2_250_000 * len(calls))]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_json_lines_have_each_record_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    root = tmp_path_factory.mktemp("lines")
    path = root / "ledger.jsonl"
    calls = asyncio.run(follow(root / "spool", steps, lambda: JsonLinesFile(path)))
    assert json_calls(path) == calls


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_postgres_has_each_record_once(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, steps: list[tuple[str, int]]
) -> None:
    root = tmp_path_factory.mktemp("postgres")
    url = postgres.new_database()
    (root / "url").write_text(url)
    calls = asyncio.run(follow(root / "spool", steps, lambda: PostgresSink(root / "url")))
    assert [call for (call,) in query_of(url)("select call from fairlead_attempts order by call")] == calls
    sums = query_of(url)("select coalesce(sum(attempts), 0) from fairlead_rollups")
    assert sums == [(len(calls),)]


async def test_a_spool_that_every_store_has_is_cleared(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, segment_records=3)
    writer.write(*(f"call-{number}" for number in range(8)))
    await ship_until_empty(tmp_path, SqliteSink(tmp_path / "l.sqlite"))
    assert [path.name for path in writer.segments()] == [f"{6:020}.spool"]
    writer.end()
    await ship_until_empty(tmp_path, SqliteSink(tmp_path / "l.sqlite"))
    assert not writer.directory.exists()


async def test_what_one_store_does_not_have_stays_and_holds_up_no_other(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, segment_records=3)
    writer.write(*(f"call-{number}" for number in range(8)))
    writer.end()
    stopping = asyncio.Event()
    sleeping = Stubborn(JsonLinesFile(tmp_path / "l.jsonl"))
    carriers = [
        Carrier(settings_for(tmp_path), sink, stopping) for sink in (SqliteSink(tmp_path / "l.sqlite"), sleeping)
    ]
    loops = [asyncio.create_task(carrier.run()) for carrier in carriers]
    sweeper = Sweeper(tmp_path, carriers, 2**30)
    await eventually(lambda: carriers[0].report([]).shipped == 8 and carriers[1].report([]).error != "")
    sweeper.sweep()
    assert len(writer.segments()) == 3
    assert report_of(tmp_path)["json-lines"] == {
        "up": False,
        "error": "it sleeps",
        "unshipped": 8,
        "shipped": 0,
        "lost": {},
    }
    assert report_of(tmp_path)["sqlite"]["up"] is True
    sleeping.up = True
    await eventually(lambda: carriers[1].report([]).shipped == 8)
    sweeper.sweep()
    assert not writer.directory.exists()
    assert report_of(tmp_path)["json-lines"]["unshipped"] == 0
    stopping.set()
    await asyncio.gather(*loops)
    for carrier in carriers:
        await carrier.close()
    assert json_calls(tmp_path / "l.jsonl") == writer.calls


async def test_what_a_killed_process_began_and_never_spooled_is_counted_once(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path)
    writer.write("a", "b")
    writer.begin(3)
    writer.write_line(entry_line("torn")[:-5])
    writer.end()
    path = tmp_path / "l.sqlite"
    await ship_until_empty(tmp_path, Mortal(SqliteSink(path), after=1))
    await ship_until_empty(tmp_path, SqliteSink(path))
    await ship_until_empty(tmp_path, SqliteSink(path))
    assert query_of(str(path))("select reason, attempts from fairlead_losses") == [("killed", 3)]
    assert report_of(tmp_path)["sqlite"]["lost"] == {"killed": 3}
    assert sqlite_calls(path) == ["a", "b"]


async def test_of_a_process_that_ended_well_nothing_is_lost(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path)
    writer.write("a", "b")
    writer.end()
    await ship_until_empty(tmp_path, SqliteSink(tmp_path / "l.sqlite"))
    assert report_of(tmp_path)["sqlite"]["lost"] == {}


async def test_records_that_went_for_want_of_room_are_counted_once(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    writer = SpoolWriter(tmp_path, segment_records=3)
    writer.write(*(f"call-{number}" for number in range(4)))
    await ship_until_empty(tmp_path, SqliteSink(path))
    writer.write(*(f"call-{number}" for number in range(4, 12)))
    for segment in writer.segments()[:-1]:
        segment.unlink()
    writer.end()
    await ship_until_empty(tmp_path, Mortal(SqliteSink(path), after=1))
    await ship_until_empty(tmp_path, SqliteSink(path))
    assert query_of(str(path))("select reason, attempts from fairlead_losses") == [("spool-full", 5)]
    assert report_of(tmp_path)["sqlite"]["lost"] == {"spool-full": 5}
    assert sqlite_calls(path) == sorted([*writer.calls[:4], *writer.calls[9:]])


async def test_what_a_process_says_it_dropped_is_counted_as_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    writer = SpoolWriter(tmp_path)
    for dropped in (2, 3):
        writer.drop(dropped)
        writer.write(f"call-{dropped}")
        await ship_until_empty(tmp_path, SqliteSink(path))
    assert report_of(tmp_path)["sqlite"]["lost"] == {"spool-failed": 5}
    writer.end()
    await ship_until_empty(tmp_path, SqliteSink(path))
    assert query_of(str(path))("select reason, attempts from fairlead_losses") == [("spool-failed", 5)]


async def test_a_store_that_is_added_later_misses_nothing_that_is_still_there(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, segment_records=3)
    writer.write(*(f"call-{number}" for number in range(8)))
    await ship_until_empty(tmp_path, SqliteSink(tmp_path / "l.sqlite"))
    await ship_until_empty(tmp_path, JsonLinesFile(tmp_path / "l.jsonl"))
    writer.end()
    assert json_calls(tmp_path / "l.jsonl") == writer.calls[6:]
    assert report_of(tmp_path)["json-lines"]["lost"] == {}


async def test_what_went_while_a_store_was_not_named_is_no_loss_of_its_own(tmp_path: Path) -> None:
    sqlite, lines = tmp_path / "l.sqlite", tmp_path / "l.jsonl"
    writer = SpoolWriter(tmp_path, segment_records=3)
    runs: list[list[Sink]] = [[SqliteSink(sqlite), JsonLinesFile(lines)], [SqliteSink(sqlite)], [JsonLinesFile(lines)]]
    for sinks in runs:
        writer.write(*(f"call-{len(writer.calls) + number:02}" for number in range(8)))
        await ship_all_until_empty(tmp_path, sinks)
    writer.end()
    assert json_calls(lines) == [*writer.calls[:8], *writer.calls[15:]]
    assert report_of(tmp_path)["json-lines"]["lost"] == {}
    assert report_of(tmp_path)["json-lines"]["shipped"] == 17


async def test_what_goes_for_want_of_room_after_a_pause_is_a_loss_again(tmp_path: Path) -> None:
    sqlite, lines = tmp_path / "l.sqlite", tmp_path / "l.jsonl"
    writer = SpoolWriter(tmp_path, segment_records=3)
    runs: list[list[Sink]] = [[JsonLinesFile(lines)], [SqliteSink(sqlite)], [JsonLinesFile(lines)]]
    for sinks in runs:
        writer.write(*(f"call-{len(writer.calls) + number:02}" for number in range(8)))
        await ship_all_until_empty(tmp_path, sinks)
    writer.write(*(f"call-{24 + number}" for number in range(6)))
    for segment in writer.segments()[:-1]:
        segment.unlink()
    await ship_all_until_empty(tmp_path, [JsonLinesFile(lines)])
    writer.end()
    assert report_of(tmp_path)["json-lines"]["lost"] == {"spool-full": 3}


async def test_a_cursor_that_cannot_be_read_begins_with_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    writer = SpoolWriter(tmp_path, segment_records=3)
    writer.write(*(f"call-{number}" for number in range(8)))
    await ship_until_empty(tmp_path, SqliteSink(path))
    CursorFile(tmp_path, "sqlite", str(path)).path.write_text("{torn")
    writer.write("later")
    await ship_until_empty(tmp_path, SqliteSink(path))
    writer.end()
    assert sqlite_calls(path) == sorted(writer.calls)


async def test_records_older_than_the_retention_go(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    writer = SpoolWriter(tmp_path)
    writer.write("old")
    settings = ShipSettings(spool=tmp_path, retention_seconds=60, rollup_retention_seconds=NO_END)
    stopping = asyncio.Event()
    carrier = Carrier(settings, SqliteSink(path), stopping)
    loop = asyncio.create_task(carrier.run())
    count = "select count(*) from fairlead_attempts union all select count(*) from fairlead_rollups"
    await eventually(lambda: path.exists() and carrier.report([]).shipped == 1)
    await eventually(lambda: query_of(str(path))(count) == [(0,), (1,)])
    stopping.set()
    await loop
    await carrier.close()
    writer.end()


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_pauses_double_up_to_their_bound(chance: float) -> None:
    pauses = [pause_seconds(failures, chance) for failures in range(1_100)]
    assert 0.1 <= pauses[0] <= 0.2
    assert pauses == sorted(pauses)
    assert LONGEST_PAUSE_SECONDS / 2 <= pauses[-1] <= LONGEST_PAUSE_SECONDS


async def test_a_spool_that_cannot_be_read_for_a_while_is_read_later(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    writer = SpoolWriter(tmp_path / "spool", segment_records=3)
    writer.write(*(f"call-{number}" for number in range(4)))
    good, (first, *_) = tmp_path / "good", writer.segments()
    first.rename(good)
    first.symlink_to(first)
    stopping = asyncio.Event()
    carrier = Carrier(settings_for(tmp_path / "spool"), SqliteSink(path), stopping)
    loop = asyncio.create_task(carrier.run())
    await eventually(lambda: "symbolic links" in carrier.report([]).error)
    first.unlink()
    good.rename(first)
    await eventually(lambda: carrier.report([]).shipped == 4)
    assert carrier.report([]).lost == {}
    stopping.set()
    await loop
    await carrier.close()
    writer.end()
    assert sqlite_calls(path) == writer.calls


async def test_a_fault_of_ours_is_logged_and_loses_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Faulty(Mortal):
        faults = 2

        async def write(self, batch: Batch) -> Written:
            self.faults -= 1
            if self.faults >= 0:
                raise ZeroDivisionError
            return await super().write(batch)

    writer = SpoolWriter(tmp_path / "spool")
    writer.write("a", "b")
    await ship_until_empty(tmp_path / "spool", Faulty(SqliteSink(tmp_path / "l.sqlite")))
    writer.end()
    assert sqlite_calls(tmp_path / "l.sqlite") == ["a", "b"]
    assert [each.getMessage() for each in caplog.records if each.exc_info] == ["the ledger's shipper has a fault"] * 2
