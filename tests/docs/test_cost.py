"""The guide to cost: its commands run, its queries work in both kinds of store, and its tables are complete."""

import asyncio
import shlex
import sqlite3
import time
from pathlib import Path

import pytest
import yaml
from docs.fences import Fence, read_fences, rows_below
from doubles.command_line import invoke
from doubles.postgres import postgres_server, query
from doubles.usage_records import usage_record

from fairlead_ledger.sinks.postgres import PostgresSink
from fairlead_ledger.sinks.sink import Sink
from fairlead_ledger.sinks.sqlite import SqliteSink
from fairlead_ledger.spending.focus import HEADER
from fairlead_ledger.store.batch import Batch, Reason
from fairlead_ledger.store.schema import MIGRATIONS, VERSION_TABLE
from fairlead_operator.resources.gateway import ModelGatewaySpec
from fairlead_proxy.contract.usage_record import Basis, UsageRecord

PAGE = "cost"
RECORDS = (
    usage_record("cheap", cost_nano=1),
    usage_record("dear", cost_nano=5),
    usage_record("dear", id="dear.2", attempt=2, cost_nano=6),
    usage_record("failed", outcome="StreamBroken", cost_nano=3),
)


def fences(language: str) -> list[Fence]:
    return [fence for fence in read_fences(PAGE) if fence.language == language]


def commands() -> list[str]:
    return [line for fence in fences("shell") for line in fence.text.splitlines()]


def names_below(heading: str) -> set[str]:
    """Return every name in the first column of the first table below a heading."""
    return {name.strip().strip("`") for row in rows_below(PAGE, heading) for name in row[0].split(",")}


async def fill(sink: Sink) -> None:
    now_ms = int(time.time() * 1000)
    await sink.open("")
    await sink.write(Batch((*RECORDS, usage_record("today", at=now_ms))))
    await sink.close()


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("guide") / "ledger.sqlite"
    asyncio.run(fill(SqliteSink(path)))
    return path


@pytest.mark.parametrize("command", commands())
def test_a_command_runs_as_it_stands_there(ledger: Path, command: str) -> None:
    program, *arguments = shlex.split(command)
    assert program == "fairlead"
    result = invoke(*arguments, environ={"FAIRLEAD_LEDGER_DATABASE": str(ledger)})
    assert result.exit_code == 0, result.stderr


def test_the_queries_answer_in_both_kinds_of_store(ledger: Path, tmp_path: Path) -> None:
    statements = [fence.text for fence in fences("sql")]
    connection = sqlite3.connect(ledger)
    found = [connection.execute(statement).fetchall() for statement in statements]
    connection.close()
    assert found[0][:2] == [("today", 2_250_000, 1), ("dear", 11, 2)]
    assert found[1] == [("default/openai", "StreamBroken", 1, 3)]
    with postgres_server() as server:
        url = server.new_database()
        (tmp_path / "url").write_text(url)
        asyncio.run(fill(PostgresSink(tmp_path / "url")))
        assert [query(url, statement) for statement in statements] == found


def test_the_gateway_that_is_shown_is_a_valid_one() -> None:
    (fence,) = fences("yaml")
    spec = ModelGatewaySpec.model_validate(yaml.safe_load(fence.text)["spec"])
    assert spec.ledger is not None
    assert spec.ledger.has_store


def test_every_field_of_a_record_is_listed() -> None:
    assert names_below("What is kept") == set(UsageRecord.__struct_fields__)


def test_every_basis_is_listed() -> None:
    assert names_below("Where tokens come from") == set(Basis)


def test_every_reason_of_a_loss_is_listed() -> None:
    assert names_below("What can be lost") == {str(reason) for reason in Reason}


def test_every_table_is_listed() -> None:
    made = {step.split()[2] for steps in MIGRATIONS for step in steps if step.split()[:2] == ["create", "table"]}
    assert names_below("PostgreSQL") == made | {VERSION_TABLE}


def test_the_columns_of_focus_that_are_explained_are_there() -> None:
    assert names_below("FOCUS") <= set(HEADER)
    assert {name for name in HEADER if name.startswith("x_")} <= names_below("FOCUS")
