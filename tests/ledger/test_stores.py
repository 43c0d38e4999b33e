"""SQLite and PostgreSQL keep the same tables by the same rules: doubles change nothing, what is newer is refused."""

import asyncio
import concurrent.futures
from pathlib import Path

import pytest
from doubles.postgres import PostgresServer
from doubles.spool_writer import LONG_AGO_MS
from doubles.usage_records import usage_record
from ledger.conftest import execute_in, query_of
from msgspec import structs

from fairlead_ledger.sinks.postgres import PostgresSink
from fairlead_ledger.sinks.sink import Kept, Sink, SinkDown
from fairlead_ledger.sinks.sqlite import SqliteSink
from fairlead_ledger.spending.asking import ask
from fairlead_ledger.spending.choices import By
from fairlead_ledger.spending.question import spending
from fairlead_ledger.store.batch import Batch, Loss, Reason
from fairlead_ledger.store.errors import StoreDown
from fairlead_ledger.store.postgres import address_of
from fairlead_ledger.store.rollups import HOUR_MS

SUMS = "select sum(attempts), sum(cost_nano), sum(input_tokens) from fairlead_rollups"
RECORDS = "select count(*), sum(cost_nano), sum(input_tokens) from fairlead_attempts"


def sink_for(store_url: str, directory: Path) -> Sink:
    if not store_url.startswith("postgres://"):
        return SqliteSink(Path(store_url))
    file = directory / "url"
    file.write_text(f"{store_url}\n")
    return PostgresSink(file)


async def write(store_url: str, directory: Path, *batches: Batch) -> None:
    """Give a store these batches, through a sink of its own."""
    sink = sink_for(store_url, directory)
    for batch in batches:
        await sink.open("")
        await sink.write(batch)
    await sink.close()


async def test_records_and_sums_hold_the_same(store_url: str, tmp_path: Path) -> None:
    records = tuple(usage_record(f"call-{number}", input_tokens=number) for number in range(100))
    await write(store_url, tmp_path, Batch(records))
    asked = query_of(store_url)
    expected = [(100, 225_000_000, 4_950)]
    assert await asyncio.to_thread(asked, RECORDS) == await asyncio.to_thread(asked, SUMS) == expected


async def test_doubles_change_nothing(store_url: str, tmp_path: Path) -> None:
    first = Batch(tuple(usage_record(f"call-{number}") for number in range(10)))
    second = Batch(tuple(usage_record(f"call-{number}") for number in range(5, 15)))
    await write(store_url, tmp_path, first, second, first, second)
    asked = query_of(store_url)
    expected = [(15, 33_750_000, 15_000)]
    assert await asyncio.to_thread(asked, RECORDS) == await asyncio.to_thread(asked, SUMS) == expected


async def test_a_record_that_is_twice_in_a_batch_counts_once(store_url: str, tmp_path: Path) -> None:
    await write(store_url, tmp_path, Batch((usage_record("a"), usage_record("a"))))
    assert await asyncio.to_thread(query_of(store_url), SUMS) == [(1, 2_250_000, 1_000)]


async def test_every_field_comes_back_as_it_was(store_url: str, tmp_path: Path) -> None:
    record = usage_record("a", cost_nano=None, caller='O\'Brien "quoted" ünïcode', reasoning_tokens=7, currency="")
    await write(store_url, tmp_path, Batch((record,)))
    names = ", ".join(record.__struct_fields__)
    (row,) = await asyncio.to_thread(query_of(store_url), f"select {names} from fairlead_attempts")
    assert row == tuple(getattr(record, name) for name in record.__struct_fields__)


async def test_the_greatest_number_that_the_spool_lets_through_is_kept_exactly(store_url: str, tmp_path: Path) -> None:
    await write(store_url, tmp_path, Batch((usage_record("a", input_tokens=10**12, cost_nano=10**15),)))
    assert await asyncio.to_thread(query_of(store_url), SUMS) == [(1, 10**15, 10**12)]


