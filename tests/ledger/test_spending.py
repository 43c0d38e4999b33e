"""The same question has the same answer from SQLite and from PostgreSQL, to the last character."""

import asyncio
from pathlib import Path

import pytest
from doubles.command_line import invoke
from doubles.postgres import PostgresServer
from doubles.spool_writer import LONG_AGO_MS
from doubles.usage_records import usage_record

from fairlead_ledger.sinks.postgres import PostgresSink
from fairlead_ledger.sinks.sink import Sink
from fairlead_ledger.sinks.sqlite import SqliteSink
from fairlead_ledger.store.batch import Batch, Loss, Reason

RECORDS = tuple(
    usage_record(
        f"call-{number}",
        at=LONG_AGO_MS + number * 600_000,
        namespace=f"team-{number % 3}",
        caller=f"app-{number % 4}",
        rule=f"rule-{number % 2}",
        basis=("reported", "estimated", "unbilled")[number % 3],
        cost_nano=None if number % 7 == 0 else number * 12_345_678_901,
        currency="EUR" if number % 5 == 0 else "USD",
        cached_input_tokens=number,
    )
    for number in range(60)
)
LOSS = Loss(id="main-0-1/7", at=LONG_AGO_MS, proxy="main-0-1", reason=Reason.SPOOL_FULL, attempts=9)
TIME = ("--since", "2023-11-14T22:00:00Z", "--until", "2023-11-16")


@pytest.fixture(scope="module")
def both(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """An SQLite file and a database that hold the same."""
    directory: Path = tmp_path_factory.mktemp("both")
    path, url = directory / "ledger.sqlite", postgres.new_database()
    (directory / "url").write_text(url)

    async def fill(sink: Sink) -> None:
        await sink.open("")
        await sink.write(Batch(RECORDS, (LOSS,)))
        await sink.close()

    for sink in (SqliteSink(path), PostgresSink(directory / "url")):
        asyncio.run(fill(sink))
    return str(path), url


@pytest.mark.parametrize("form", ["table", "csv", "json", "focus"])
@pytest.mark.parametrize("by", ["namespace", "route", "provider", "model", "caller"])
def test_both_stores_answer_alike(both: tuple[str, str], by: str, form: str) -> None:
    answers = [invoke("cost", "--database", store, "--by", by, "--format", form, *TIME) for store in both]
    assert [answer.exit_code for answer in answers] == [0, 0], answers[1].stderr
    assert answers[0].stdout == answers[1].stdout
    assert "team-1" in invoke("cost", "--database", both[1], *TIME, "-n", "team-1").stdout


def test_a_database_without_a_ledger_is_refused_with_the_remedy(postgres: PostgresServer) -> None:
    result = invoke("cost", "--database", postgres.new_database())
    assert result.exit_code == 2
    assert "no proxy has kept a ledger here yet; start fairlead run, or name the ledger" in result.stderr
    assert "secret" not in result.stderr
