"""How a provider is reached, or is not: names, deadlines, TLS, and what a cancelled call leaves behind."""

import asyncio
import ssl

import pytest
import trustme
from doubles.eventually import eventually
from doubles.http_calls import BODY, LOOPBACK, call, failure_of, keep_answering, request_to, send
from doubles.raw_server import CHUNKED_HEAD, Peer, RawServer, answer, chunked
from doubles.table_resolver import TableResolver

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.upstream.http_transport import HttpTransport


async def test_nobody_listening_is_unreachable(transport: HttpTransport) -> None:
    async with RawServer(keep_answering) as server:
        url = server.url
    failed = await failure_of(call(transport, url))
    assert (failed.failure, failed.detail) == (FailureClass.UNREACHABLE, "no connection: Connection refused")


async def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    made = HttpTransport(lambda: LOOPBACK, resolver=TableResolver({}))
    failed = await failure_of(call(made, "https://no-such-host.test/v1"))
    await made.close()
    assert (failed.failure, failed.detail) == (
        FailureClass.UNREACHABLE,
        "the provider's host name does not resolve",
    )


async def test_connecting_has_a_deadline_that_covers_tls(transport: HttpTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.gone()

    async with RawServer(script) as server:
        url = server.url.replace("http://", "https://")
        failed = await failure_of(send(transport, request_to(url, connect_seconds=0.2)))
        assert (failed.failure, failed.detail) == (FailureClass.UNREACHABLE, "no connection within 0.2 s")


@pytest.mark.parametrize("when", ["connecting", "waiting", "reading", "sending"])
async def test_cancelling_closes_the_socket_at_once(transport: HttpTransport, when: str) -> None:
    arrived = asyncio.Event()

    async def script(peer: Peer) -> None:
        if when in ("connecting", "sending"):
            arrived.set()
            await asyncio.Event().wait() if when == "sending" else await peer.gone()
        await peer.request()
        if when == "reading":
            await peer.send(CHUNKED_HEAD, chunked(b"one"))
        arrived.set()
        await peer.gone()

    async with RawServer(script) as server:
        url = server.url.replace("http://", "https://") if when == "connecting" else server.url
        body = b"x" * 20_000_000 if when == "sending" else BODY
        work = asyncio.create_task(call(transport, url, body))
        await arrived.wait()
        await asyncio.sleep(0)
        work.cancel()
        started = asyncio.get_running_loop().time()
        with pytest.raises(asyncio.CancelledError):
            await work
        if when != "sending":
            await eventually(lambda: server.open_connections == 0, within_seconds=0.5)
        assert asyncio.get_running_loop().time() - started < 0.1


async def test_cancelling_while_a_large_body_is_unread_leaves_no_connection(transport: HttpTransport) -> None:
    arrived, cancelled = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        arrived.set()
        await cancelled.wait()
        await peer.gone()

    async with RawServer(script) as server:
        work = asyncio.create_task(call(transport, server.url, b"x" * 30_000_000))
        await arrived.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        cancelled.set()
        await eventually(lambda: server.open_connections == 0, within_seconds=1.0)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_tls(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


async def test_a_provider_is_reached_over_tls_with_a_certificate_of_its_name(authority: trustme.CA) -> None:
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    made = HttpTransport(lambda: LOOPBACK, tls=trusting)
    async with RawServer(keep_answering, tls=server_tls(authority, "localhost")) as server:
        assert await call(made, server.url.replace("127.0.0.1", "localhost")) == b"{}"
        failed = await failure_of(call(made, server.url))
        assert failed.detail == "the provider's certificate is not trusted"
        await made.close()


async def test_a_certificate_of_an_unknown_authority_is_unreachable(
    transport: HttpTransport, authority: trustme.CA
) -> None:
    async with RawServer(keep_answering, tls=server_tls(authority, "localhost")) as server:
        failed = await failure_of(call(transport, server.url.replace("127.0.0.1", "localhost")))
        assert failed.detail == "the provider's certificate is not trusted"


async def test_plain_http_behind_an_https_url_is_unreachable(transport: HttpTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.send(answer(b"speak plainly", status=b"400 Bad Request"))
        await peer.gone()

    async with RawServer(script) as server:
        failed = await failure_of(call(transport, server.url.replace("http://", "https://")))
        assert (failed.failure, failed.detail) == (FailureClass.UNREACHABLE, "no TLS connection with the provider")
