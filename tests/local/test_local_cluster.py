"""LocalCluster with processes for workers: publishing, readiness, crashes, files that change, status, the end."""

import asyncio
import json
import os
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from doubles.eventually import eventually
from doubles.processes import free_port

from fairlead_operator.cluster.api import Snapshot, Written
from fairlead_operator.cluster.local_cluster import LocalCluster
from fairlead_operator.cluster.local_listen import Address
from fairlead_operator.cluster.local_settings import LocalSettings, StartRefused
from fairlead_operator.cluster.local_state import is_held, read_facts
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_proxy.contract.config import Gateway, Policy
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.snapshot import Document, Fragment, revision_of

MAIN = "default/main"
FAST = ObjectRef(Kind.MODEL_PROVIDER, "default", "fast")
KEYS = KeyRing(credentials={"default/lab/main": "sk-secret"})


def snapshot_of(*policies: str) -> Snapshot:
    documents: list[Document] = [Gateway(id=MAIN), *(Policy(id=f"default/{name}", models=(name,)) for name in policies)]
    fragments = tuple(Fragment.of(document, uid="u", generation=1) for document in documents)
    return Snapshot(revision_of(fragments), tuple(sorted(fragments, key=lambda fragment: fragment.key)))


async def published(cluster: LocalCluster, *policies: str) -> Snapshot:
    snapshot = snapshot_of(*policies)
    await cluster.publish(MAIN, snapshot, KEYS)
    await asyncio.wait_for(cluster.wait_ready(), 10)
    return snapshot


async def fetch(url: str, token: str = "") -> tuple[int, str]:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, await answer.text()


async def call(cluster: LocalCluster) -> dict[str, Any]:
    _, text = await fetch(f"http://{cluster.address_of(MAIN)}/")
    answer: dict[str, Any] = json.loads(text)
    return answer


def write(path: Path, *names: str) -> None:
    provider = "apiVersion: fairlead.dev/v1alpha1\nkind: ModelProvider\nmetadata: {{name: {}}}\n"
    spec = "spec: {type: Simulated, models: [{name: tiny}]}\n"
    path.write_text("---\n".join(provider.format(name) + spec for name in names))


def providers(cluster: LocalCluster) -> list[str]:
    return list(cluster.inventory().providers)


async def test_workers_start_with_the_first_publication_and_serve_its_revision(cluster: LocalCluster) -> None:
    assert cluster.proxies(MAIN) == ()
    assert cluster.address_of(MAIN) == ""
    snapshot = await published(cluster, "smart")
    reports = [proxy.report for proxy in cluster.proxies(MAIN)]
    assert [report.revision for report in reports if report] == [snapshot.revision] * 2
    assert (await call(cluster))["standalone"] is True


async def test_what_is_published_is_read_back_also_by_the_next_process(
    start: Callable[..., LocalCluster], settings: LocalSettings
) -> None:
    first = start()
    await first.start()
    snapshot = await published(first, "smart", "cheap")
    await first.stop()
    second = start()
    await second.start()
    assert await second.published(MAIN) == snapshot


async def test_each_publication_goes_into_the_idle_set(cluster: LocalCluster, settings: LocalSettings) -> None:
    config = settings.state / "run" / MAIN / "config"
    sets = []
    for name in ("one", "two", "three"):
        await cluster.publish(MAIN, snapshot_of(name), KEYS)
        sets.append(json.loads((config / "index.json").read_bytes())["set"])
    assert sets == ["a", "b", "a"]


async def test_publishing_the_same_again_writes_nothing(cluster: LocalCluster, settings: LocalSettings) -> None:
    config = settings.state / "run" / MAIN / "config"
    first = await cluster.publish(MAIN, snapshot_of("one"), KEYS)
    before = {path.name: path.stat().st_mtime_ns for path in config.iterdir()}
    assert await cluster.publish(MAIN, snapshot_of("one"), KEYS) == first
    assert {path.name: path.stat().st_mtime_ns for path in config.iterdir()} == before


