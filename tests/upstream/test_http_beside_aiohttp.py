"""The same odd answers, over sockets, to our transport and to aiohttp's client: both must see the same in them."""

import asyncio
from dataclasses import dataclass

import aiohttp
import pytest
from doubles.http_calls import BODY, Bowl, request_to, send
from doubles.odd_answers import ODD_ANSWERS, OddAnswer
from doubles.raw_server import Peer, RawServer

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.http_transport import HttpTransport

_KINDS = {FailureClass.UNREACHABLE: "no head", FailureClass.MALFORMED_RESPONSE: "not HTTP"}


@dataclass(frozen=True)
class Seen:
    """What a client saw. `body` None where it was broken: how much of it is handed out before that may differ."""

    head: int | str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


async def seen_by_us(transport: HttpTransport, url: str) -> Seen:
    try:
        response = await send(transport, request_to(url))
    except UpstreamFailure as failed:
        return Seen(_KINDS[failed.failure])
    bowl = Bowl()
    try:
        await response.pour(bowl.take)
    except UpstreamFailure:
        return Seen(response.status, response.headers)
    finally:
        response.close()
    return Seen(response.status, response.headers, bowl.content)


async def seen_by_aiohttp(url: str) -> Seen:
    async with aiohttp.ClientSession() as session:
        try:
            response = await session.post(url, data=BODY, allow_redirects=False)
        except aiohttp.ClientResponseError:
            return Seen("not HTTP")
        except aiohttp.ClientConnectionError:
            return Seen("no head")
        headers = tuple((name.lower(), value) for name, value in response.headers.items())
        try:
            return Seen(response.status, headers, await response.read())
        except aiohttp.ClientError:
            return Seen(response.status, headers)


async def both(odd: OddAnswer, transport: HttpTransport) -> tuple[Seen, Seen]:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(odd.sent)

    async with RawServer(script) as server, asyncio.timeout(10):
        return await seen_by_us(transport, server.url), await seen_by_aiohttp(server.url)


SAME = {name: odd for name, odd in ODD_ANSWERS.items() if not odd.differs}
OTHER = {name: odd for name, odd in ODD_ANSWERS.items() if odd.differs}


@pytest.mark.parametrize("odd", SAME.values(), ids=SAME)
async def test_both_clients_see_the_same(odd: OddAnswer, transport: HttpTransport) -> None:
    ours, theirs = await both(odd, transport)
    assert ours == theirs


@pytest.mark.parametrize("odd", OTHER.values(), ids=OTHER)
async def test_where_they_differ_it_is_meant(odd: OddAnswer, transport: HttpTransport) -> None:
    ours, theirs = await both(odd, transport)
    assert ours != theirs, f"no difference any more: {odd.differs}"
