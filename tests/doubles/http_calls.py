"""Calls over the real transport to a provider of bare bytes, and the scripts that such providers mostly follow."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from doubles.raw_server import Peer, Script, answer

from fairlead_proxy.contract.config import Egress, Provider
from fairlead_proxy.contract.names import ProviderType
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.http_errand import HttpErrand
from fairlead_proxy.upstream.http_transport import HttpTransport
from fairlead_proxy.upstream.transport import Errand, Headers, Lane, Transport

LOOPBACK = Egress(deny_private_ranges=False)
BODY = b'{"model":"m"}'
JSON = b"content-type: application/json"


@dataclass(frozen=True)
class Request:
    """A request along a lane of its own. `more`: its own headers."""

    lane: Lane
    body: bytes = b""
    more: Headers = ()


def request_to(
    url: str,
    body: bytes = BODY,
    *,
    namespace: str = "ai",
    method: str = "POST",
    connect_seconds: float = 5.0,
    ca_pem: str = "",
    forward_proxy: str = "",
) -> Request:
    provider = Provider(
        id=f"{namespace}/p",
        type=ProviderType.OPENAI_COMPATIBLE,
        url=url,
        ca_pem=ca_pem,
        forward_proxy=forward_proxy,
    )
    headers = (("content-type", "application/json"), ("accept-encoding", "identity"), ("authorization", "Bearer k"))
    return Request(Lane(provider, method, "/chat/completions", headers, connect_seconds), body)


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


class Response:
    """A receiver for those who can wait: `headed` ends with the head; the body is held up until it is poured."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.errand: Errand | None = None
        self.headed: asyncio.Future[Response] = loop.create_future()
        self.status = 0
        self.headers: Headers = ()
        self._poured: asyncio.Future[bool] = loop.create_future()
        self._take: Callable[[bytes], bool] | None = None

    @property
    def came_whole(self) -> bool:
        """Say whether the body's end has come in, handed out or not: the connection is somebody else's."""
        assert isinstance(self.errand, HttpErrand)
        return self.errand.connection is None

    async def pour(self, take: Callable[[bytes], bool]) -> bool:
        """Hand the body to `take` until that wants no more (False) or it is whole (True); raise UpstreamFailure."""
        self._take = take
        self.resume()
        try:
            return await self._poured
        except BaseException:
            self.close()
            raise

    def pause(self) -> None:
        assert self.errand is not None
        self.errand.pause()

    def resume(self) -> None:
        assert self.errand is not None
        self.errand.resume()

    def release(self) -> None:
        assert self.errand is not None
        self.errand.release()

    def close(self) -> None:
        assert self.errand is not None
        self.errand.close()

    def head(self, status: int, headers: Headers) -> None:
        """See Receiver."""
        assert not self.headed.done()
        self.status, self.headers = status, headers
        self.headed.set_result(self)
        self.pause()

    def chunk(self, data: bytes) -> None:
        assert data
        assert self._take is not None
        assert not self._poured.done()
        if not self._take(data):
            self.pause()
            self._poured.set_result(False)

    def end(self) -> None:
        self._poured.set_result(True)

    def lost(self, failure: UpstreamFailure) -> None:
        future = self._poured if self.headed.done() else self.headed
        if not future.cancelled():
            future.set_exception(failure)
            future.exception()  # nobody may be left who asks for it


async def send(transport: Transport, request: Request) -> Response:
    """Return once the answer's head is there; raise UpstreamFailure where it is not had."""
    response = Response()
    response.errand = transport.send(request.lane, request.body, response, request.more)
    try:
        return await response.headed
    except BaseException:
        response.close()
        raise


async def read(response: Response) -> bytes:
    """Return the whole body."""
    bowl = Bowl()
    try:
        assert await response.pour(bowl.take)
    finally:
        response.close()
    return bowl.content


async def call(transport: HttpTransport, url: str, body: bytes = BODY) -> bytes:
    return await read(await send(transport, request_to(url, body)))


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