async def test_keys_are_private_and_gone_at_the_end_while_the_snapshot_stays(
    start: Callable[..., LocalCluster], settings: LocalSettings
) -> None:
    running = start()
    await running.start()
    await published(running, "smart")
    config = settings.state / "run" / MAIN / "config"
    assert stat.S_IMODE((config / "keys.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.state.stat().st_mode) == 0o700
    await running.stop()
    assert not (config / "keys.json").exists()
    assert not (settings.state / "admin.token").exists()
    assert (config / "index.json").exists()


async def test_no_key_stands_anywhere_in_the_state_directory_but_in_the_key_file(
    cluster: LocalCluster, settings: LocalSettings, source: Path
) -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: lab}\nstringData: {key: sk-secret}\n"
    source.write_text(source.read_text() + "---\n" + secret)
    await published(cluster, "smart")
    await eventually(lambda: cluster.inventory().secrets)
    holding = [path.name for path in settings.state.rglob("*") if path.is_file() and b"sk-secret" in path.read_bytes()]
    assert holding == ["keys.json"]


async def test_a_crashed_worker_is_not_ready_and_is_started_again(cluster: LocalCluster) -> None:
    await published(cluster, "smart")
    pid = (await call(cluster))["pid"]
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: not all(proxy.ready for proxy in cluster.proxies(MAIN)))
    (crashed,) = [proxy for proxy in cluster.proxies(MAIN) if not proxy.ready]
    ended = time.time()
    await asyncio.wait_for(cluster.wait_ready(), 10)
    again = next(proxy for proxy in cluster.proxies(MAIN) if proxy.name == crashed.name)
    assert again.heard_at is not None
    assert again.heard_at > ended, "what the process before it had told does not make it ready"


async def test_a_terminals_ctrl_c_does_not_reach_the_workers(cluster: LocalCluster) -> None:
    await published(cluster, "smart")
    assert os.getsid((await call(cluster))["pid"]) != os.getsid(0)


async def test_an_edit_is_seen_and_wakes_the_reconciler(cluster: LocalCluster, source: Path) -> None:
    await cluster.wait_for_change(0.01)
    write(source, "fast", "slow")
    await asyncio.wait_for(cluster.wait_for_change(5), 4)
    assert providers(cluster) == ["default/fast", "default/slow"]


async def test_nothing_to_see_lets_the_wait_run_out(cluster: LocalCluster) -> None:
    await cluster.wait_for_change(0.01)
    await asyncio.wait_for(cluster.wait_for_change(0.05), 5)


async def test_a_broken_file_leaves_what_is_in_force_and_the_line_stands_in_the_facts(
    cluster: LocalCluster, settings: LocalSettings, source: Path
) -> None:
    source.write_text("kind: [")
    await eventually(lambda: cluster.problems)
    assert providers(cluster) == ["default/fast"]
    assert read_facts(settings.state)["problems"] == list(cluster.problems)
    write(source, "fast", "slow")
    await eventually(lambda: providers(cluster) == ["default/fast", "default/slow"])
    assert read_facts(settings.state)["problems"] == []


async def test_an_object_stands_in_the_state_directory_with_its_status(
    cluster: LocalCluster, settings: LocalSettings
) -> None:
    found = cluster.inventory().providers["default/fast"]
    status = {"observedGeneration": 1, "conditions": [{"type": "Healthy", "status": "True", "reason": "Serving"}]}
    assert await cluster.write_status(FAST, found.resource_version, status) is Written.DONE
    written = yaml.safe_load((settings.state / "ModelProvider/default/fast.yaml").read_text())
    assert (written["status"], written["spec"]["type"]) == (status, "Simulated")
    assert cluster.inventory().providers["default/fast"].status == status


async def test_a_status_for_an_object_that_has_changed_is_outdated(cluster: LocalCluster, source: Path) -> None:
    old = cluster.inventory().providers["default/fast"].resource_version
    source.write_text(source.read_text().replace("tiny", "huge"))
    await eventually(lambda: cluster.inventory().providers["default/fast"].generation == 2)
    assert await cluster.write_status(FAST, old, {}) is Written.OUTDATED


async def test_a_status_for_an_object_that_is_gone_is_outdated(cluster: LocalCluster, source: Path) -> None:
    old = cluster.inventory().providers["default/fast"].resource_version
    write(source, "slow")
    await eventually(lambda: providers(cluster) == ["default/slow"])
    assert await cluster.write_status(FAST, old, {}) is Written.OUTDATED


