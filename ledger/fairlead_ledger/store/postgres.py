"""The ledger in a PostgreSQL database that several proxies may write to; every wait has a deadline."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import msgspec

from fairlead_ledger.store.batch import Batch
from fairlead_ledger.store.errors import StoreAbsent, StoreDown, StoreError, StoreRefused, StoreTooNew
from fairlead_ledger.store.rollups import aside_of, fold, full_rows
from fairlead_ledger.store.schema import (
    CREATE_VERSION,
    KNOWN_VERSION,
    READ_VERSION,
    VERSION_TABLE,
    WRITE_VERSION,
    missing_migrations,
)
from fairlead_ledger.store.statements import POSTGRES_ROWS, Statements

CONNECT_SECONDS = 4.0
COMMAND_SECONDS = 5.0
"""A server that is frozen keeps its connections: only a deadline tells."""

MIGRATION_LOCK = 0x666C6564
"""The advisory lock under which tables are made: several proxies start at once. Any number that nobody else takes."""

DATA_ERRORS = frozenset({"22", "23", "54"})
"""The classes of errors that lie in what was given: data exceptions, violated constraints, exceeded limits.

Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

SCHEMES = ("postgres", "postgresql")

_STATEMENTS = Statements(POSTGRES_ROWS)
# Not to_regclass: after waiting for the lock it may answer from before.
_HAS_VERSION = f"select exists (select 1 from pg_class where relname = '{VERSION_TABLE}' and pg_table_is_visible(oid))"  # noqa: S608


class PostgresStore:
    """One connection, made at the first use and again after any trouble."""

    def __init__(self, url: str) -> None:
        """Raises StoreDown where this is no address; see address_of."""
        self.url = url
        self.where = address_of(url)
        self._connection: Any = None

    async def open(self) -> None:
        """Be ready to be written to: connected, and its tables up to date. Raises StoreDown, StoreTooNew."""
        if self._connection is not None and not self._connection.is_closed():
            return
        async with self._told():
            await self._connect()
            if await self._version() != KNOWN_VERSION:
                await self._migrate()

    async def add(self, batch: Batch) -> int:
        """Take a batch whole; return how many of its records are new. Raises StoreDown, StoreRefused, StoreTooNew."""
        await self.open()
        async with self._told(), self._connection.transaction():
            return await self._add(batch)

    async def would_take(self, batch: Batch) -> None:
        """Take a batch and take it back. Raises as `add` does."""
        await self.open()
        async with self._told():
            transaction = self._connection.transaction()
            await transaction.start()
            try:
                await self._add(batch)
            finally:
                await transaction.rollback()

    async def prune(self, statement: str, before_ms: int) -> int:
        """Delete one step of what is older; return how many rows went. Raises StoreDown, StoreTooNew."""
        await self.open()
        async with self._told():
            return len(await self._connection.fetch(statement, before_ms))

    async def query(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return the rows of a query; nothing is made or migrated. Raises StoreAbsent, StoreTooNew, StoreDown."""
        async with self._told():
            await self._connect()
            version = await self._version()
            if version > KNOWN_VERSION:
                raise StoreTooNew(self.where, version, KNOWN_VERSION)
            if version < KNOWN_VERSION:
                raise StoreAbsent(f"{self.where}: no proxy has kept a ledger here yet")
            return [tuple(row) for row in await self._connection.fetch(statement, *values)]

    def close(self) -> None:
        """Let go of the connection at once: what was not committed is not there."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _add(self, batch: Batch) -> int:
        found = await self._connection.fetch(_STATEMENTS.insert_attempts, _json(batch.records))
        new = {row[0] for row in found}
        if new:
            # Twice in one batch is once in the table.
            records = {record.id: record for record in batch.records if record.id in new}
            sums = fold(records.values())
            added = {row[0] for row in await self._connection.fetch(_STATEMENTS.add_rollups, _json(sums))}
            if full := full_rows(sums, added):
                await self._connection.execute(_STATEMENTS.set_aside, _json(full), aside_of(new))
                await self._connection.execute(_STATEMENTS.add_rollups, _json(full))
        if batch.losses:
            await self._connection.execute(_STATEMENTS.add_losses, _json(batch.losses))
        return len(new)

    async def _connect(self) -> None:
        self.close()
        # No prepared statements are kept, so that a pooler that shares connections may stand between.
        self._connection = await asyncpg.connect(
            self.url,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            statement_cache_size=0,
            server_settings={"application_name": "fairlead-ledger"},
        )

    async def _version(self) -> int:
        if not await self._connection.fetchval(_HAS_VERSION):
            return 0
        found: int = await self._connection.fetchval(READ_VERSION)
        return found

    async def _migrate(self) -> None:
        async with self._connection.transaction():
            await self._connection.execute("select pg_advisory_xact_lock($1)", MIGRATION_LOCK)
            found = await self._version()
            if found > KNOWN_VERSION:
                raise StoreTooNew(self.where, found, KNOWN_VERSION)
            await self._connection.execute(CREATE_VERSION)
            for number, steps in missing_migrations(found):
                for step in steps:
                    await self._connection.execute(step)
                await self._connection.execute(WRITE_VERSION, number)

    @contextlib.asynccontextmanager
    async def _told(self) -> AsyncIterator[None]:
        """Say what went wrong in our words; the next use connects anew."""
        try:
            yield
        except StoreError:
            self.close()
            raise
        except asyncpg.PostgresError as error:
            if str(error.sqlstate)[:2] in DATA_ERRORS:
                raise StoreRefused(f"{self.where}: {error}") from error
            self.close()
            raise StoreDown(f"{self.where}: {error}") from error
        except (asyncpg.InterfaceError, OSError, ValueError) as error:
            self.close()
            told = "no answer in time" if isinstance(error, TimeoutError) else str(error)
            raise StoreDown(f"{self.where}: {told or type(error).__name__}") from error
        except asyncio.CancelledError:
            self.close()
            raise


def address_of(url: str) -> str:
    """Return a postgres:// URL without its user and password. Raises StoreDown, quoting nothing of it."""
    host, port, path, known = "", 0, "", False
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        host, port, path = parts.hostname or "localhost", parts.port or 5432, parts.path.lstrip("/")
        # With an @ further on, what comes before it is a piece of a password.
        known = parts.scheme in SCHEMES and "@" not in parts.path + parts.query + parts.fragment
    if not known:
        raise StoreDown(
            "this is no address of a database; write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE, "
            "and characters of a password that stand for something in a URL as %XX"
        )
    return f"postgres://{host}:{port}/{path}"


def _json(value: Any) -> str:
    # PostgreSQL's texts hold no NUL; a name that has one must not hold up all others.
    return msgspec.json.encode(value).decode().replace("\\u0000", "\\ufffd")
