"""Answers go out as fast as they are read, and a client that leaves is noticed."""

import asyncio
import socket
import struct
from pathlib import Path

import pytest
from doubles.edge import EVENTS, Edge, body_of, close, edge, header_of, post, read_all, status_of, stream_three
from doubles.eventually import eventually

from fairlead_proxy.exchange.call import ClientCall, Sink
from fairlead_proxy.exchange.header_lines import encode_lines
from fairlead_proxy.server.limits import Limits

HTTP_1_0 = b"POST /v1/chat/completions HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


async def leaving(sink: Sink) -> None:
    """Return once the caller has left."""
    left = asyncio.Event()
    sink.when_lost(left.set)
    await left.wait()


async def call_without_reading(served: Edge) -> socket.socket:
    """Call as a client that takes no more of its answer than its kernel does by itself."""
    loop, sock = asyncio.get_running_loop(), socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await loop.sock_connect(sock, ("127.0.0.1", served.port))
    await loop.sock_sendall(sock, post())
    return sock


async def room(sink: Sink) -> None:
    """Return once there is room, or the caller has left."""
    there = asyncio.Event()
    sink.when_room(there.set)
    await there.wait()


async def test_a_stream_comes_in_chunks_and_ends_properly(tmp_path: Path) -> None:
    async with edge(tmp_path, script=stream_three) as served:
        answer = await served.exchange(post())
    assert header_of(answer, "transfer-encoding") == "chunked"
    assert body_of(answer) == b"9\r\ndata: 0\n\n\r\n9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n"


async def test_a_connection_goes_on_after_a_stream(tmp_path: Path) -> None:
    async with edge(tmp_path, script=stream_three) as served:
        answer = await served.exchange(post(closing=False) + post())
    assert answer.count(b"HTTP/1.1 200 OK") == 2


async def test_a_stream_to_an_http_1_0_client_ends_with_the_connection(tmp_path: Path) -> None:
    async with edge(tmp_path, script=stream_three) as served:
        answer = await served.exchange(HTTP_1_0)
    assert header_of(answer, "transfer-encoding") is None
    assert body_of(answer) == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"


async def abort_after_one(call: ClientCall, sink: Sink) -> None:
    sink.head(200, EVENTS)
    sink.write(b"data: 0\n\n")
    sink.abort()


async def test_an_aborted_stream_does_not_look_complete(tmp_path: Path) -> None:
    async with edge(tmp_path, script=abort_after_one) as served:
        answer = await served.exchange(post())
    assert not answer.endswith(b"0\r\n\r\n")


async def test_an_aborted_stream_is_a_reset_where_the_end_of_the_connection_would_look_complete(tmp_path: Path) -> None:
    async with edge(tmp_path, script=abort_after_one) as served:
        reader, writer = await served.connect()
        writer.write(HTTP_1_0)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_an_answer_that_is_never_ended_is_never_passed_for_whole(tmp_path: Path) -> None:
    async def forget(call: ClientCall, sink: Sink) -> None:
        sink.head(200, EVENTS)
        sink.write(b"data: 0\n\n")
        raise ValueError

    async with edge(tmp_path, script=forget) as served:
        answer = await served.exchange(post(closing=False))
    assert not answer.endswith(b"0\r\n\r\n")


async def test_an_empty_piece_does_not_end_a_stream(tmp_path: Path) -> None:
    async def pause(call: ClientCall, sink: Sink) -> None:
        sink.head(200, EVENTS)
        for piece in (b"", b"a", b"", b"b"):
            sink.write(piece)
        sink.end()

    async with edge(tmp_path, script=pause) as served:
        answer = await served.exchange(post())
    assert body_of(answer) == b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"


async def test_a_control_character_from_upstream_cannot_make_a_header(tmp_path: Path) -> None:
    async def split(call: ClientCall, sink: Sink) -> None:
        sink.answer(200, encode_lines([("x-a", "b\r\nset-cookie: c")]), b"")

    async with edge(tmp_path, script=split) as served:
        answer = await served.exchange(post())
    assert header_of(answer, "set-cookie") is None
    assert header_of(answer, "x-a") == "b  set-cookie: c"


async def leave_politely(served: Edge) -> None:
    """Connect, call, and close while the answer is awaited."""
    _, writer = await served.connect()
    writer.write(post(closing=False))
    await eventually(lambda: served.handler.calls)
    await close(writer)


async def leave_by_reset(served: Edge) -> None:
    _, writer = await served.connect()
    writer.write(post(closing=False))
    await eventually(lambda: served.handler.calls)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.mark.parametrize("leave", [leave_politely, leave_by_reset])
async def test_leaving_is_noticed_within_100_ms_while_nothing_is_written(tmp_path: Path, leave: object) -> None:
    noticed: list[float] = []

    async def wait(call: ClientCall, sink: Sink) -> None:
        await leaving(sink)
        noticed.append(asyncio.get_running_loop().time())

    assert callable(leave)
    async with edge(tmp_path, script=wait) as served:
        await leave(served)
        left = asyncio.get_running_loop().time()
        await eventually(lambda: noticed)
    assert noticed[0] - left < 0.1


async def test_what_is_written_to_who_has_left_goes_nowhere_and_the_call_is_over(tmp_path: Path) -> None:
    written: list[bool] = []

    async def write_late(call: ClientCall, sink: Sink) -> None:
        await leaving(sink)
        sink.head(200, EVENTS)
        sink.write(b"data: 0\n\n")
        sink.end()
        written.append(True)

    async with edge(tmp_path, script=write_late) as served:
        await leave_politely(served)
        await eventually(lambda: written and served.serving.in_flight == 0)


