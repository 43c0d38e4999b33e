"""Providers over real sockets: every way in which a connection can break, and what comes of it."""

import asyncio
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import trustme
from doubles.eventually import eventually
from doubles.raw_server import CHUNKED_END, CHUNKED_HEAD, Peer, RawServer, answer, chunked
from doubles.table_resolver import TableResolver

from fairlead_proxy.contract.config import AllowedNetwork, Egress, Provider
from fairlead_proxy.contract.names import FailureClass, ProviderType
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.http_response import HttpResponse
from fairlead_proxy.upstream.http_transport import HttpTransport
from fairlead_proxy.upstream.transport import UpstreamRequest

LOOPBACK = Egress(deny_private_ranges=False)
BODY = b'{"model":"m"}'
JSON = b"content-type: application/json"


def request_to(
    url: str, body: bytes = BODY, *, namespace: str = "ai", method: str = "POST", connect_seconds: float = 5.0
) -> UpstreamRequest:
    provider = Provider(id=f"{namespace}/p", type=ProviderType.OPENAI_COMPATIBLE, url=url)
    headers = (("content-type", "application/json"), ("accept-encoding", "identity"), ("authorization", "Bearer k"))
    return UpstreamRequest(provider, method, "/chat/completions", headers, body, connect_seconds)


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    made = HttpTransport(lambda: LOOPBACK)
    yield made
    await made.close()


async def read(response: HttpResponse) -> bytes:
    try:
        return b"".join([chunk async for chunk in response.chunks()])
    finally:
        await response.close()


async def failure_of(work: Awaitable[object]) -> UpstreamFailure:
    async with asyncio.timeout(10):
        with pytest.raises(UpstreamFailure) as failed:
            await work
    return failed.value


async def call(transport: HttpTransport, url: str, body: bytes = BODY) -> bytes:
    return await read(await transport.send(request_to(url, body)))


def serving(*parts: bytes, then: Callable[[Peer], object] = Peer.close) -> Callable[[Peer], Awaitable[None]]:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(*parts)
        then(peer)

    return script


async def keep_answering(peer: Peer) -> None:
    while True:
        await peer.request()
        await peer.send(answer(b"{}", JSON))


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
        response = await transport.send(request_to(server.url))
        assert response.status == 200
        assert dict(response.headers)["x-y"] == "z"
        assert await read(response) == b'{"a":1}'


async def test_chunks_come_as_they_are_sent(transport: HttpTransport) -> None:
    more = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED_HEAD, chunked(b"one"))
        await more.wait()
        await peer.send(chunked(b"two"), CHUNKED_END)

    async with RawServer(script) as server:
        response = await transport.send(request_to(server.url))
        chunks = response.chunks()
        assert await anext(chunks) == b"one"
        more.set()
        assert [chunk async for chunk in chunks] == [b"two"]
        await response.close()


@pytest.mark.parametrize("status", [b"301 Moved Permanently", b"307 Temporary Redirect", b"308 Permanent Redirect"])
async def test_a_redirect_is_an_answer_and_is_not_followed(transport: HttpTransport, status: bytes) -> None:
    async with RawServer(keep_answering) as other:
        location = b"location: " + other.url.encode()
        async with RawServer(serving(answer(b"", location, status=status))) as server:
            response = await transport.send(request_to(server.url))
            await response.close()
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
            await read(await transport.send(request_to(server.url, namespace=namespace)))
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
        failed = await failure_of(transport.send(request_to(url, connect_seconds=0.2)))
        assert (failed.failure, failed.detail) == (FailureClass.UNREACHABLE, "no connection within 0.2 s")


@pytest.mark.parametrize("end", [Peer.close, Peer.reset])
@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\ncontent-type: text/ht"])
async def test_a_connection_cut_before_the_head_is_unreachable(
    transport: HttpTransport, sent: bytes, end: Callable[[Peer], None]
) -> None:
    async with RawServer(serving(sent, then=end)) as server:
        assert (await failure_of(call(transport, server.url))).failure is FailureClass.UNREACHABLE


@pytest.mark.parametrize("end", [Peer.close, Peer.reset])
@pytest.mark.parametrize(
    ("sent", "rest"),
    [
        (answer(b'{"whole": "body"}', JSON)[:-5], b""),
        (CHUNKED_HEAD + chunked(b"one"), b""),
        (CHUNKED_HEAD + chunked(b"one", b"two")[:-4], b""),
        (CHUNKED_HEAD + chunked(b"one"), b"zz\r\n"),
        (CHUNKED_HEAD + chunked(b"one"), b"0\r\n"),
    ],
)
async def test_a_body_cut_before_its_end_is_a_broken_stream(
    transport: HttpTransport, sent: bytes, rest: bytes, end: Callable[[Peer], None]
) -> None:
    head_read = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(sent)
        await head_read.wait()
        await peer.send(rest)
        end(peer)

    async with RawServer(script) as server:
        response = await transport.send(request_to(server.url))
        head_read.set()
        assert (await failure_of(read(response))).failure is FailureClass.STREAM_BROKEN


