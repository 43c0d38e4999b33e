"""What a connection to a provider held is free once it is lost, however it was, without the collector's help."""

import contextlib
from collections.abc import AsyncIterator

import pytest
from doubles.eventually import eventually
from doubles.http_calls import keep_answering, request_to
from doubles.raw_server import CHUNKED_HEAD, Peer, RawServer, Script, chunked
from doubles.uncollected import alive, uncollected
from httptools import HttpResponseParser

from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.fetch import fetch
from fairlead_proxy.upstream.http_connection import HttpConnection
from fairlead_proxy.upstream.http_errand import HttpErrand
from fairlead_proxy.upstream.http_transport import HttpTransport

HELD = (HttpConnection, HttpErrand, HttpResponseParser)


@pytest.fixture(autouse=True)
async def before() -> AsyncIterator[list[str]]:
    """What there was before, of other tests, while the collector rests."""
    with uncollected():
        yield alive(*HELD)


async def cut(peer: Peer) -> None:
    await peer.request()
    await peer.send(CHUNKED_HEAD, chunked(b"one"))


async def spoil(peer: Peer) -> None:
    await peer.request()
    await peer.send(b"no http\r\n\r\n")


async def keep_silent(peer: Peer) -> None:
    await peer.gone()


@pytest.mark.parametrize("script", [keep_answering, cut, spoil], ids=["answered", "cut", "no HTTP"])
async def test_one_that_served_leaves_nothing(script: Script, transport: HttpTransport, before: list[str]) -> None:
    async with RawServer(script) as server:
        await fetch_thrice(transport, server.url)
        await transport.close()
    await eventually(lambda: alive(*HELD) == before)


async def test_one_that_nobody_takes_leaves_nothing(transport: HttpTransport, before: list[str]) -> None:
    async with RawServer(keep_silent) as server:
        url = server.url
    await fetch_thrice(transport, url)
    await eventually(lambda: alive(*HELD) == before)


async def test_one_that_is_given_up_while_it_is_made_leaves_nothing(
    transport: HttpTransport, before: list[str]
) -> None:
    async with RawServer(keep_silent) as server:
        await fetch_thrice(transport, server.url.replace("http://", "https://"), connect_seconds=0.1)
        await eventually(lambda: alive(*HELD) == before)


async def fetch_thrice(transport: HttpTransport, url: str, *, connect_seconds: float = 5.0) -> None:
    for _ in range(3):
        lane = request_to(url, connect_seconds=connect_seconds).lane
        with contextlib.suppress(UpstreamFailure):
            await fetch(transport, lane, most_bytes=100, reads=lambda status: True)
