"""Bodies over real sockets: handed out as they come, held back, inflated, and broken in every way."""

import asyncio
import gzip
import socket
import threading
import zlib
from collections.abc import Callable

import pytest
from doubles.eventually import eventually
from doubles.http_calls import JSON, Bowl, call, failure_of, keep_answering, read, request_to, send, serving
from doubles.raw_server import CHUNKED_END, CHUNKED_HEAD, Peer, RawServer, answer, chunked

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.http_transport import HttpTransport


async def test_a_body_is_handed_out_as_it_comes(transport: HttpTransport) -> None:
    more = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED_HEAD, chunked(b"one"))
        await more.wait()
        await peer.send(chunked(b"two", b"three") + CHUNKED_END)

    async with RawServer(script) as server:
        response, bowl = await send(transport, request_to(server.url)), Bowl()
        pouring = asyncio.create_task(response.pour(bowl.take))
        await eventually(lambda: bowl.pieces == [b"one"])
        more.set()
        assert await pouring
        assert bowl.pieces == [b"one", b"twothree"]


async def test_a_body_that_is_there_is_poured_without_waiting(transport: HttpTransport) -> None:
    async with RawServer(keep_answering) as server:
        response, bowl = await send(transport, request_to(server.url)), Bowl()
        await eventually(lambda: response.came_whole)
        with pytest.raises(StopIteration) as ended:
            response.pour(bowl.take).send(None)
        assert (ended.value.value, bowl.pieces) == (True, [b"{}"])


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
        response = await send(transport, request_to(server.url))
        head_read.set()
        assert (await failure_of(read(response))).failure is FailureClass.STREAM_BROKEN


@pytest.mark.parametrize("end", [Peer.close, Peer.reset])
async def test_what_came_before_a_cut_is_handed_out(transport: HttpTransport, end: Callable[[Peer], None]) -> None:
    poured = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED_HEAD, chunked(b"one"))
        await poured.wait()
        end(peer)

    def take(piece: bytes) -> bool:
        poured.set()
        return bowl.take(piece)

    async with RawServer(script) as server:
        response, bowl = await send(transport, request_to(server.url)), Bowl()
        failed = await failure_of(response.pour(take))
        assert (failed.failure, failed.status, bowl.pieces) == (FailureClass.STREAM_BROKEN, 200, [b"one"])


async def test_what_is_held_when_the_connection_breaks_is_handed_out_first(transport: HttpTransport) -> None:
    async with RawServer(serving(CHUNKED_HEAD + chunked(b"one") + b"zz\r\n")) as server:
        response, bowl = await send(transport, request_to(server.url)), Bowl()
        await eventually(lambda: server.open_connections == 0)
        failed = await failure_of(response.pour(bowl.take))
        assert (failed.failure, bowl.pieces) == (FailureClass.STREAM_BROKEN, [b"one"])


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


async def test_closing_an_unread_answer_closes_its_connection(transport: HttpTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED_HEAD, chunked(b"one"))
        await peer.gone()

    async with RawServer(script) as server:
        response = await send(transport, request_to(server.url))
        response.close()
        response.close()
        await eventually(lambda: server.open_connections == 0, within_seconds=0.5)


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
        response = await send(transport, request_to(server.url))
        before = -1
        for _ in range(500):
            if before == sent > 0:
                break
            before = sent
            await asyncio.sleep(0.05)
        assert 0 < sent < 50_000_000
        response.close()


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


async def test_a_large_request_that_is_refused_early_gets_its_answer(transport: HttpTransport) -> None:
    """The provider closes with the request half read, so that what is written then fails: its answer is there before.

    A write that is under way in that very moment may still lose it, as with any client.
    """
    refusal = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
    statuses: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=refuse_early, args=(listening, refusal, 10), daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        for _ in range(10):
            try:
                response = await send(transport, request_to(url, body=b"x" * 8_000_000))
            except UpstreamFailure:
                continue
            statuses.append(response.status)
            response.close()
    assert statuses.count(413) >= 8


def refuse_early(listening: socket.socket, refusal: bytes, times: int) -> None:
    """Answer so many requests after 64 KiB, and close, as simple servers do. In a thread, beside the writing."""
    for _ in range(times):
        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(refusal)
