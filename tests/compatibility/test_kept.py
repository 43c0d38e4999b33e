"""The stored objects of every version that is kept are read by the code at hand, and mean what they meant then."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from compatibility import keep as keeping
from compatibility import making, meaning
from compatibility.kept import DIGESTS, KEPT, append_digests, changed, versions
from doubles.mounted_config import PlainDirectory
from doubles.postgres import PostgresServer, postgres_server
from doubles.processes import eventually, standalone
from doubles.proxy_process import proxy_process
from doubles.usage_records import usage_record

from fairlead_ledger.sinks.postgres import PostgresSink
from fairlead_ledger.store.batch import Batch

FAR = ["--retention", "1000000h", "--rollup-retention", "1000000h"]
TENANT = "default"


@pytest.fixture(params=versions())
def version(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of what is kept of a version: looking alone makes SQLite write beside its file."""
    return Path(shutil.copytree(KEPT / str(request.param), tmp_path / "kept"))


@pytest.fixture
def recorded(version: Path) -> Mapping[str, Any]:
    """What the version itself read in its stored objects."""
    found: Mapping[str, Any] = json.loads((version / keeping.RECORDED).read_text())
    return found


@pytest.fixture
def state(version: Path, tmp_path: Path) -> Path:
    """A copy of the version's state directory, where a standalone run looks for it."""
    return Path(shutil.copytree(version / "state", tmp_path / "state"))


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


def test_a_version_is_kept() -> None:
    assert versions()


def test_what_is_kept_is_as_it_was_when_it_was_kept() -> None:
    assert changed() == []


def test_a_change_a_loss_and_a_stowaway_are_noticed(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / "1" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "1" / name).write_text(name)
    append_digests(tmp_path, ("1/a", "1/b", "1/c"))
    assert changed(tmp_path) == []
    (tmp_path / "1" / "a").write_text("other")
    (tmp_path / "1" / "b").unlink()
    (tmp_path / "1" / "d").write_text("d")
    assert changed(tmp_path) == ["1/a", "1/b", "1/d"]


@pytest.mark.parametrize("part", ["resources", "compilations", "published", "messages", "state", "ledger"])
def test_what_was_stored_means_what_it_meant(version: Path, recorded: Mapping[str, Any], part: str) -> None:
    read: Mapping[str, Any] = json.loads(json.dumps(keeping.recorded_now(version)[part]))
    assert read
    assert read == recorded[part]


def test_a_proxy_serves_what_an_older_operator_has_mounted(version: Path, tmp_path: Path) -> None:
    mounted = Path(shutil.copytree(version / "mounted", tmp_path / "config"))
    revision = json.loads((mounted / "index.json").read_text())["revision"]
    with proxy_process(tmp_path, config=PlainDirectory(mounted)) as proxy:
        answer = proxy.call()
        told = proxy.admin("/report", {"after": 0, "wait_seconds": 0})
    assert answer["choices"][0]["message"]["content"]
    assert (told["revision"], told["refused"]) == (revision, [])


def test_a_proxy_answers_what_an_older_operator_asks(version: Path, tmp_path: Path) -> None:
    request = json.loads((version / "request.json").read_text()) | {"after": 0, "wait_seconds": 0}
    with proxy_process(tmp_path) as proxy:
        told = proxy.admin("/report", request)
    assert told["ready"] is True
    assert set(told["fragments"]) == {
        "ModelGateway/default/main",
        "ModelProvider/default/sim",
        "RoutePolicy/default/chat",
    }


def test_a_standalone_run_goes_on_from_an_older_state_directory(
    version: Path, recorded: Mapping[str, Any], state: Path, tmp_path: Path
) -> None:
    before = meaning.of_ledger(str(state / "ledger.sqlite"))["rows"][TENANT]
    with standalone(tmp_path, "-f", str(version / "objects.yaml")) as gateway:
        making.call(gateway)
        eventually(lambda: making.attempts_in(state / "ledger.sqlite") == before["attempts"] + 1, within=20)
        objects = meaning.of_state(state)["objects"]
    assert {name: (each["generation"], each["created"]) for name, each in objects.items()} == {
        name: (each["generation"], each["created"]) for name, each in recorded["state"]["objects"].items()
    }
    after = meaning.of_ledger(str(state / "ledger.sqlite"))["rows"][TENANT]
    assert (after["attempts"], after["cost nano"] > before["cost nano"]) == (before["attempts"] + 1, True)


def test_what_an_older_proxy_spooled_is_shipped_whole(version: Path, tmp_path: Path) -> None:
    spool = Path(shutil.copytree(version / "spool", tmp_path / "spool"))
    store = tmp_path / "ledger.sqlite"
    command = [sys.executable, "-m", "fairlead_ledger.cli", "ship", "--spool", str(spool), "--sqlite", str(store), *FAR]
    with (tmp_path / "log").open("wb") as log:
        shipper = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        eventually(lambda: making.attempts_in(store) == making.CALLS, within=20)
    finally:
        shipper.terminate()
        shipper.wait()
    told = meaning.of_ledger(str(store))
    assert told["losses"] == {}
    assert told["rows"][TENANT]["attempts"] == making.CALLS


def test_an_older_database_is_read_and_written_on(
    version: Path, recorded: Mapping[str, Any], postgres: PostgresServer, tmp_path: Path
) -> None:
    url = postgres.new_database()
    postgres.execute((version / "postgres.sql").read_text(), database=url.rpartition("/")[2])
    assert json.loads(json.dumps(meaning.of_ledger(url))) == recorded["ledger"]
    (tmp_path / "url").write_text(url)

    async def write() -> None:
        sink = PostgresSink(tmp_path / "url")
        await sink.open("")
        await sink.write(Batch((usage_record("new", namespace="team-new"),)))
        await sink.close()

    asyncio.run(write())
    rows = meaning.of_ledger(url)["rows"]
    assert rows.pop("team-new")["attempts"] == 1
    assert json.loads(json.dumps(rows)) == recorded["ledger"]["rows"]


def test_the_next_version_is_kept_beside_the_older_ones_with_every_field(tmp_path: Path) -> None:
    """So a release cannot fail to keep its own: all of it is made here, from the code at hand, and thrown away."""
    keeping.keep("1.0.0", tmp_path)
    first = (tmp_path / DIGESTS).read_text()
    assert changed(tmp_path) == []
    with pytest.raises(keeping.CannotKeep, match="never written anew"):
        keeping.keep("1.0.0", tmp_path)
    assert (tmp_path / DIGESTS).read_text() == first
    (tmp_path / "1.0.0" / "report.json").write_text("{}")
    with pytest.raises(keeping.CannotKeep, match=r"1\.0\.0/report\.json: is not as it was kept"):
        keeping.keep("2.0.0", tmp_path)