async def test_who_asks_late_is_still_told_that_the_caller_has_left(tmp_path: Path) -> None:
    gone, told, order = asyncio.Event(), asyncio.Event(), list[str]()

    def tell() -> None:
        order.append("told")
        told.set()

    async def ask_late(call: ClientCall, sink: Sink) -> None:
        await gone.wait()
        sink.when_lost(tell)
        order.append("asked")
        await told.wait()

    async with edge(tmp_path, script=ask_late) as served:
        await leave_politely(served)
        await eventually(lambda: not served.server.connections)
        assert served.serving.in_flight == 1
        gone.set()
        await eventually(lambda: served.serving.in_flight == 0)
    assert order == ["asked", "told"]


async def test_a_client_that_stops_reading_holds_little_and_is_dropped(tmp_path: Path) -> None:
    written: list[int] = []
    ended: list[bool] = []

    async def flood(call: ClientCall, sink: Sink) -> None:
        left = asyncio.Event()
        sink.when_lost(left.set)
        sink.head(200, EVENTS)
        while not left.is_set():
            sink.write(b"x" * 65536)
            written.append(65536)
            await room(sink)
        ended.append(True)

    async with edge(tmp_path, script=flood, limits=Limits(write_seconds=0.3)) as served:
        sock = await call_without_reading(served)
        await eventually(lambda: ended)
        sock.close()
    # The kernel's own buffers of both ends are beyond us: a few MiB on loopback at most.
    assert sum(written) < 16 << 20


async def test_a_slow_reader_gets_everything(tmp_path: Path) -> None:
    async def much(call: ClientCall, sink: Sink) -> None:
        sink.answer(200, b"", b"y" * (4 << 20))

    async with edge(tmp_path, script=much) as served:
        reader, writer = await served.connect()
        writer.write(post())
        answer = bytearray()
        while part := await reader.read(30_000):
            answer += part
            await asyncio.sleep(0)
        writer.close()
    assert len(body_of(bytes(answer))) == 4 << 20


async def test_an_answer_that_nobody_takes_was_not_given(tmp_path: Path) -> None:
    left: list[bool] = []

    async def much(call: ClientCall, sink: Sink) -> None:
        sink.when_lost(lambda: left.append(True))
        sink.answer(200, b"", b"y" * (16 << 20))
        assert sink.full

    async with edge(tmp_path, script=much, limits=Limits(write_seconds=0.3)) as served:
        sock = await call_without_reading(served)
        await eventually(lambda: served.serving.in_flight)
        await eventually(lambda: left and not served.serving.in_flight)
        sock.close()


async def test_nothing_follows_an_answer_that_waits_to_be_taken(tmp_path: Path) -> None:
    async def much(call: ClientCall, sink: Sink) -> None:
        sink.head(200, EVENTS)
        sink.write(b"y" * (4 << 20))
        sink.end()
        sink.write(b"too late")
        sink.end()

    async with edge(tmp_path, script=much) as served:
        answer = await served.exchange(post())
    assert answer.endswith(b"y\r\n0\r\n\r\n")


async def test_headers_that_drip_end_the_connection(tmp_path: Path) -> None:
    async with edge(tmp_path, limits=Limits(head_seconds=0.3)) as served:
        reader, writer = await served.connect()
        answer = asyncio.create_task(read_all(reader))
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\n")
        async with asyncio.timeout(5):
            while not answer.done():
                writer.write(b"X")
                await asyncio.sleep(0.02)
        assert status_of(answer.result()) == 408
        writer.close()


async def test_a_connection_that_says_nothing_is_closed_without_a_word(tmp_path: Path) -> None:
    async with edge(tmp_path, limits=Limits(head_seconds=0.3)) as served:
        assert await served.exchange(b"") == b""


async def test_a_body_that_drips_is_refused(tmp_path: Path) -> None:
    limits = Limits(body_grace_seconds=0.3, body_bytes_per_second=1024, linger_seconds=0.05)
    head = post(b"").replace(b"Content-Length: 0", b"Content-Length: 100000")
    async with edge(tmp_path, limits=limits) as served:
        reader, writer = await served.connect()
        answer = asyncio.create_task(read_all(reader))
        writer.write(head)
        async with asyncio.timeout(5):
            while not answer.done():
                writer.write(b"x")
                await asyncio.sleep(0.02)
        assert status_of(answer.result()) == 408
        assert served.handler.calls == []
        await close(writer)


async def test_a_body_that_is_slow_but_steady_is_taken(tmp_path: Path) -> None:
    limits = Limits(body_grace_seconds=0.2, body_bytes_per_second=1024)
    async with edge(tmp_path, limits=limits) as served:
        reader, writer = await served.connect()
        writer.write(post(b"").replace(b"Content-Length: 0", b"Content-Length: 8000"))
        for _ in range(80):
            writer.write(b"x" * 100)
            await asyncio.sleep(0.01)
        assert status_of(await reader.read()) == 200
        await close(writer)


async def test_a_client_that_leaves_within_its_body_is_no_call(tmp_path: Path) -> None:
    async with edge(tmp_path) as served:
        _, writer = await served.connect()
        writer.write(post(b"").replace(b"Content-Length: 0", b"Content-Length: 100"))
        await eventually(lambda: served.serving.in_flight == 1)
        await close(writer)
        await eventually(lambda: served.serving.in_flight == 0)
    assert served.handler.calls == []
