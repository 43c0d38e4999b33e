"""While a proxy drains, what is under way is answered in peace, and no connection is led to expect more."""

import asyncio
import socket
from pathlib import Path

from doubles.edge import EVENTS, close, edge, header_of, post, status_of, stream_three
from doubles.eventually import eventually

from fairlead_proxy.exchange.call import ClientCall, Sink


async def test_while_draining_answers_end_their_connections(tmp_path: Path) -> None:
    async with edge(tmp_path) as served:
        served.serving.draining = True
        answer = await served.exchange(post(closing=False))
    assert (status_of(answer), header_of(answer, "connection")) == (200, "close")


async def test_a_call_in_flight_when_draining_begins_tells_that_its_connection_ends(tmp_path: Path) -> None:
    release = asyncio.Event()

    async def wait(call: ClientCall, sink: Sink) -> None:
        await release.wait()
        await stream_three(call, sink)

    async with edge(tmp_path, script=wait) as served:
        reader, writer = await served.connect()
        writer.write(post(closing=False))
        await eventually(lambda: bool(served.handler.calls))
        served.serving.draining = True
        release.set()
        assert header_of(await reader.read(), "connection") == "close"
        await close(writer)


async def test_a_connection_that_was_promised_to_go_on_serves_one_more_call_while_draining(tmp_path: Path) -> None:
    release = asyncio.Event()

    async def halt_within(call: ClientCall, sink: Sink) -> None:
        sink.head(200, EVENTS)
        sink.write(b"data: 0\n\n")
        await release.wait()
        sink.end()

    async with edge(tmp_path, script=halt_within) as served:
        reader, writer = await served.connect()
        writer.write(post(closing=False))
        assert header_of(await reader.readuntil(b"\r\n\r\n"), "connection") != "close"
        served.serving.draining = True
        release.set()
        assert await reader.readuntil(b"\r\n0\r\n\r\n") == b"9\r\ndata: 0\n\n\r\n0\r\n\r\n"
        writer.write(post(closing=False))
        assert header_of(await reader.read(), "connection") == "close"
        await close(writer)


async def test_once_it_stops_accepting_idle_connections_end_and_busy_ones_go_on(tmp_path: Path) -> None:
    release = asyncio.Event()

    async def wait(call: ClientCall, sink: Sink) -> None:
        await release.wait()
        await stream_three(call, sink)

    async with edge(tmp_path, script=wait) as served:
        idle, idle_writer = await served.connect()
        busy, busy_writer = await served.connect()
        busy_writer.write(post(closing=False))
        await eventually(lambda: served.handler.calls and len(served.server.connections) == 2)
        served.serving.draining = True
        await served.listener.stop_accepting()
        assert await idle.read() == b""
        release.set()
        assert (await busy.read()).endswith(b"0\r\n\r\n")
        await close(idle_writer)
        await close(busy_writer)


async def test_a_connection_that_was_made_in_time_is_served_though_the_port_has_closed(tmp_path: Path) -> None:
    async with edge(tmp_path) as served:
        # Made by the kernel alone: nothing here has run in between, so that nobody has accepted it.
        client = socket.create_connection(("127.0.0.1", served.port))
        stopping = asyncio.create_task(served.listener.stop_accepting())
        await eventually(lambda: len(served.server.connections) == 1)
        reader, writer = await asyncio.open_connection(sock=client)
        writer.write(post())
        assert status_of(await reader.read()) == 200
        await stopping
        await close(writer)


async def test_calls_that_outlast_the_drain_end_with_an_error_that_their_client_understands(tmp_path: Path) -> None:
    async def stall(call: ClientCall, sink: Sink) -> None:
        sink.head(200, EVENTS)
        sink.write(b"data: 0\n\n")
        await asyncio.Event().wait()

    async with edge(tmp_path, script=stall) as served:
        answer = asyncio.create_task(served.exchange(post(closing=False)))
        await eventually(lambda: served.handler.calls)
        served.tenant.end_calls()
        received = await answer
    assert b'data: {"error"' in received
    assert b"[DONE]" not in received
    assert served.serving.in_flight == 0


async def test_calls_that_were_not_answered_before_the_drain_ended_get_a_503(tmp_path: Path) -> None:
    async def stall(call: ClientCall, sink: Sink) -> None:
        await asyncio.Event().wait()

    async with edge(tmp_path, script=stall) as served:
        answer = asyncio.create_task(served.exchange(post(closing=False)))
        await eventually(lambda: served.handler.calls)
        served.tenant.end_calls()
        received = await answer
    assert status_of(received) == 503
    assert b"shutting_down" in received
    assert served.refusals == []  # the gateway books it
