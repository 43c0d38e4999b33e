"""The ledger in one SQLite file; every method blocks, so that whoever has an event loop calls them in a thread."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from fairlead_ledger.store.batch import Batch
from fairlead_ledger.store.errors import StoreAbsent, StoreDown, StoreRefused, StoreTooNew
from fairlead_ledger.store.rollups import aside_of, fold, full_rows
from fairlead_ledger.store.schema import (
    CREATE_VERSION,
    KNOWN_VERSION,
    READ_VERSION,
    VERSION_TABLE,
    WRITE_VERSION,
    missing_migrations,
)
from fairlead_ledger.store.statements import SQLITE_ROWS, Statements

BUSY_SECONDS = 5.0
"""How long a writer waits for another one."""

_STATEMENTS = Statements(SQLITE_ROWS)


class _TakenBack(Exception):
    """Ends a transaction of which nothing is to be kept."""


class SqliteStore:
    """One file, open from the first use on; it is opened anew where another file has come to stand in its place."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    def open(self) -> None:
        """Be ready to be written to: made, and its tables up to date. Raises StoreDown, StoreTooNew."""
        if self._connection is not None and self._is_ours():
            return
        self.close()
        with self._told():
            if not self.path.exists():
                self._clear_leftovers()
            # SQLite would make the file readable for everyone.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            self._connection, self._inode = connection, self.path.stat().st_ino
            connection.execute("pragma journal_mode = wal")
            # What a cursor says is shipped must still be there after a power cut.
            connection.execute("pragma synchronous = full")
            self._migrate(connection)

    def add(self, batch: Batch) -> int:
        """Take a batch whole; return how many of its records are new. Raises StoreDown, StoreRefused, StoreTooNew."""
        self.open()
        with self._told(), self._transaction() as connection:
            return self._add(connection, batch)

    def would_take(self, batch: Batch) -> None:
        """Take a batch and take it back. Raises as `add` does."""
        self.open()
        with self._told(), contextlib.suppress(_TakenBack), self._transaction() as connection:
            self._add(connection, batch)
            raise _TakenBack

    def prune(self, statement: str, before_ms: int) -> int:
        """Delete one step of what is older; return how many rows went. Raises StoreDown, StoreTooNew."""
        self.open()
        with self._told(), self._transaction() as connection:
            return len(connection.execute(statement, {"1": before_ms}).fetchall())

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _add(self, connection: sqlite3.Connection, batch: Batch) -> int:
        new = {id for (id,) in connection.execute(_STATEMENTS.insert_attempts, {"1": _json(batch.records)})}
        if new:
            # Twice in one batch is once in the table.
            found = {record.id: record for record in batch.records if record.id in new}
            sums = fold(found.values())
            added = {key for (key,) in connection.execute(_STATEMENTS.add_rollups, {"1": _json(sums)})}
            if full := full_rows(sums, added):
                connection.execute(_STATEMENTS.set_aside, {"1": _json(full), "2": aside_of(new)})
                connection.execute(_STATEMENTS.add_rollups, {"1": _json(full)}).fetchall()
        if batch.losses:
            connection.execute(_STATEMENTS.add_losses, {"1": _json(batch.losses)})
        return len(new)

    def _clear_leftovers(self) -> None:
        """Remove the log of a file that was deleted: a new one would take it for its own."""
        for suffix in ("-wal", "-shm"):
            self.path.with_name(f"{self.path.name}{suffix}").unlink(missing_ok=True)

    def _is_ours(self) -> bool:
        try:
            return self.path.stat().st_ino == self._inode
        except OSError:
            return False

    def _migrate(self, connection: sqlite3.Connection) -> None:
        with self._transaction():
            connection.execute(CREATE_VERSION)
            (found,) = connection.execute(READ_VERSION).fetchone()
            if found > KNOWN_VERSION:
                raise StoreTooNew(str(self.path), found, KNOWN_VERSION)
            for number, steps in missing_migrations(found):
                for step in steps:
                    connection.execute(step)
                connection.execute(WRITE_VERSION, {"1": number})

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        assert self._connection is not None
        self._connection.execute("begin immediate")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("rollback")
            raise
        self._connection.execute("commit")

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Say what went wrong in our words; the next use opens the file anew."""
        try:
            yield
        except StoreTooNew:
            self.close()
            raise
        except (sqlite3.IntegrityError, sqlite3.DataError) as error:
            raise StoreRefused(f"{self.path}: {error}") from error
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise StoreDown(f"{self.path}: {error}") from error


def query_sqlite(path: Path, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return the rows of a query; nothing is written, made or migrated. Raises StoreAbsent, StoreTooNew, StoreDown."""
    if not path.is_file():
        raise StoreAbsent(f"{path}: there is no ledger here")
    try:
        connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=BUSY_SECONDS)
    except sqlite3.Error as error:
        raise StoreDown(f"{path}: {error}") from error
    try:
        tables = connection.execute(f"select 1 from sqlite_master where name = '{VERSION_TABLE}'")  # noqa: S608 (our own)
        found = connection.execute(READ_VERSION).fetchone()[0] if tables.fetchone() else 0
        if found > KNOWN_VERSION:
            raise StoreTooNew(str(path), found, KNOWN_VERSION)
        if not found:
            raise StoreAbsent(f"{path}: this is not a ledger")
        return connection.execute(statement, {str(place): value for place, value in enumerate(values, 1)}).fetchall()
    except sqlite3.Error as error:
        raise StoreDown(f"{path}: {error}") from error
    finally:
        connection.close()


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
