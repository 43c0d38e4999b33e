"""What a provider sends without having been asked never becomes the answer of the next call."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from doubles.http_calls import Request, send
from doubles.raw_server import Peer, RawServer, answer

from fairlead_proxy.contract.config import Egress, Provider
from fairlead_proxy.contract.names import ProviderType
from fairlead_proxy.upstream.http_transport import HttpTransport
from fairlead_proxy.upstream.transport import Lane

WHOLE = {
    "another answer": answer(b'{"whose":"nobody"}'),
    "a request timeout": answer(b"", status=b"408 Request Timeout"),
}
UNASKED = {**WHOLE, "what is no HTTP": b"\x15\x03\x03\x00\x02"}


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    made = HttpTransport(lambda: Egress(deny_private_ranges=False))
    yield made
    await made.close()


async def call(transport: HttpTransport, server: RawServer) -> tuple[int, bytes]:
    provider = Provider(id="ai/p", type=ProviderType.OPENAI_COMPATIBLE, url=server.url)
    response = await send(transport, Request(Lane(provider, "POST", "/chat/completions", (), 5.0), b"{}"))
    try:
        body = bytearray()

        def take(part: bytes) -> bool:
            body.extend(part)
            return True

        await response.pour(take)
        return response.status, bytes(body)
    finally:
        response.close()


async def answer_with_number(peer: Peer) -> None:
    await peer.request()
    await peer.send(answer(b"%d" % peer.number))


@pytest.mark.parametrize("unasked", UNASKED.values(), ids=UNASKED)
async def test_what_comes_on_an_idle_connection_is_no_answer(transport: HttpTransport, unasked: bytes) -> None:
    idle, said, strays = asyncio.Event(), asyncio.Event(), [unasked]

    async def script(peer: Peer) -> None:
        await answer_with_number(peer)
        await idle.wait()
        await peer.send(*strays)
        strays.clear()
        said.set()
        await answer_with_number(peer)

    async with RawServer(script) as server:
        first = await call(transport, server)
        idle.set()
        await said.wait()
        # What was sent over loopback is there to be read: these turns of the loop read it.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert [first, await call(transport, server)] == [(200, b"1"), (200, b"2")]


@pytest.mark.parametrize("unasked", WHOLE.values(), ids=WHOLE)
async def test_what_comes_with_an_answer_is_not_the_next_one(transport: HttpTransport, unasked: bytes) -> None:
    strays = [unasked]

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(b"%d" % peer.number) + b"".join(strays))
        strays.clear()
        await answer_with_number(peer)

    async with RawServer(script) as server:
        assert [await call(transport, server) for _ in range(2)] == [(200, b"1"), (200, b"2")]
