"""An answer fetched whole, by somebody who waits for it: as much of it as is of interest, and never more."""

import asyncio
from collections.abc import Callable

import pytest
from doubles.eventually import eventually
from doubles.http_calls import failure_of, keep_answering, request_to, serving
from doubles.raw_server import CHUNKED_HEAD, Peer, RawServer, answer, chunked

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.upstream.fetch import Fetched, fetch
from fairlead_proxy.upstream.http_transport import HttpTransport


async def get(transport: HttpTransport, url: str, reads: Callable[[int], bool] = lambda status: True) -> Fetched:
    lane = request_to(url, method="GET").lane
    async with asyncio.timeout(5):
        return await fetch(transport, lane, most_bytes=1000, reads=reads)


async def test_status_headers_and_body_come_back(transport: HttpTransport) -> None:
    async with RawServer(serving(answer(b"sorry", b"retry-after: 9", status=b"429 Slow"))) as server:
        fetched = await get(transport, server.url)
        assert (fetched.status, dict(fetched.headers)["retry-after"], fetched.body) == (429, "9", b"sorry")


async def test_a_connection_is_kept_for_the_next_one(transport: HttpTransport) -> None:
    async with RawServer(keep_answering) as server:
        for _ in range(3):
            assert (await get(transport, server.url)).body == b"{}"
        assert server.connections == 1


async def test_a_long_body_is_read_up_to_its_bound(transport: HttpTransport) -> None:
    async with RawServer(serving(answer(b"x" * 10_000))) as server:
        assert (await get(transport, server.url)).body == b"x" * 1000


async def test_a_body_that_breaks_off_is_as_good_as_what_came_of_it(transport: HttpTransport) -> None:
    async with RawServer(serving(CHUNKED_HEAD + chunked(b"sor"), then=Peer.close)) as server:
        assert (await get(transport, server.url)).body == b"sor"


async def test_a_body_of_no_interest_is_not_waited_for(transport: HttpTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED_HEAD)
        await peer.gone()

    async with RawServer(script) as server:
        fetched = await get(transport, server.url, lambda status: status >= 500)
        assert (fetched.status, fetched.body) == (200, b"")
        await eventually(lambda: server.open_connections == 0)


async def test_an_answer_that_does_not_come_is_a_failure(transport: HttpTransport) -> None:
    async with RawServer(serving()) as server:
        assert (await failure_of(get(transport, server.url))).failure is FailureClass.UNREACHABLE


async def test_cancelling_closes_the_socket(transport: HttpTransport) -> None:
    arrived = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        arrived.set()
        await peer.gone()

    async with RawServer(script) as server:
        work = asyncio.create_task(get(transport, server.url))
        await arrived.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        await eventually(lambda: server.open_connections == 0)
