"""One PostgreSQL server for the tests of the ledger, and the stores that they all run against."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from doubles.postgres import PostgresServer, execute, postgres_server, query

Query = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    """The URL of an empty database."""
    return postgres.new_database()


def query_of(database: str) -> Query:
    """Return how the tests look into a store, past everything of the product.

    It raises ConnectionError where there is no store, or none of its tables.
    """

    def ask(statement: str) -> list[tuple[Any, ...]]:
        if database.startswith("postgres://"):
            return query(database, statement)
        connection = sqlite3.connect(database)
        try:
            return connection.execute(statement).fetchall()
        except sqlite3.OperationalError as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()

    return ask


def execute_in(database: str, statement: str) -> None:
    """Change a store, past everything of the product."""
    if database.startswith("postgres://"):
        execute(database, statement)
        return
    connection = sqlite3.connect(database)
    try:
        connection.execute(statement)
        connection.commit()
    finally:
        connection.close()


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store may be: both kinds keep the same tables by the same rules."""
    if request.param == "sqlite":
        return str(tmp_path / "ledger.sqlite")
    url: str = request.getfixturevalue("database")
    return url
