"""A real PostgreSQL server for tests, from Debian's packages, that can be killed, frozen and started again."""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
from doubles.processes import eventually, free_port

USER = "fairlead"
PASSWORD = "secret-of-the-database"
T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine does, where there is no loop."""
    return asyncio.run(work)


def binary(name: str) -> str:
    """Return the newest of PostgreSQL's programs of this name; fail the test where there is none."""
    found = shutil.which(name)
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    assert found or versions, f"{name} is not installed, and these tests need it: apt-get install postgresql"
    return str(versions[-1]) if versions else str(found)


class PostgresServer:
    """One server on a loopback port. It does not run as root: PostgreSQL refuses that."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self._account = _account()
        self._databases = 0
        self._process: subprocess.Popen[bytes] | None = None
        data, password = directory / "data", directory / "password"
        password.write_text(PASSWORD)
        if self._account is not None:
            for path in (directory, password):
                os.chown(path, self._account.pw_uid, self._account.pw_gid)
        command = [binary("initdb"), "-D", str(data), "-U", USER, "-A", "scram-sha-256", "--pwfile", str(password)]
        with self._run_as() as told:
            made = subprocess.run([*command, "-E", "UTF8", "--no-locale", "-N"], **told, check=False)
        assert made.returncode == 0, (directory / "log").read_text()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = ["-c", f"port={self.port}", "-c", "listen_addresses=127.0.0.1", "-k", str(self.directory)]
        # What a killed server has committed must still be there: that is what the tests are about.
        options += ["-c", "fsync=on", "-c", "shared_buffers=16MB", "-c", "max_connections=20"]
        command = [binary("postgres"), "-D", str(self.directory / "data"), *options]
        with self._run_as() as told:
            self._process = subprocess.Popen(command, **told)
        eventually(lambda: self.query("select 1", database="postgres") == [(1,)], within=30)

    def kill(self) -> None:
        """End it as a power cut does, with every process that serves a connection."""
        for pid in [*self._serving(), self._pid()]:
            _send(pid, signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def freeze(self) -> None:
        """Stop it in its tracks: connections stay, and nothing answers."""
        for pid in [self._pid(), *self._serving()]:
            _send(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in [self._pid(), *self._serving()]:
            _send(pid, signal.SIGCONT)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.thaw()
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=20)

    def new_database(self) -> str:
        """Make an empty database; return its URL."""
        self._databases += 1
        name = f"ledger_{self._databases}"
        self.execute(f"create database {name}", database="postgres")
        return self.url(name)

    def url(self, database: str) -> str:
        return f"postgres://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, *, database: str) -> None:
        execute(self.url(database), statement)

    def query(self, statement: str, *, database: str) -> list[tuple[Any, ...]]:
        return query(self.url(database), statement)

    def _pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def _serving(self) -> list[int]:
        """Return the server's children: each leads a session of its own, so that no group holds them all."""
        children = Path(f"/proc/{self._pid()}/task/{self._pid()}/children")
        return [int(pid) for pid in children.read_text().split()]

    @contextmanager
    def _run_as(self) -> Iterator[dict[str, Any]]:
        with (self.directory / "log").open("ab") as out:
            told: dict[str, Any] = {"stdout": out, "stderr": out, "cwd": "/"}
            if self._account is not None:
                told |= {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}
            yield told


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server in a directory of its own, until the block ends."""
    directory = Path(tempfile.mkdtemp(prefix="fairlead-pg-"))
    try:
        server = PostgresServer(directory)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory)


def query(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Return the rows of a statement; raise OSError where the server, the database or the table is not there."""
    return run(_query(url, statement))


def execute(url: str, statement: str) -> None:
    """Run a statement that gives nothing back."""
    run(_execute(url, statement))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _query(url: str, statement: str) -> list[tuple[Any, ...]]:
    try:
        connection = await asyncpg.connect(url, timeout=5)
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()
    except asyncpg.PostgresError as error:
        raise ConnectionError(str(error)) from error


def _account() -> pwd.struct_passwd | None:
    """Return whose the server is where we are root: Debian's account for it, or nobody."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
