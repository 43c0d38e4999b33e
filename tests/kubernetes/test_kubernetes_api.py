"""The client of the API server: what it sends, what it makes of answers, and that no wait is unbounded."""

import asyncio
import json
from contextlib import aclosing
from pathlib import Path

import pytest
from doubles.api_server import ApiServer

from fairlead_operator.cluster import kubernetes_api
from fairlead_operator.cluster.kubernetes_access import Access
from fairlead_operator.cluster.kubernetes_api import KubernetesApi
from fairlead_operator.cluster.kubernetes_errors import (
    Conflict,
    Forbidden,
    Gone,
    KubernetesError,
    NotFound,
    Refused,
    TooManyRequests,
    Unavailable,
)
from fairlead_operator.cluster.kubernetes_paths import CONFIG_MAP, NAMESPACE, SECRET

PODS = "/api/v1/namespaces/ai/pods"


def test_paths_follow_the_api_conventions() -> None:
    assert CONFIG_MAP.path("ai", "x") == "/api/v1/namespaces/ai/configmaps/x"
    assert SECRET.path() == "/api/v1/secrets"
    assert NAMESPACE.path("ignored", "ai") == "/api/v1/namespaces/ai"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, Forbidden),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (410, Gone),
        (422, Refused),
        (500, Unavailable),
        (503, Unavailable),
    ],
)
async def test_status_becomes_a_typed_error(
    server: ApiServer, api: KubernetesApi, status: int, kind: type[KubernetesError]
) -> None:
    server.refuse(PODS, status)
    with pytest.raises(kind, match=f"GET {PODS}: {status} as told"):
        await api.get(PODS)


async def test_server_that_is_not_there_is_unavailable() -> None:
    async with KubernetesApi(Access("http://127.0.0.1:9")) as api:
        with pytest.raises(Unavailable):
            await api.get(PODS)


async def test_throttled_request_is_tried_again_after_the_time_the_server_names(
    server: ApiServer, api: KubernetesApi
) -> None:
    await server.put(f"{PODS}/a")
    server.refuse(PODS, 429, times=2, retry_after="0")
    await api.get(f"{PODS}/a")
    assert server.count("GET", f"{PODS}/a") == 3


async def test_throttling_that_lasts_is_reported_with_the_time_to_wait(server: ApiServer, api: KubernetesApi) -> None:
    server.refuse(PODS, 429, retry_after="3600")
    with pytest.raises(TooManyRequests) as raised:
        await api.get(PODS)
    assert raised.value.retry_after == 3600


async def test_list_reads_every_chunk(server: ApiServer, api: KubernetesApi) -> None:
    names = [f"p-{number:04}" for number in range(kubernetes_api.LIST_CHUNK * 2 + 1)]
    for name in names:
        await server.put(f"{PODS}/{name}")
    listed = await api.list(PODS)
    assert [each["metadata"]["name"] for each in listed.items] == names
    assert server.count("GET", PODS) == 3


async def test_watch_yields_what_happens_after_the_version(server: ApiServer, api: KubernetesApi) -> None:
    await server.put(f"{PODS}/before")
    listed = await api.list(PODS)
    async with aclosing(api.watch(PODS, listed.resource_version, timeout_seconds=5)) as events:
        await server.put(f"{PODS}/after")
        event = await anext(events)
    assert (event.type, event.object["metadata"]["name"]) == ("ADDED", "after")


async def test_watch_from_a_forgotten_version_is_gone(server: ApiServer, api: KubernetesApi) -> None:
    await server.put(f"{PODS}/a")
    server.forget_history()
    with pytest.raises(Gone):
        async with aclosing(api.watch(PODS, "0", timeout_seconds=5)) as events:
            await anext(events)


async def test_watch_ends_when_its_time_is_over(api: KubernetesApi) -> None:
    async with aclosing(api.watch(PODS, "0", timeout_seconds=1)) as events:
        assert [event async for event in events] == []


async def test_token_file_is_read_for_every_request(server: ApiServer, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    async with KubernetesApi(Access(server.access.server, token_file=token)) as api:
        await api.list(PODS)
        token.write_text("second\n")
        await api.list(PODS)
    assert server.seen_tokens == ["Bearer first", "Bearer second"]


async def test_lost_token_file_is_a_fault_that_may_pass(server: ApiServer, tmp_path: Path) -> None:
    async with KubernetesApi(Access(server.access.server, token_file=tmp_path / "gone")) as api:
        with pytest.raises(Unavailable, match="cannot read"):
            await api.list(PODS)


async def test_answer_that_is_not_json_is_a_fault_that_may_pass() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n<html")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        async with KubernetesApi(Access(f"http://127.0.0.1:{port}")) as api:
            with pytest.raises(Unavailable):
                await api.get(PODS)


def test_neither_token_nor_key_shows_in_the_repr() -> None:
    access = Access("https://api", token="secret-token", private_key="secret-key")
    assert "secret" not in repr(access)
    assert "secret" not in json.dumps(str(access))


async def test_a_full_shard_is_sent_whole_and_without_a_warning(server: ApiServer, api: KubernetesApi) -> None:
    shard = "x" * (2 * 1024 * 1024)
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a-0", "namespace": "ai"},
        "binaryData": {"shard": shard},
    }
    written = await api.apply(manifest)
    assert written["binaryData"]["shard"] == shard