async def test_sums_that_no_row_can_hold_are_kept_exactly(store_url: str, tmp_path: Path) -> None:
    batches = [
        Batch(
            tuple(
                usage_record(f"call-{batch}-{number}", input_tokens=10**12, cost_nano=10**15 - 1)
                for number in range(1_000)
            )
        )
        for batch in range(20)
    ]
    await write(store_url, tmp_path, *batches, *batches)
    answer = await asyncio.to_thread(ask, store_url, spending(By.NAMESPACE, 0, 2 * LONG_AGO_MS))
    (row,) = answer.rows
    assert (row.attempts, row.cost_nano, row.input_tokens) == (20_000, 20_000 * (10**15 - 1), 20_000 * 10**12)
    assert answer.losses == {}
    rows = await asyncio.to_thread(query_of(store_url), "select attempts, cost_nano from fairlead_rollups")
    assert all(isinstance(cost, int) and cost == attempts * (10**15 - 1) for attempts, cost in rows)


async def test_a_row_that_is_full_holds_up_no_other(store_url: str, tmp_path: Path) -> None:
    dear = tuple(usage_record(f"dear-{number}", cost_nano=10**15) for number in range(1_000))
    batches = [
        Batch((*(structs.replace(record, id=f"{batch}.{record.id}") for record in dear), usage_record(f"{batch}")))
        for batch in range(10)
    ]
    await write(store_url, tmp_path, *batches, Batch((usage_record("other", namespace="team-b"),)))
    rows = (await asyncio.to_thread(ask, store_url, spending(By.NAMESPACE, 0, 2 * LONG_AGO_MS))).rows
    assert [(row.key, row.attempts, row.cost_nano) for row in rows] == [
        (("team-a",), 10_010, 10**19 + 22_500_000),
        (("team-b",), 1, 2_250_000),
    ]


async def test_a_name_that_the_database_cannot_hold_does_not_stop_the_others(store_url: str, tmp_path: Path) -> None:
    await write(store_url, tmp_path, Batch((usage_record("a", caller="nul\0nul"), usage_record("b"))))
    assert await asyncio.to_thread(query_of(store_url), SUMS) == [(2, 4_500_000, 2_000)]


async def test_a_loss_that_has_grown_counts_once(store_url: str, tmp_path: Path) -> None:
    def loss(attempts: int) -> Batch:
        return Batch((), (Loss(id="x", at=LONG_AGO_MS, proxy="p-1", reason=Reason.SPOOL_FULL, attempts=attempts),))

    await write(store_url, tmp_path, loss(3), loss(5), loss(5), loss(4))
    assert await asyncio.to_thread(query_of(store_url), "select sum(attempts) from fairlead_losses") == [(5,)]


async def test_a_store_that_a_newer_version_has_changed_is_left_alone(store_url: str, tmp_path: Path) -> None:
    await write(store_url, tmp_path, Batch((usage_record("a"),)))
    await asyncio.to_thread(execute_in, store_url, "insert into fairlead_schema (version) values (99)")
    sink = sink_for(store_url, tmp_path)
    with pytest.raises(SinkDown, match=r"its tables are of version 99, .* upgrade Fairlead here too"):
        await sink.open("")
    await sink.close()


async def test_what_is_too_old_goes_and_the_sums_stay_as_long_as_they_may(store_url: str, tmp_path: Path) -> None:
    records = tuple(usage_record(f"call-{hour}", at=LONG_AGO_MS + hour * HOUR_MS) for hour in range(10))
    sink = sink_for(store_url, tmp_path)
    await sink.open("")
    await sink.write(Batch(records))
    kept = Kept(attempts_from=LONG_AGO_MS + 6 * HOUR_MS, sums_from=LONG_AGO_MS + 2 * HOUR_MS)
    assert not await sink.prune(kept)
    await sink.close()
    asked = query_of(store_url)
    assert await asyncio.to_thread(asked, "select count(*) from fairlead_attempts") == [(4,)]
    assert await asyncio.to_thread(asked, "select count(*) from fairlead_rollups") == [(7,)]