async def test_what_came_before_a_cut_is_handed_out(transport: HttpTransport) -> None:
    async with RawServer(serving(CHUNKED_HEAD, chunked(b"one"))) as server:
        response = await transport.send(request_to(server.url))
        chunks = response.chunks()
        assert await anext(chunks) == b"one"
        failed = await failure_of(anext(chunks))
        assert (failed.failure, failed.status) == (FailureClass.STREAM_BROKEN, 200)
        await response.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"<html>\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: y\r\n" % number for number in range(500)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 999999 OK\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_malformed(transport: HttpTransport, sent: bytes) -> None:
    async with RawServer(serving(sent)) as server:
        failed = await failure_of(call(transport, server.url))
        assert failed.failure is FailureClass.MALFORMED_RESPONSE
        assert failed.detail == "the answer is not HTTP that we accept"


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


async def test_closing_an_unread_answer_closes_its_connection(transport: HttpTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED_HEAD, chunked(b"one"))
        await peer.gone()

    async with RawServer(script) as server:
        response = await transport.send(request_to(server.url))
        await response.close()
        await response.close()
        await eventually(lambda: server.open_connections == 0, within_seconds=0.5)


async def test_closing_an_answer_that_came_whole_harms_nobody_else(transport: HttpTransport) -> None:
    async with RawServer(keep_answering) as server:
        first = await transport.send(request_to(server.url))
        await eventually(lambda: first.came_whole)
        second = await transport.send(request_to(server.url))
        await first.close()
        assert await read(second) == b"{}"
        assert server.connections == 1


async def test_a_reader_that_lags_holds_the_provider_back(transport: HttpTransport) -> None:
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.send(CHUNKED_HEAD)
        while sent < 100_000_000:
            await peer.send(chunked(b"x" * 65536))
            sent += 65536

    async with RawServer(script) as server:
        response = await transport.send(request_to(server.url))
        before = -1
        for _ in range(500):
            if before == sent > 0:
                break
            before = sent
            await asyncio.sleep(0.05)
        assert 0 < sent < 50_000_000
        await response.close()


async def test_a_large_request_arrives_whole(transport: HttpTransport) -> None:
    lengths: list[int] = []

    async def script(peer: Peer) -> None:
        lengths.append(len((await peer.request()).partition(b"\r\n\r\n")[2]))
        await peer.send(answer(b"{}", JSON))

    async with RawServer(script) as server:
        await call(transport, server.url, b"x" * 3_000_000)
        assert lengths == [3_000_000]


@pytest.mark.parametrize(
    ("encoding", "packed"), [(b"gzip", gzip.compress(b"plain", mtime=0)), (b"deflate", zlib.compress(b"plain"))]
)
async def test_a_compressed_body_is_inflated(transport: HttpTransport, encoding: bytes, packed: bytes) -> None:
    async with RawServer(serving(answer(packed, b"content-encoding: " + encoding))) as server:
        assert await call(transport, server.url) == b"plain"


@pytest.mark.parametrize(
    ("encoding", "packed", "failure"),
    [
        (b"gzip", gzip.compress(b"\0" * 50_000_000, mtime=0), FailureClass.MALFORMED_RESPONSE),
        (b"gzip", b"not gzip", FailureClass.MALFORMED_RESPONSE),
        (b"gzip", gzip.compress(b"plain", mtime=0)[:-4], FailureClass.STREAM_BROKEN),
        (b"br", b"anything", FailureClass.MALFORMED_RESPONSE),
    ],
)
async def test_a_compressed_body_is_bounded_and_whole(
    transport: HttpTransport, encoding: bytes, packed: bytes, failure: FailureClass
) -> None:
    async with RawServer(serving(answer(packed, b"content-encoding: " + encoding))) as server:
        assert (await failure_of(call(transport, server.url))).failure is failure


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
        running = await made.send(request_to(server.url))
        rules[0] = Egress()
        assert (await failure_of(made.send(request_to(server.url)))).detail.startswith("egress refused")
        finish.set()
        assert await read(running) == b"onetwo"
        await eventually(lambda: server.open_connections == 0, within_seconds=2.0)
        rules[0] = Egress(allow_networks=(AllowedNetwork(cidr="127.0.0.0/8", namespaces=("ai",)),))
        assert await read(await made.send(request_to(server.url))) == b"onetwo"
        await made.close()


async def test_rules_that_are_equal_keep_the_pool() -> None:
    made = HttpTransport(lambda: Egress(deny_private_ranges=False))
    async with RawServer(keep_answering) as server:
        await call(made, server.url)
        await call(made, server.url)
        assert server.connections == 1
        await made.close()


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


async def test_a_header_that_cannot_be_sent_is_a_failure_of_the_attempt(transport: HttpTransport) -> None:
    async with RawServer(keep_answering) as server:
        bad = UpstreamRequest(request_to(server.url).provider, "GET", "/models", (("x", "a\r\nb: c"),))
        failed = await failure_of(transport.send(bad))
        assert failed.failure is FailureClass.UNREACHABLE


async def test_the_environment_names_no_proxy(transport: HttpTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    async with RawServer(serving(answer(b"from the proxy"))) as proxy, RawServer(keep_answering) as server:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        assert await call(transport, server.url) == b"{}"
        assert proxy.connections == 0
