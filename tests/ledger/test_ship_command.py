"""`fairlead-ledger ship` as a process: it is killed, its stores are killed and frozen, each record is there once."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from doubles.figures import Figures
from doubles.postgres import PostgresServer, postgres_server
from doubles.processes import eventually
from doubles.spool_writer import SpoolWriter
from ledger.conftest import query_of

LEDGER = [str(Path(sys.executable).parent / "fairlead-ledger")]
FAR = ["--retention", "1000000h", "--rollup-retention", "1000000h"]
"""The records of these tests are of 2023."""


class Shipper:
    """A running shipper of one spool; its log in `log`."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.spool, self.log = directory / "spool", directory / "ship.log"
        self._command = [*LEDGER, "ship", "--spool", str(self.spool), *FAR, *arguments]
        self.process = self._start()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        self.process = self._start()

    def end(self) -> int:
        """Ask it to end; return its exit code."""
        self.process.terminate()
        return self.process.wait(timeout=15)

    def report(self, sink: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.spool / "shipped.json").read_text())["sinks"][sink]
        return found

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(self._command, stdout=log, stderr=log)


@contextmanager
def shipper(directory: Path, *arguments: str) -> Iterator[Shipper]:
    running = Shipper(directory, *arguments)
    try:
        yield running
    finally:
        running.kill()


def calls_in_sqlite(path: Path) -> list[str]:
    return [call for (call,) in query_of(str(path))("select call from fairlead_attempts order by call")]


def calls_in_lines(path: Path) -> list[str]:
    return sorted(json.loads(line)["call"] for line in path.read_text().splitlines())


def number_in(database: str) -> int:
    ((number,),) = query_of(database)("select count(*) from fairlead_attempts")
    return int(number)


def test_what_is_spooled_is_in_every_store_within_a_second(tmp_path: Path, database: str, figures: Figures) -> None:
    (tmp_path / "url").write_text(database)
    sqlite, lines = tmp_path / "ledger.sqlite", tmp_path / "ledger.jsonl"
    stores = ["--sqlite", str(sqlite), "--json-lines", str(lines), "--postgres-file", str(tmp_path / "url")]
    with shipper(tmp_path, *stores) as running:
        eventually(lambda: all(running.report(name)["up"] for name in ("sqlite", "postgres", "json-lines")), within=15)
        writer = SpoolWriter(tmp_path / "spool")
        waits = []
        for number in range(5):
            writer.write(f"call-{number}")
            began = time.monotonic()
            eventually(lambda: number_in(str(sqlite)) == len(writer.calls), within=5, every=0.01)
            eventually(lambda: calls_in_lines(lines) == writer.calls, within=5, every=0.01)
            eventually(lambda: number_in(database) == len(writer.calls), within=5, every=0.01)
            waits.append(time.monotonic() - began)
        figures.hold("from the spool into three stores, at most", max(waits), bound=1.0)
        eventually(lambda: running.report("sqlite") == {**_ALL_WELL, "shipped": 5}, within=5)
        assert running.end() == 0
        writer.end()


_ALL_WELL = {"up": True, "error": "", "unshipped": 0, "lost": {}}


def test_sigterm_ships_what_is_there_and_ends_well(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "spool", segment_records=1_000)
    with shipper(tmp_path, "--sqlite", str(tmp_path / "l.sqlite")) as running:
        eventually(lambda: running.report("sqlite")["up"], within=15)
        writer.write(*(f"call-{number:05}" for number in range(5_000)))
        assert running.end() == 0
    writer.end()
    assert calls_in_sqlite(tmp_path / "l.sqlite") == writer.calls


