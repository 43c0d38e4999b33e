"""Calls over real sockets: what is sent, which connection serves it, and what becomes of one that has died."""

import asyncio
from collections.abc import Callable

import pytest
from doubles.eventually import eventually
from doubles.http_calls import (
    BODY,
    JSON,
    LOOPBACK,
    Request,
    call,
    failure_of,
    keep_answering,
    read,
    request_to,
    send,
    serving,
)
from doubles.raw_server import CHUNKED_END, CHUNKED_HEAD, Peer, RawServer, answer, chunked

from fairlead_proxy.contract.config import AllowedNetwork, Egress
from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.upstream.http_transport import HttpTransport
from fairlead_proxy.upstream.transport import Lane


async def test_the_request_goes_out_as_it_was_given(transport: HttpTransport) -> None:
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        seen.append(await peer.request())
        await peer.send(answer(b"{}", JSON))

    async with RawServer(script) as server:
        await call(transport, server.url + "/")
        head, _, body = seen[0].partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        assert lines[0] == b"post /v1/chat/completions http/1.1"
        assert sorted(line.partition(b":")[0] for line in lines[1:]) == sorted(
            [b"host", b"content-type", b"accept-encoding", b"authorization", b"user-agent", b"content-length"]
        )
        assert body == BODY


async def test_head_and_body_come_back(transport: HttpTransport) -> None:
    async with RawServer(serving(answer(b'{"a":1}', b"Content-Type: application/json", b"X-Y: z"))) as server:
        response = await send(transport, request_to(server.url))
        assert response.status == 200
        assert dict(response.headers)["x-y"] == "z"
        assert await read(response) == b'{"a":1}'


@pytest.mark.parametrize("status", [b"301 Moved Permanently", b"307 Temporary Redirect", b"308 Permanent Redirect"])
async def test_a_redirect_is_an_answer_and_is_not_followed(transport: HttpTransport, status: bytes) -> None:
    async with RawServer(keep_answering) as other:
        location = b"location: " + other.url.encode()
        async with RawServer(serving(answer(b"", location, status=status))) as server:
            response = await send(transport, request_to(server.url))
            response.close()
            assert (response.status, other.connections) == (int(status[:3]), 0)


async def test_cookies_are_not_kept(transport: HttpTransport) -> None:
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        while True:
            seen.append(await peer.request())
            await peer.send(answer(b"{}", b"set-cookie: session=1; path=/"))

    async with RawServer(script) as server:
        await call(transport, server.url)
        await call(transport, server.url)
        assert b"cookie" not in seen[1].lower()


async def test_a_connection_is_used_again(transport: HttpTransport) -> None:
    async with RawServer(keep_answering) as server:
        for _ in range(3):
            assert await call(transport, server.url) == b"{}"
        assert server.connections == 1


async def test_namespaces_share_no_connection(transport: HttpTransport) -> None:
    async with RawServer(keep_answering) as server:
        for namespace in ("a", "b"):
            await read(await send(transport, request_to(server.url, namespace=namespace)))
        assert server.connections == 2


@pytest.mark.parametrize("end", [Peer.close, Peer.reset])
async def test_a_stale_connection_is_replaced_by_a_fresh_one(
    transport: HttpTransport, end: Callable[[Peer], None]
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(b"{}", JSON))
        if peer.number == 1:
            await peer.request()
            end(peer)

    async with RawServer(script) as server:
        await call(transport, server.url)
        assert await call(transport, server.url) == b"{}"
        assert server.connections == 2


async def test_a_fresh_connection_that_dies_is_not_tried_again(transport: HttpTransport) -> None:
    async with RawServer(serving()) as server:
        failed = await failure_of(call(transport, server.url))
        assert (failed.failure, server.connections) == (FailureClass.UNREACHABLE, 1)


async def test_a_stale_connection_is_replaced_only_once(transport: HttpTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        if peer.number == 1:
            await peer.send(answer(b"{}", JSON))
            await peer.request()

    async with RawServer(script) as server:
        await call(transport, server.url)
        failed = await failure_of(call(transport, server.url))
        assert (failed.failure, server.connections) == (FailureClass.UNREACHABLE, 2)


async def test_a_connection_that_dies_in_the_head_is_not_tried_again(transport: HttpTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(b"{}", JSON))
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-le")

    async with RawServer(script) as server:
        await call(transport, server.url)
        failed = await failure_of(call(transport, server.url))
        assert (failed.failure, server.connections) == (FailureClass.UNREACHABLE, 1)


async def test_closing_an_answer_that_came_whole_harms_nobody_else(transport: HttpTransport) -> None:
    async with RawServer(keep_answering) as server:
        first = await send(transport, request_to(server.url))
        await eventually(lambda: first.came_whole)
        second = await send(transport, request_to(server.url))
        first.close()
        assert await read(second) == b"{}"
        assert server.connections == 1


async def test_a_large_request_arrives_whole(transport: HttpTransport) -> None:
    lengths: list[int] = []

    async def script(peer: Peer) -> None:
        lengths.append(len((await peer.request()).partition(b"\r\n\r\n")[2]))
        await peer.send(answer(b"{}", JSON))

    async with RawServer(script) as server:
        await call(transport, server.url, b"x" * 3_000_000)
        assert lengths == [3_000_000]


async def test_a_change_of_the_rules_cuts_off_pooled_connections_but_not_running_calls() -> None:
    rules = [LOOPBACK]
    made = HttpTransport(lambda: rules[0])
    finish = asyncio.Event()

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(CHUNKED_HEAD, chunked(b"one"))
            await finish.wait()
            await peer.send(chunked(b"two"), CHUNKED_END)

    async with RawServer(script) as server:
        running = await send(made, request_to(server.url))
        rules[0] = Egress()
        assert (await failure_of(send(made, request_to(server.url)))).detail.startswith("egress refused")
        finish.set()
        assert await read(running) == b"onetwo"
        await eventually(lambda: server.open_connections == 0, within_seconds=2.0)
        rules[0] = Egress(allow_networks=(AllowedNetwork(cidr="127.0.0.0/8", namespaces=("ai",)),))
        assert await read(await send(made, request_to(server.url))) == b"onetwo"
        await made.close()


async def test_rules_that_are_equal_keep_the_pool() -> None:
    made = HttpTransport(lambda: Egress(deny_private_ranges=False))
    async with RawServer(keep_answering) as server:
        await call(made, server.url)
        await call(made, server.url)
        assert server.connections == 1
        await made.close()


async def test_a_header_that_cannot_be_sent_is_a_failure_of_the_attempt(transport: HttpTransport) -> None:
    async with RawServer(keep_answering) as server:
        bad = Request(Lane(request_to(server.url).lane.provider, "GET", "/models", (("x", "a\r\nb: c"),)))
        failed = await failure_of(send(transport, bad))
        assert failed.failure is FailureClass.UNREACHABLE


async def test_the_environment_names_no_proxy(transport: HttpTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    async with RawServer(serving(answer(b"from the proxy"))) as proxy, RawServer(keep_answering) as server:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        assert await call(transport, server.url) == b"{}"
        assert proxy.connections == 0
