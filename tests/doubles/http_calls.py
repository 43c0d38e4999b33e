"""Calls over the real transport to a provider of bare bytes, and the scripts that such providers mostly follow."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import uvloop
from doubles.raw_server import Peer, Script, answer

from fairlead_proxy.contract.config import Egress, Provider
from fairlead_proxy.contract.names import ProviderType
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.http_response import HttpResponse
from fairlead_proxy.upstream.http_transport import HttpTransport
from fairlead_proxy.upstream.transport import UpstreamRequest

LOOPBACK = Egress(deny_private_ranges=False)
BODY = b'{"model":"m"}'
JSON = b"content-type: application/json"

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
"""Which loops the transport is held to: the one it runs on, and the one that every other test runs on."""


def request_to(
    url: str,
    body: bytes = BODY,
    *,
    namespace: str = "ai",
    method: str = "POST",
    connect_seconds: float = 5.0,
    ca_pem: str = "",
    forward_proxy: str = "",
) -> UpstreamRequest:
    provider = Provider(
        id=f"{namespace}/p",
        type=ProviderType.OPENAI_COMPATIBLE,
        url=url,
        ca_pem=ca_pem,
        forward_proxy=forward_proxy,
    )
    headers = (("content-type", "application/json"), ("accept-encoding", "identity"), ("authorization", "Bearer k"))
    return UpstreamRequest(provider, method, "/chat/completions", headers, body, connect_seconds)


class Bowl:
    """Takes what is poured: `pieces` as they came. Wants no more after `most` of them."""

    def __init__(self, most: int = 1_000_000_000) -> None:
        self.pieces: list[bytes] = []
        self._most = most

    def take(self, piece: bytes) -> bool:
        self.pieces.append(piece)
        return len(self.pieces) < self._most

    @property
    def content(self) -> bytes:
        return b"".join(self.pieces)


async def read(response: HttpResponse) -> bytes:
    """Return the whole body."""
    bowl = Bowl()
    try:
        assert await response.pour(bowl.take)
    finally:
        response.close()
    return bowl.content


async def call(transport: HttpTransport, url: str, body: bytes = BODY) -> bytes:
    return await read(await transport.send(request_to(url, body)))


async def failure_of(work: Awaitable[object]) -> UpstreamFailure:
    async with asyncio.timeout(10):
        with pytest.raises(UpstreamFailure) as failed:
            await work
    return failed.value


def serving(*parts: bytes, then: Callable[[Peer], object] = Peer.close) -> Script:
    """Return the script of a provider that answers one request so, and then ends the connection."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(*parts)
        then(peer)

    return script


async def keep_answering(peer: Peer) -> None:
    while True:
        await peer.request()
        await peer.send(answer(b"{}", JSON))
