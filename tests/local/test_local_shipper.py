"""The ledger's shipper of a standalone run: what it is told, that it is kept alive, changed, and ended last."""

import json
import os
import signal
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from doubles.eventually import eventually

from fairlead_operator.cluster.api import Snapshot
from fairlead_operator.cluster.local_cluster import LocalCluster
from fairlead_operator.cluster.local_settings import LocalSettings
from fairlead_proxy.contract.config import Gateway
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.snapshot import Fragment, revision_of

MAIN = "default/main"
GATEWAY = """---
apiVersion: fairlead.dev/v1alpha1
kind: ModelGateway
metadata: {{name: main}}
spec: {{ledger: {ledger}}}
"""
ADDRESS = "postgres://user:very-secret@127.0.0.1:5432/ledger"
SECRET = f"""---
apiVersion: v1
kind: Secret
metadata: {{name: database}}
stringData: {{url: "{ADDRESS}"}}
"""
POSTGRES = "{postgres: {secretRef: {name: database, key: url}}}"


def write(source: Path, ledger: str, *more: str) -> None:
    source.write_text("".join([source.read_text().partition("---\n")[0], GATEWAY.format(ledger=ledger), *more]))


def told(settings: LocalSettings) -> dict[str, Any]:
    """Return what the newest stub has told; empty where none has told anything yet."""
    path = settings.state / "ledger.sqlite.told"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


async def shipping(cluster: LocalCluster, settings: LocalSettings) -> dict[str, Any]:
    """Have the cluster see to its shipper, and return what that tells once it runs."""
    before = told(settings).get("pid")
    await cluster.apply(MAIN, ())
    await eventually(lambda: told(settings).get("pid") not in (None, before), what="a shipper that tells")
    return told(settings)


async def test_records_go_from_the_spool_into_sqlite_where_nothing_else_is_said(
    cluster: LocalCluster, settings: LocalSettings
) -> None:
    options = (await shipping(cluster, settings))["options"]
    state = settings.state.absolute()
    assert options == {
        "spool": str(state / "spool"),
        "sqlite": str(state / "ledger.sqlite"),
        "postgres_file": None,
        "json_lines": None,
        "otlp": None,
        "retention": "2160h",
        "rollup_retention": "17520h",
        "spool_limit_mib": "256",
        "log_format": "text",
        "die_with_parent": True,
    }
    assert stat.S_IMODE((state / "spool").stat().st_mode) == 0o700


async def test_what_the_gateway_says_of_its_ledger_reaches_the_shipper(
    start: Callable[..., LocalCluster], settings: LocalSettings, source: Path
) -> None:
    write(source, "{retention: 24h, jsonLines: {}, otlp: {endpoint: 'http://127.0.0.1:4318'}, spool: {sizeMiB: 32}}")
    cluster = start()
    await cluster.start()
    options = (await shipping(cluster, settings))["options"]
    assert options["json_lines"] == str(settings.state.absolute() / "ledger.jsonl")
    assert (options["retention"], options["otlp"], options["spool_limit_mib"]) == ("24h", "http://127.0.0.1:4318", "32")


async def test_the_address_of_a_database_stands_in_a_private_file_that_is_gone_at_the_end(
    start: Callable[..., LocalCluster], settings: LocalSettings, source: Path
) -> None:
    write(source, POSTGRES, SECRET)
    cluster = start()
    await cluster.start()
    facts = await shipping(cluster, settings)
    path = Path(facts["options"]["postgres_file"])
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == (ADDRESS, 0o600)
    assert path.is_relative_to(settings.state.absolute() / "run")
    holding = [each for each in settings.state.rglob("*") if each.is_file() and b"very-secret" in each.read_bytes()]
    assert [each.name for each in holding] == [path.name]
    await cluster.stop()
    assert not path.exists()


async def test_a_shipper_that_crashed_is_started_again(cluster: LocalCluster, settings: LocalSettings) -> None:
    first = (await shipping(cluster, settings))["pid"]
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: told(settings)["pid"] != first, what="another shipper")


