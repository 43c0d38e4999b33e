"""What a proxy's own writer spools is what the shipper reads: what began is shipped, or counted as lost."""

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from doubles.eventually import eventually
from doubles.spool_writer import LONG_AGO_MS, entry_line, kind_line
from ledger.conftest import query_of
from ledger.test_carrying import report_of, ship_until_empty

from fairlead_ledger.sinks.sqlite import SqliteSink
from fairlead_proxy.contract.usage_record import BEGAN, SPOOLED
from fairlead_proxy.telemetry.spool import Spool

ROOM = 2**20


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    writer = Spool(tmp_path, "main-0", LONG_AGO_MS, ROOM)
    yield writer
    writer.close()


def spool_calls(spool: Spool, calls: list[str], *, first: bool) -> None:
    spool.counters[BEGAN] += len(calls)
    assert spool.append([kind_line(0)] if first else [], [entry_line(call) for call in calls], renew=first)


def has_spooled(spool: Spool, records: int) -> bool:
    return bool(spool.counters[SPOOLED] == records)


async def test_every_record_is_shipped(spool: Spool, tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    for batch in range(20):
        spool_calls(spool, [f"{batch:02}-{number:03}" for number in range(50)], first=batch == 0)
    await eventually(partial(has_spooled, spool, 1_000))
    await ship_until_empty(tmp_path, SqliteSink(path))
    assert query_of(str(path))("select count(*), sum(cost_nano) from fairlead_attempts") == [(1_000, 2_250_000_000)]
    assert report_of(tmp_path)["sqlite"]["lost"] == {}


async def test_what_went_for_want_of_room_is_counted_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    spool = Spool(tmp_path, "main-0", LONG_AGO_MS, ROOM)
    await ship_until_empty(tmp_path, SqliteSink(path))
    for batch in range(100):
        spool_calls(spool, [f"{batch:02}-{number:03}" for number in range(300)], first=batch == 0)
        await eventually(partial(has_spooled, spool, (batch + 1) * 300))
    began = spool.counters[BEGAN]
    spool.counters[BEGAN] += 2  # two more are under way when it is killed
    await asyncio.to_thread(spool.close)
    await ship_until_empty(tmp_path, SqliteSink(path))
    lost = report_of(tmp_path)["sqlite"]["lost"]
    ((shipped,),) = query_of(str(path))("select count(*) from fairlead_attempts")
    assert lost["killed"] == 2
    assert lost["spool-full"] > 0
    assert shipped + lost["spool-full"] == began
    assert query_of(str(path))("select sum(attempts) from fairlead_losses") == [(sum(lost.values()),)]