async def test_an_object_that_left_the_files_leaves_the_state_directory(
    cluster: LocalCluster, settings: LocalSettings, source: Path
) -> None:
    write(source, "slow")
    await eventually(lambda: (settings.state / "ModelProvider/default/slow.yaml").exists())
    assert not (settings.state / "ModelProvider/default/fast.yaml").exists()


async def test_age_and_generation_survive_a_restart(
    start: Callable[..., LocalCluster], settings: LocalSettings, source: Path
) -> None:
    first = start()
    await first.start()
    created = first.inventory().providers["default/fast"].created
    await first.stop()
    source.write_text(source.read_text().replace("tiny", "huge"))
    second = start()
    await second.start()
    found = second.inventory().providers["default/fast"]
    assert (found.created, found.generation) == (created, 2)


async def test_a_gateway_that_vanishes_stays_in_force_with_a_line_that_says_so(
    start: Callable[..., LocalCluster], source: Path
) -> None:
    gateway = (
        "apiVersion: fairlead.dev/v1alpha1\nkind: ModelGateway\nmetadata: {name: main}\nspec: {auth: {apiKeys: {}}}\n"
    )
    before = source.read_text()
    source.write_text(f"{before}---\n{gateway}")
    running = start()
    await running.start()
    source.write_text(f"{before}---\n{gateway.replace('{auth', '{enforce: {maxAttempts: 7}, auth')}")
    await eventually(lambda: running.inventory().gateways[MAIN].generation == 2)
    source.write_text(before)
    await eventually(lambda: running.problems)
    spec = running.inventory().gateways[MAIN].spec
    assert spec is not None
    assert (spec.auth.api_keys is not None, spec.enforce.max_attempts) == (True, 7)
    assert "is no longer in the files; it stays in force" in running.problems[0]


async def test_the_admin_port_speaks_for_all_workers(cluster: LocalCluster, settings: LocalSettings) -> None:
    base = f"http://{cluster.admin_address}"
    assert (await fetch(f"{base}/healthz"))[0] == 200
    assert await fetch(f"{base}/readyz") == (503, "not ready: the first configuration\n")
    await published(cluster, "smart")
    assert (await fetch(f"{base}/readyz"))[0] == 200
    assert "stub_calls_total 2.0" in (await fetch(f"{base}/metrics"))[1]


async def test_a_scrape_that_no_worker_answers_is_not_taken_for_one_without_figures(cluster: LocalCluster) -> None:
    status, told = await fetch(f"http://{cluster.admin_address}/metrics")
    assert (status, told) == (503, "no worker has answered\n")


async def test_a_decision_is_not_called_unknown_while_a_worker_does_not_answer(
    cluster: LocalCluster, settings: LocalSettings
) -> None:
    token = (settings.state / "admin.token").read_text().strip()
    assert (await fetch(f"http://{cluster.admin_address}/debug/decisions/any", token))[0] == 503


async def test_a_decision_is_found_in_whichever_worker_made_it_and_only_with_the_token(
    cluster: LocalCluster, settings: LocalSettings
) -> None:
    await published(cluster, "smart")
    token = (settings.state / "admin.token").read_text().strip()
    url = f"http://{cluster.admin_address}/debug/decisions/"
    assert (await fetch(f"{url}of-worker-1"))[0] == 401
    assert json.loads((await fetch(f"{url}of-worker-1", token))[1]) == {"by": "worker-1"}
    assert (await fetch(f"{url}of-nobody", token))[0] == 404


async def test_the_directory_is_held_by_one_process(
    start: Callable[..., LocalCluster], settings: LocalSettings
) -> None:
    assert not is_held(settings.state)
    first = start()
    await first.start()
    assert is_held(settings.state)
    with pytest.raises(StartRefused, match="another fairlead run holds it; stop that one, or give another directory"):
        await start().start()
    await first.stop()
    assert not is_held(settings.state)