async def test_other_stores_are_another_shipper_and_the_same_ones_are_not(
    cluster: LocalCluster, settings: LocalSettings, source: Path
) -> None:
    first = (await shipping(cluster, settings))["pid"]
    await cluster.apply(MAIN, ())
    os.kill(first, 0)
    assert told(settings)["pid"] == first
    write(source, "{jsonLines: {}}")
    await eventually(lambda: cluster.inventory().gateways[MAIN].generation == 2)
    second = await shipping(cluster, settings)
    assert second["options"]["json_lines"] is not None
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


async def test_nothing_waits_for_a_shipper_that_takes_its_time_to_end(
    cluster: LocalCluster, settings: LocalSettings, source: Path
) -> None:
    first = (await shipping(cluster, settings))["pid"]
    hold = held(settings)
    write(source, "{jsonLines: {}}")
    await eventually(lambda: cluster.inventory().gateways[MAIN].generation == 2)
    await cluster.apply(MAIN, ())
    os.kill(first, 0)
    hold.unlink()
    await eventually(lambda: told(settings)["pid"] != first, what="another shipper")
    assert told(settings)["options"]["json_lines"] is not None
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


async def test_the_newest_of_several_changes_counts_once_the_old_shipper_has_ended(
    cluster: LocalCluster, settings: LocalSettings, source: Path
) -> None:
    first = (await shipping(cluster, settings))["pid"]
    hold = held(settings)
    for generation, hours in ((2, 30), (3, 40)):
        write(source, f"{{retention: {hours}h}}")
        await eventually(partial(has_generation, cluster, generation))
        await cluster.apply(MAIN, ())
    hold.unlink()
    await eventually(lambda: told(settings)["pid"] != first, what="another shipper")
    second = told(settings)
    await cluster.apply(MAIN, ())
    assert (second["options"]["retention"], told(settings)) == ("40h", second)
    os.kill(second["pid"], 0)


@pytest.mark.parametrize("cut_short", [False, True])
async def test_a_run_that_ends_while_a_shipper_gives_way_starts_no_further_one(
    cluster: LocalCluster, settings: LocalSettings, source: Path, cut_short: bool
) -> None:
    first = (await shipping(cluster, settings))["pid"]
    hold = held(settings)
    write(source, "{retention: 30h}")
    await eventually(lambda: cluster.inventory().gateways[MAIN].generation == 2)
    await cluster.apply(MAIN, ())
    END_OF[cut_short](cluster, hold)
    await cluster.stop()
    assert told(settings)["pid"] == first
    assert ("left" in told(settings)) is not cut_short
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


END_OF: dict[bool, Callable[[LocalCluster, Path], None]] = {
    False: lambda _, hold: hold.unlink(),
    True: lambda cluster, _: cluster.kill(),
}


def has_generation(cluster: LocalCluster, generation: int) -> bool:
    return cluster.inventory().gateways[MAIN].generation == generation


def held(settings: LocalSettings) -> Path:
    """Return the file that keeps a stub from ending as long as it is there."""
    path = settings.state / "ledger.sqlite.hold"
    path.touch()
    return path


async def test_a_gateway_that_is_not_valid_any_more_leaves_its_shipper_as_it_is(
    cluster: LocalCluster, settings: LocalSettings, source: Path
) -> None:
    write(source, "{jsonLines: {}}")
    await eventually(lambda: cluster.inventory().gateways[MAIN].generation == 2)
    first = await shipping(cluster, settings)
    write(source, "{retention: 1}")
    await eventually(lambda: cluster.inventory().gateways[MAIN].spec is None)
    await cluster.apply(MAIN, ())
    assert told(settings) == first


async def test_a_spool_of_another_size_waits_for_the_next_start_and_says_so(
    cluster: LocalCluster, source: Path
) -> None:
    write(source, "{spool: {sizeMiB: 32}}")
    await eventually(lambda: cluster.problems)
    assert cluster.problems == (
        "ModelGateway default/main: spec.ledger.spool.sizeMiB: 32, but this run has 256; start it again",
    )


async def test_the_shipper_ends_after_the_workers_so_that_all_they_booked_is_there(
    cluster: LocalCluster, settings: LocalSettings
) -> None:
    fragments = (Fragment.of(Gateway(id=MAIN), uid="u", generation=1),)
    await cluster.publish(MAIN, Snapshot(revision_of(fragments), fragments), KeyRing())
    await cluster.wait_ready()
    await shipping(cluster, settings)
    await cluster.stop()
    assert told(settings)["left"] == ["worker-0", "worker-1"]