async def test_pruning_goes_in_steps_and_says_whether_there_is_more(store_url: str, tmp_path: Path) -> None:
    sink = sink_for(store_url, tmp_path)
    await sink.open("")
    await sink.write(Batch(tuple(usage_record(f"call-{number}") for number in range(1_500))))
    kept = Kept(attempts_from=LONG_AGO_MS + 1, sums_from=0)
    assert [await sink.prune(kept), await sink.prune(kept)] == [True, False]
    await sink.close()
    assert await asyncio.to_thread(query_of(store_url), RECORDS) == [(0, None, None)]


def test_several_may_make_the_tables_and_add_to_them_at_once(database: str, tmp_path: Path) -> None:
    def one(number: int) -> None:
        directory = tmp_path / str(number)
        directory.mkdir()
        batches = [
            Batch(tuple(usage_record(f"{number}-{batch}-{each}", namespace=f"n{each % 5}") for each in range(20)))
            for batch in range(10)
        ]
        asyncio.run(write(database, directory, *batches))

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        list(threads.map(one, range(4)))
    assert query_of(database)(SUMS) == query_of(database)(RECORDS) == [(800, 1_800_000_000, 800_000)]


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    asyncio.run(write(str(tmp_path / "l.sqlite"), tmp_path, Batch((usage_record("a"),))))
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("l.sqlite*")} == {0o600}


async def test_a_file_that_was_deleted_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    sink = SqliteSink(path)
    for call in ("a", "b"):
        await sink.open("")
        await sink.write(Batch((usage_record(call),)))
        assert query_of(str(path))("select call from fairlead_attempts") == [(call,)]
        path.unlink()
    await sink.close()


async def test_a_file_that_is_no_database_is_told_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_text("these are only words, and many of them " * 10)
    sink = SqliteSink(path)
    with pytest.raises(SinkDown, match=r"ledger\.sqlite: file is not a database"):
        await sink.open("")
    await sink.close()


async def test_a_directory_that_is_not_there_is_told_with_its_path(tmp_path: Path) -> None:
    sink = SqliteSink(tmp_path / "none" / "ledger.sqlite")
    with pytest.raises(SinkDown, match=r"none/ledger\.sqlite: .*No such file or directory"):
        await sink.open("")
    await sink.close()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "cannot be read"),
        ("", "is empty; put postgres://USER:PASSWORD@HOST:PORT/DATABASE there"),
        ("mysql://u:top-secret@db/x", "this is no address of a database"),
        ("postgres://u:top/secret@db/x", "characters of a password that stand for something in a URL as %XX"),
        ("postgres://u:1/secret@db/x", "characters of a password that stand for something in a URL as %XX"),
    ],
)
async def test_an_address_that_cannot_be_used_is_told_without_the_password(
    tmp_path: Path, text: str | None, told: str
) -> None:
    file = tmp_path / "url"
    if text is not None:
        file.write_text(text)
    with pytest.raises(SinkDown) as caught:
        await PostgresSink(file).open("")
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_database_that_refuses_the_password_is_told_without_it(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    file = tmp_path / "url"
    file.write_text(postgres.url("postgres").replace("secret-of", "wrong-one"))
    with pytest.raises(SinkDown) as caught:
        await PostgresSink(file).open("")
    assert f"postgres://127.0.0.1:{postgres.port}/postgres: password authentication failed" in str(caught.value)
    assert "wrong-one" not in str(caught.value)


async def test_an_address_that_has_changed_is_used_from_the_next_batch_on(
    postgres: PostgresServer, database: str, tmp_path: Path
) -> None:
    other = await asyncio.to_thread(postgres.new_database)
    file = tmp_path / "url"
    sink = PostgresSink(file)
    for url, call in ((database, "a"), (other, "b")):
        file.write_text(url)
        await sink.open("")
        await sink.write(Batch((usage_record(call),)))
    await sink.close()
    calls = "select call from fairlead_attempts"
    assert await asyncio.to_thread(query_of(database), calls) == [("a",)]
    assert await asyncio.to_thread(query_of(other), calls) == [("b",)]


def test_an_address_is_shown_without_user_and_password() -> None:
    assert address_of("postgres://u:p%40w@db.example:6432/ledger?sslmode=require") == (
        "postgres://db.example:6432/ledger"
    )
    with pytest.raises(StoreDown):
        address_of("postgres://u:p@db:port/x")
