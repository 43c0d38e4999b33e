"""Asks a store: a path is an SQLite file, a postgres:// URL a PostgreSQL database."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fairlead_ledger.spending.answer import Answer, answer_of, group_columns
from fairlead_ledger.spending.focus import FOCUS_GROUPS, focus_rows
from fairlead_ledger.spending.question import Spending, losses_of, statement_of
from fairlead_ledger.store.postgres import SCHEMES, PostgresStore
from fairlead_ledger.store.sqlite import query_sqlite

Statement = tuple[str, Sequence[Any]]


def ask(database: str, question: Spending) -> Answer:
    """Return the answer of a store. Raises StoreError."""
    rows, losses = _query(database, statement_of(question, group_columns(question)), losses_of(question))
    return answer_of(question, rows, losses)


def ask_focus(database: str, question: Spending) -> list[dict[str, str]]:
    """Return the charges of a question in FOCUS's columns. Raises StoreError."""
    (rows,) = _query(database, statement_of(question, FOCUS_GROUPS))
    return focus_rows(rows)


def _query(database: str, *statements: Statement) -> list[list[tuple[Any, ...]]]:
    if database.partition("://")[0] in SCHEMES:
        return asyncio.run(_query_postgres(database, statements))
    return [query_sqlite(Path(database), *statement) for statement in statements]


async def _query_postgres(url: str, statements: Sequence[Statement]) -> list[list[tuple[Any, ...]]]:
    store = PostgresStore(url)
    try:
        return [await store.query(*statement) for statement in statements]
    finally:
        store.close()