async def test_two_gateways_need_a_choice(start: Callable[..., LocalCluster], source: Path) -> None:
    gateway = "---\napiVersion: fairlead.dev/v1alpha1\nkind: ModelGateway\nmetadata: {{name: {}}}\nspec: {{}}\n"
    source.write_text(source.read_text() + gateway.format("one") + gateway.format("two"))
    with pytest.raises(StartRefused, match="several gateways: default/one, default/two; choose one with --gateway"):
        await start().start()
    chosen = start(gateway="default/two")
    await chosen.start()
    assert chosen.gateway == "default/two"
    with pytest.raises(StartRefused, match=r"^--gateway default/three: no such ModelGateway"):
        await start(gateway="default/three", state=Path(str(source) + ".state")).start()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("kind: [", "not valid YAML"),
        ("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {key: '***'}\n", "data.key: not base64"),
    ],
)
async def test_a_bad_file_is_refused_at_the_start_and_nothing_is_left_behind(
    start: Callable[..., LocalCluster], settings: LocalSettings, source: Path, text: str, line: str
) -> None:
    source.write_text(text)
    with pytest.raises(StartRefused, match=line):
        await start().start()
    assert not is_held(settings.state)


async def test_a_port_in_use_is_refused_at_the_start(start: Callable[..., LocalCluster], tmp_path: Path) -> None:
    running = start()
    await running.start()
    with pytest.raises(StartRefused, match=f"--admin {running.admin_address}: the port is in use"):
        await start(admin=running.admin_address, state=tmp_path / "other").start()


async def test_a_state_directory_that_cannot_be_made_is_refused(
    start: Callable[..., LocalCluster], source: Path
) -> None:
    with pytest.raises(StartRefused, match=r"^--state .*: cannot be written: Not a directory"):
        await start(state=source / "below").start()


async def test_an_open_gateway_on_an_address_of_others_is_refused(
    start: Callable[..., LocalCluster], tmp_path: Path
) -> None:
    with pytest.raises(StartRefused, match="others can reach this address, and ModelGateway default/main asks for no"):
        await start(listen="0.0.0.0:0").start()
    accepted = start(listen="0.0.0.0:0", insecure=True)
    await accepted.start()


@pytest.mark.parametrize(
    ("listen", "admin"),
    [("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "localhost"), ("127.0.0.1", "0.0.0.0"), ("::1", "::1")],
)
async def test_one_port_for_calls_and_admin_is_refused(
    start: Callable[..., LocalCluster], settings: LocalSettings, listen: str, admin: str
) -> None:
    port = free_port()
    taken = start(listen=str(Address(listen, port)), admin=str(Address(admin, port)), insecure=True)
    with pytest.raises(StartRefused, match=r"^--admin .*: calls are taken on this port; give one of both"):
        await taken.start()
    assert not is_held(settings.state)


async def test_an_admin_port_on_an_address_of_others_is_refused(start: Callable[..., LocalCluster]) -> None:
    with pytest.raises(
        StartRefused, match=r"^--admin 0\.0\.0\.0:0: others can reach this address, .* with --insecure$"
    ):
        await start(admin="0.0.0.0:0").start()
    accepted = start(admin="0.0.0.0:0", insecure=True)
    await accepted.start()


@pytest.mark.parametrize("text", ["", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"], ids=["empty", "a pod"])
async def test_files_without_an_object_of_ours_are_refused(
    start: Callable[..., LocalCluster], settings: LocalSettings, source: Path, text: str
) -> None:
    source.write_text(text)
    with pytest.raises(StartRefused) as refused:
        await start().start()
    line = f"-f {source}: no ModelProvider, RoutePolicy, ModelGateway in it; give files that hold some"
    assert (str(refused.value), is_held(settings.state)) == (line, False)


async def test_without_listen_the_ports_are_those_of_the_gateway(
    start: Callable[..., LocalCluster], source: Path
) -> None:
    gateway = "apiVersion: fairlead.dev/v1alpha1\nkind: ModelGateway\nmetadata: {name: main}\n"
    one, two = free_port(), free_port()
    spec = f"spec: {{listeners: [{{name: one, port: {one}}}, {{name: two, port: {two}}}]}}\n"
    source.write_text(gateway + spec)
    running = start(listen=None)
    await running.start()
    await published(running)
    assert running.address_of(MAIN) == f"127.0.0.1:{one}"
    assert (await fetch(f"http://127.0.0.1:{two}/"))[0] == 200
    source.write_text(gateway + spec.replace(str(two), "18499"))
    await eventually(lambda: running.problems)
    assert running.problems[0].endswith(f"ports [{one}, 18499], but this run has [{one}, {two}]; start it again")


async def test_at_the_end_no_worker_is_left(start: Callable[..., LocalCluster]) -> None:
    running = start()
    await running.start()
    await published(running, "smart")
    pid = (await call(running))["pid"]
    await running.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
