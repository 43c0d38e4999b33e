"""A record that a store will not have is counted as lost and stops no other; a store that is at fault loses none."""

import asyncio
from pathlib import Path

import pytest
from doubles.postgres import PostgresServer
from doubles.spool_writer import LONG_AGO_MS, SpoolWriter, kind_line
from doubles.usage_records import usage_record
from ledger.conftest import execute_in, query_of

from fairlead_ledger.shipping.carrier import Carrier
from fairlead_ledger.shipping.settings import ShipSettings
from fairlead_ledger.sinks.postgres import PostgresSink
from fairlead_ledger.sinks.sink import Sink, SinkDown, Written
from fairlead_ledger.sinks.sqlite import SqliteSink
from fairlead_ledger.store.batch import Batch, Loss, Reason

CALLS = "select call from fairlead_attempts order by call"
SUMS = "select sum(attempts), sum(cost_nano) from fairlead_rollups"
LOSSES = "select reason, sum(attempts), min(at), min(proxy) from fairlead_losses group by reason order by reason"
NO_OMEGA = "Ω"
"""What a database in Latin 1 has no place for."""


@pytest.fixture
def latin(postgres: PostgresServer) -> str:
    """The URL of an empty database whose texts are in Latin 1."""
    url = postgres.new_database()
    name = url.rpartition("/")[2]
    postgres.execute(f"drop database {name}", database="postgres")
    postgres.execute(f"create database {name} encoding 'LATIN1' template template0", database="postgres")
    return url


def sink_for(url: str, directory: Path) -> Sink:
    if not url.startswith("postgres://"):
        return SqliteSink(Path(url))
    (directory / "url").write_text(url)
    return PostgresSink(directory / "url")


async def write(url: str, directory: Path, *batches: Batch) -> list[Written]:
    sink = sink_for(url, directory)
    written = []
    try:
        for batch in batches:
            await sink.open("")
            written.append(await sink.write(batch))
    finally:
        await sink.close()
    return written


def refuse_in(url: str, condition: str) -> None:
    """Have a store refuse the records of which this is true, by a rule of its owner's."""
    if url.startswith("postgres://"):
        execute_in(url, f"alter table fairlead_attempts add check (not ({condition})) not valid")
        return
    rule = f"create trigger refused before insert on fairlead_attempts when new.{condition}"
    execute_in(url, f"{rule} begin select raise(abort, 'refused by its owner'); end")


async def test_a_record_that_cannot_be_stored_is_lost_alone_and_counted(latin: str, tmp_path: Path) -> None:
    records = [usage_record(f"call-{number:03}") for number in range(100)]
    for number in (0, 41, 42, 99):
        records[number] = usage_record(f"bad-{number}", caller=NO_OMEGA)
    killed = Loss(id="main-0-1/killed", at=LONG_AGO_MS, proxy="main-0-1", reason=Reason.KILLED, attempts=3)
    batch = Batch(tuple(records), (killed,))
    (first, again) = await write(latin, tmp_path, batch, batch)
    assert (first.refused, again.refused) == (4, 4)
    assert "refused 4 of 100 records: postgres://" in first.error
    asked = query_of(latin)
    assert await asyncio.to_thread(asked, CALLS) == [(r.call,) for r in records if r.caller != NO_OMEGA]
    assert await asyncio.to_thread(asked, SUMS) == [(96, 96 * 2_250_000)]
    assert await asyncio.to_thread(asked, LOSSES) == [
        ("killed", 3, LONG_AGO_MS, "main-0-1"),
        ("refused", 4, LONG_AGO_MS, "main-0"),
    ]


async def test_a_record_whose_own_names_are_the_trouble_is_told_as_lost_all_the_same(
    latin: str, tmp_path: Path
) -> None:
    (written,) = await write(latin, tmp_path, Batch((usage_record(NO_OMEGA, proxy=NO_OMEGA),)))
    assert written.refused == 1
    assert await asyncio.to_thread(query_of(latin), LOSSES) == [("refused", 1, LONG_AGO_MS, "\\u03a9")]


async def test_what_the_owner_of_a_store_refuses_is_lost_alone(store_url: str, tmp_path: Path) -> None:
    await write(store_url, tmp_path, Batch((usage_record("a"),)))
    await asyncio.to_thread(refuse_in, store_url, "caller = 'bad'")
    (written,) = await write(
        store_url, tmp_path, Batch((usage_record("b"), usage_record("c", caller="bad"), usage_record("d")))
    )
    assert written.refused == 1
    asked = query_of(store_url)
    assert await asyncio.to_thread(asked, CALLS) == [("a",), ("b",), ("d",)]
    assert await asyncio.to_thread(asked, LOSSES) == [("refused", 1, LONG_AGO_MS, "main-0")]


async def test_a_store_that_refuses_everything_is_down_and_nothing_is_lost(store_url: str, tmp_path: Path) -> None:
    await write(store_url, tmp_path, Batch((usage_record("a"),)))
    await asyncio.to_thread(refuse_in, store_url, "attempt > 0")
    with pytest.raises(SinkDown):
        await write(store_url, tmp_path, Batch((usage_record("b"), usage_record("c"))))
    asked = query_of(store_url)
    assert await asyncio.to_thread(asked, CALLS) == [("a",)]
    assert await asyncio.to_thread(asked, LOSSES) == []


async def test_what_is_tried_out_leaves_nothing(latin: str, tmp_path: Path) -> None:
    await write(latin, tmp_path, Batch((usage_record("bad", caller=NO_OMEGA),)))
    asked = query_of(latin)
    assert await asyncio.to_thread(asked, "select count(*) from fairlead_attempts") == [(0,)]
    assert await asyncio.to_thread(asked, "select count(*) from fairlead_rollups") == [(0,)]


async def test_a_refused_record_does_not_stop_those_after_it(
    latin: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = tmp_path / "spool"
    writer = SpoolWriter(spool, kinds=(kind_line(0), kind_line(1, caller=NO_OMEGA)))
    writer.write("first")
    writer.write("bad", kind=1)
    writer.write("last")
    writer.end()
    stopping = asyncio.Event()
    stopping.set()
    carrier = Carrier(ShipSettings(spool=spool), sink_for(latin, tmp_path), stopping)
    await carrier.run()
    await carrier.close()
    report = carrier.report([])
    assert (report.up, report.shipped, report.lost) == (True, 2, {"refused": 1})
    assert "refused 1 of 3 records: " in report.error
    assert [each.getMessage() for each in caplog.records] == ["a store of the ledger refused records"]
    assert await asyncio.to_thread(query_of(latin), CALLS) == [("first",), ("last",)]
