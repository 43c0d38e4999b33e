"""Requests on one connection are answered in order, each with its own bytes, however the connection fares."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from doubles.edge import (
    ClientWire,
    Edge,
    PromptHandler,
    ScriptedHandler,
    answer_ok,
    body_of,
    close,
    edge,
    get,
    header_of,
    post,
    read_all,
    status_of,
)
from doubles.eventually import eventually
from doubles.uncollected import alive, uncollected

from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.linked import GatewayConfig
from fairlead_proxy.dialects.dialect import CallerDialect
from fairlead_proxy.exchange.call import ClientCall, Sink, UnderWay
from fairlead_proxy.server.client_connection import BACKLOG_BYTES, ClientConnection
from fairlead_proxy.server.limits import Limits
from fairlead_proxy.server.request_body import Body
from fairlead_proxy.server.request_head import HeadReader
from fairlead_proxy.server.visit import Visit

HASTY = Limits(linger_seconds=0.05)
CHUNKED = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
ROW = (
    CHUNKED + b"4\r\n\r\n\r\n\r\n6;a=b\r\n0\r\n\r\nx\r\n0\r\nX-T: a\r\n\r\n",
    get("/v1/models/smart", closing=False),
    post(b"GET / HTTP/1.1\r\n\r\n", closing=False),
    CHUNKED + b"0\r\n\r\n",
    post(b"12"),
)
BODIES = [b"\r\n\r\n0\r\n\r\nx", b"GET / HTTP/1.1\r\n\r\n", b"", b"12"]


def statuses(answers: bytes) -> list[bytes]:
    return [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]]


def backlog_of(served: Edge) -> bytes:
    """Return what the only connection keeps of requests that are not begun yet."""
    return b"".join(connection._backlog for connection in served.server.connections)


def answers_to(served: Edge, *pieces: bytes) -> bytes:
    """Return what is written to a client whose bytes arrive in just these pieces."""
    connection, wire = served.server.protocol(), ClientWire()
    connection.connection_made(wire)
    for piece in pieces:
        connection.data_received(piece)
    connection.connection_lost(None)
    return bytes(wire.written)


async def test_a_row_of_requests_is_the_same_wherever_it_is_torn(tmp_path: Path) -> None:
    row = b"".join(ROW)
    async with edge(tmp_path, handler=PromptHandler()) as served:
        for place in range(1, len(row)):
            served.handler.calls.clear()
            assert statuses(answers_to(served, row[:place], row[place:])) == [b"200"] * 5
            assert [call.body for call in served.handler.calls] == BODIES


async def test_a_row_of_requests_comes_byte_for_byte(tmp_path: Path) -> None:
    async with edge(tmp_path, handler=PromptHandler()) as served:
        answers = answers_to(served, *[bytes([byte]) for byte in b"".join(ROW)])
    assert statuses(answers) == [b"200"] * 5
    assert [call.body for call in served.handler.calls] == BODIES


async def test_an_answer_waits_for_those_before_it(tmp_path: Path) -> None:
    release = asyncio.Event()

    async def first_waits(call: ClientCall, sink: Sink) -> None:
        if call.body == b"1":
            await release.wait()
        await answer_ok(call, sink)

    async with edge(tmp_path, script=first_waits) as served:
        reader, writer = await served.connect()
        writer.write(post(b"1", closing=False) + post(b"12", closing=False))
        writer.write(post(b"123"))
        await eventually(lambda: backlog_of(served).endswith(b"123"))
        begun = len(served.handler.calls)
        release.set()
        answers = await read_all(reader)
        await close(writer)
    assert begun == 1
    assert [answers.find(b'{"ok": %d}' % size) > 0 for size in (1, 2, 3)] == [True] * 3
    assert answers.find(b'{"ok": 1}') < answers.find(b'{"ok": 2}') < answers.find(b'{"ok": 3}')


async def test_little_is_read_of_what_comes_behind_a_call_and_nothing_of_it_is_lost(tmp_path: Path) -> None:
    release = asyncio.Event()

    async def first_waits(call: ClientCall, sink: Sink) -> None:
        await release.wait()
        await answer_ok(call, sink)

    async with edge(tmp_path, script=first_waits) as served:
        reader, writer = await served.connect()
        writer.write(post(b"1", closing=False))
        writer.write(post(bytes(24 << 20)))
        await eventually(lambda: len(backlog_of(served)) > BACKLOG_BYTES)
        for _ in range(100):
            await asyncio.sleep(0)  # the loop could read on
        kept = len(backlog_of(served))
        release.set()
        answers = await read_all(reader)
        await close(writer)
    assert BACKLOG_BYTES < kept <= BACKLOG_BYTES + 256 * 1024
    assert answers.endswith(b'{"ok": %d}' % (24 << 20))


async def test_garbage_behind_a_call_is_refused_once_that_is_answered(tmp_path: Path) -> None:
    async with edge(tmp_path, limits=HASTY) as served:
        answers = await served.exchange(post(b"1", closing=False) + b"\x00\x01\x02 nonsense\r\n\r\n")
    assert statuses(answers) == [b"200", b"400"]
    assert len(served.handler.calls) == 1


async def test_what_comes_behind_a_last_request_is_no_request(tmp_path: Path) -> None:
    async with edge(tmp_path) as served:
        answers = await served.exchange(post(b"1") + post(b"12"))
    assert statuses(answers) == [b"200"]
    assert len(served.handler.calls) == 1


@pytest.mark.parametrize("request_bytes", [post(b"{}", path="/nothing", closing=False), get("/nothing", closing=False)])
async def test_a_connection_goes_on_after_a_refusal_whose_request_was_whole(
    tmp_path: Path, request_bytes: bytes
) -> None:
    async with edge(tmp_path) as served:
        answers = await served.exchange(request_bytes + post())
    assert statuses(answers) == [b"404", b"200"]


async def test_a_refusal_of_a_body_that_is_still_coming_reaches_a_client_that_goes_on_sending(tmp_path: Path) -> None:
    head = post(b"", path="/nothing", closing=False).replace(b"Length: 0", b"Length: 4000000")
    async with edge(tmp_path) as served:
        reader, writer = await served.connect()
        writer.write(head)
        await asyncio.sleep(0.05)
        for _ in range(20):
            writer.write(bytes(100_000))
            await asyncio.sleep(0.001)
        answer = await read_all(reader)
        await close(writer)
    assert (status_of(answer), header_of(answer, "connection")) == (404, "close")
    assert body_of(answer).endswith(b"}")


@pytest.mark.parametrize("place", [1, 40, 120, len(post(b"{}")) - 3, len(post(b"{}")) - 1])
async def test_a_client_that_leaves_at_any_place_leaves_nothing_behind(tmp_path: Path, place: int) -> None:
    async with edge(tmp_path) as served:
        _, writer = await served.connect()
        writer.write(post(b"{}")[:place])
        await eventually(lambda: served.server.connections)
        await close(writer)
        await eventually(lambda: not served.server.connections)
        assert (served.serving.in_flight, served.tenant._held_bytes) == (0, 0)
    assert (served.handler.calls, served.refusals) == ([], [])


async def test_a_call_that_is_still_being_sent_when_the_time_to_drain_is_up_is_told(tmp_path: Path) -> None:
    async with edge(tmp_path, limits=HASTY) as served:
        reader, writer = await served.connect()
        writer.write(post(b"", closing=False).replace(b"Length: 0", b"Length: 100"))
        await eventually(lambda: served.serving.in_flight)
        served.tenant.end_calls()
        answer = await read_all(reader)
        await close(writer)
    assert (status_of(answer), header_of(answer, "connection")) == (503, "close")
    assert b"shutting_down" in answer
    assert (served.serving.in_flight, [refusal.code for refusal in served.refusals]) == (0, ["shutting_down"])


async def test_a_fault_in_a_listener_of_leaving_is_logged_and_the_call_is_over(tmp_path: Path) -> None:
    def fail() -> None:
        raise ValueError

    class Listening(ScriptedHandler):
        def begin(
            self, config: GatewayConfig, keys: KeyRing, dialect: CallerDialect, call: ClientCall, sink: Sink
        ) -> UnderWay:
            sink.when_lost(fail)
            return super().begin(config, keys, dialect, call, sink)

    async def wait(call: ClientCall, sink: Sink) -> None:
        await asyncio.Event().wait()

    async with edge(tmp_path, handler=Listening(wait)) as served:
        _, writer = await served.connect()
        writer.write(post())
        await eventually(lambda: served.serving.in_flight)
        await close(writer)
        await eventually(lambda: not served.serving.in_flight)


async def test_small_answers_are_not_held_back(tmp_path: Path) -> None:
    async with edge(tmp_path) as served:
        _, writer = await served.connect()
        await eventually(lambda: served.server.connections)
        connection = next(iter(served.server.connections))
        assert connection.transport is not None
        sock = connection.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        await close(writer)


@pytest.fixture
def _without_collector() -> Iterator[None]:
    with uncollected():
        yield


@pytest.mark.usefixtures("_without_collector")
async def test_what_a_call_held_is_free_as_soon_as_it_ends(tmp_path: Path) -> None:
    pieces = [CHUNKED + b"2\r\n{}\r\n0\r\n\r\n", post(b"{}", closing=False), post(b"{}", closing=False), post(b"{}")]
    async with edge(tmp_path) as served:
        reader, writer = await served.connect()
        for piece in pieces:
            writer.write(piece)
            await reader.readuntil(b"}")
        await close(writer)
        await eventually(lambda: not served.server.connections)
        left = alive(Body, ClientConnection, HeadReader, Visit)
    assert left == []