def test_a_shipper_that_is_killed_again_and_again_loses_and_doubles_nothing(tmp_path: Path, database: str) -> None:
    (tmp_path / "url").write_text(database)
    sqlite, lines = tmp_path / "ledger.sqlite", tmp_path / "ledger.jsonl"
    stores = ["--sqlite", str(sqlite), "--json-lines", str(lines), "--postgres-file", str(tmp_path / "url")]
    writer = SpoolWriter(tmp_path / "spool", segment_records=200)
    with shipper(tmp_path, *stores) as running:
        for round_ in range(5):
            writer.write(*(f"call-{round_}-{number:04}" for number in range(700)))
            expected = len(writer.calls) - 700
            eventually(partial(_has_more, str(sqlite), expected), within=15, every=0.001)
            running.kill()
            running.restart()
        writer.end()
        eventually(lambda: not writer.directory.exists(), within=20)
        assert running.end() == 0
    assert calls_in_sqlite(sqlite) == calls_in_lines(lines) == writer.calls
    assert number_in(database) == len(writer.calls)
    assert query_of(database)("select sum(attempts) from fairlead_rollups") == [(len(writer.calls),)]


def test_a_store_that_is_named_again_is_not_told_of_losses_that_are_none(tmp_path: Path) -> None:
    sqlite, lines = ["--sqlite", str(tmp_path / "l.sqlite")], ["--json-lines", str(tmp_path / "l.jsonl")]
    writer = SpoolWriter(tmp_path / "spool", segment_records=3)
    for stores, names in ((lines, ["json-lines"]), (sqlite, ["sqlite"]), (lines + sqlite, ["json-lines", "sqlite"])):
        writer.write(*(f"call-{len(writer.calls) + number:02}" for number in range(8)))
        with shipper(tmp_path, *stores) as running:
            eventually(lambda: len(writer.segments()) == 1, within=15)
            assert running.end() == 0
            assert [running.report(name)["lost"] for name in names] == [{} for _ in names]
    writer.end()
    assert calls_in_sqlite(tmp_path / "l.sqlite") == writer.calls[6:]
    assert calls_in_lines(tmp_path / "l.jsonl") == [*writer.calls[:8], *writer.calls[15:]]


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server that may be killed."""
    with postgres_server() as server:
        yield server


def test_a_database_that_is_killed_and_frozen_holds_up_nobody_and_loses_nothing(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    database = own_postgres.new_database()
    (tmp_path / "url").write_text(database)
    sqlite = tmp_path / "ledger.sqlite"
    writer = SpoolWriter(tmp_path / "spool", segment_records=50)
    with shipper(tmp_path, "--sqlite", str(sqlite), "--postgres-file", str(tmp_path / "url")) as running:

        def write_and_see(name: str, within: float) -> None:
            writer.write(*(f"{name}-{number:03}" for number in range(120)))
            eventually(lambda: number_in(str(sqlite)) == len(writer.calls), within=within)

        write_and_see("before", 15)
        eventually(lambda: number_in(database) == 120, within=15)
        own_postgres.kill()
        write_and_see("killed", 3)
        eventually(lambda: running.report("sqlite") == {**_ALL_WELL, "shipped": 240}, within=5)
        eventually(lambda: running.report("postgres")["unshipped"] == 120, within=5)
        eventually(lambda: not running.report("postgres")["up"], within=5)
        own_postgres.start()
        eventually(lambda: number_in(database) == 240, within=30)
        own_postgres.freeze()
        write_and_see("frozen", 3)
        eventually(lambda: running.report("postgres")["error"].endswith("no answer in time"), within=20)
        own_postgres.thaw()
        eventually(lambda: number_in(database) == 360, within=30)
        eventually(lambda: running.report("postgres") == {**_ALL_WELL, "shipped": 360}, within=15)
        assert running.end() == 0
    writer.end()
    assert query_of(database)("select call from fairlead_attempts order by call") == [
        (call,) for call in sorted(writer.calls)
    ]
    assert query_of(database)("select sum(attempts), sum(cost_nano) from fairlead_rollups") == [(360, 360 * 2_250_000)]


def test_a_database_that_comes_later_than_the_shipper_gets_everything(postgres: PostgresServer, tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "spool")
    writer.write("early")
    with shipper(tmp_path, "--postgres-file", str(tmp_path / "url")) as running:
        eventually(lambda: "cannot be read" in running.report("postgres")["error"], within=15)
        database = postgres.new_database()
        (tmp_path / "url").write_text(database)
        eventually(lambda: running.report("postgres") == {**_ALL_WELL, "shipped": 1}, within=15)
        assert number_in(database) == 1
        assert running.end() == 0
    writer.end()


def test_records_go_to_the_standard_output_and_the_log_does_not(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "spool")
    writer.write("a", "b")
    command = [*LEDGER, "ship", "--spool", str(tmp_path / "spool"), "--json-lines", "-"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    found = [json.loads(process.stdout.readline())["call"] for _ in range(2)]
    process.terminate()
    rest, _ = process.communicate(timeout=15)
    writer.end()
    assert (found, rest, process.returncode) == (["a", "b"], b"", 0)


def test_a_reader_that_does_not_read_does_not_keep_it_from_ending(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "spool", segment_records=1_000)
    writer.write(*(f"call-{number}" for number in range(2_000)))
    command = [*LEDGER, "ship", "--spool", str(tmp_path / "spool"), "--json-lines", "-"]
    command += ["--sqlite", str(tmp_path / "l.sqlite"), *FAR]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    eventually(lambda: number_in(str(tmp_path / "l.sqlite")) == 2_000, within=15)
    process.terminate()
    assert process.wait(timeout=15) == 0
    assert process.stdout is not None
    process.stdout.close()
    writer.end()


def test_a_second_shipper_waits_until_the_first_has_ended(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "spool")
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "spool").symlink_to(tmp_path / "spool")
    with shipper(tmp_path, "--sqlite", str(tmp_path / "l.sqlite")) as first:
        eventually(lambda: first.report("sqlite")["up"], within=15)
        with shipper(tmp_path / "second", "--sqlite", str(tmp_path / "l.sqlite")) as second:
            eventually(lambda: "another shipper has this spool" in second.log.read_text(), within=15)
            first.kill()
            writer.write("a")
            eventually(lambda: number_in(str(tmp_path / "l.sqlite")) == 1, within=15)
            assert second.end() == 0
    writer.end()


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    command = [*LEDGER, "ship", "--spool", str(tmp_path / "spool"), "--sqlite", str(tmp_path / "l.sqlite")]
    command += ["--die-with-parent", *FAR]
    program = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen(sys.argv[1:])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, *command], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    eventually(lambda: (tmp_path / "spool" / "shipped.json").exists(), within=15)
    parent.kill()
    parent.communicate()
    eventually(lambda: not _runs(pid), within=15)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "no store is named; give at least one of --sqlite, --postgres-file, --json-lines, --otlp"),
        (["--otlp", "collector:4318"], "--otlp collector:4318: is no URL of a receiver; write it like http://"),
        (["--sqlite", "l", "--retention", "9 days"], "'9 days' is not a duration; write it like 90s or 2160h"),
        (["--sqlite", "l", "--spool-limit-mib", "0"], "'0' is not a number above 0"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_remedy(tmp_path: Path, arguments: list[str], told: str) -> None:
    command = [*LEDGER, "ship", "--spool", str(tmp_path / "spool"), *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=15, check=False)
    assert ran.returncode == 2
    assert told in ran.stderr


def test_a_spool_that_cannot_be_written_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    command = [*LEDGER, "ship", "--spool", str(tmp_path / "spool"), "--sqlite", str(tmp_path / "l")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=15, check=False)
    assert ran.returncode == 2
    assert "give the directory that the proxies spool to" in ran.stderr


def test_the_version_is_told_at_once(figures: Figures) -> None:
    def seconds() -> float:
        began = time.monotonic()
        ran = subprocess.run([*LEDGER, "--version"], capture_output=True, text=True, check=True)
        assert ran.stdout.startswith("fairlead-ledger ")
        return time.monotonic() - began

    figures.hold("fairlead-ledger --version", min(seconds() for _ in range(5)), bound=0.15)


def _has_more(database: str, number: int) -> bool:
    return number_in(database) > number


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
