"""Requests over the real transport, as their receivers see them: bounds, ends, and what goes out with them."""

import asyncio

import pytest
from doubles.eventually import eventually
from doubles.http_calls import BODY, LOOPBACK, Request, call, failure_of, keep_answering, read, request_to, send
from doubles.raw_server import CHUNKED_HEAD, Peer, RawServer, answer, chunked
from doubles.telling_receiver import TellingReceiver

from fairlead_proxy.contract.config import Egress
from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.upstream.connection_slots import Slots
from fairlead_proxy.upstream.http_transport import HttpTransport
from fairlead_proxy.upstream.transport import Lane

AT_ONCE = answer(b"{}")
STREAM = CHUNKED_HEAD + chunked(b"one")


@pytest.mark.parametrize("when", ["while connecting", "in the head", "in a chunk"])
async def test_what_waits_for_a_receiver_that_has_paused_is_no_more_than_256_kib(
    transport: HttpTransport, when: str
) -> None:
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.send(CHUNKED_HEAD)
        while True:
            await peer.send(chunked(b"x" * 65536))
            sent += 65536

    async with RawServer(script) as server:
        receiver = TellingReceiver()
        request = request_to(server.url)
        receiver.errand = transport.send(request.lane, request.body, receiver)
        if when == "while connecting":
            receiver.errand.pause()
        receiver.on("head" if when == "in the head" else "chunk", lambda: receiver.errand.pause())
        amounts = [-1, 0]
        while (not sent or amounts[-1] != amounts[-2]) and len(
            amounts
        ) < 30:  # until the provider gets no more of it sent
            await asyncio.sleep(0.1)
            amounts.append(sent)
        handed = len(receiver.chunks)
        receiver.on("chunk", lambda: receiver.errand.close())
        receiver.errand.resume()
        assert all(len(chunk) <= 256 * 1024 for chunk in receiver.chunks[handed:])
        assert (handed, len(receiver.chunks)) in ((0, 1), (1, 1), (1, 2))


@pytest.mark.parametrize("when", ["connecting", "waiting for a connection", "waiting for the head", "in the body"])
async def test_closing_an_errand_closes_its_socket_within_100_ms_and_tells_nothing(when: str) -> None:
    arrived = asyncio.Event()

    async def script(peer: Peer) -> None:
        if when != "connecting":
            await peer.request()
        if when == "in the body":
            await peer.send(STREAM)
        arrived.set()
        await peer.gone()

    slots = Slots(per_origin=1)
    made = HttpTransport(lambda: LOOPBACK, slots=slots)
    loop = asyncio.get_running_loop()
    async with RawServer(script) as server:
        request = request_to(server.url.replace("http:", "https:") if when == "connecting" else server.url)
        receiver, waiting = TellingReceiver(), TellingReceiver()
        receiver.errand = made.send(request.lane, request.body, receiver)
        await arrived.wait()
        if when == "waiting for a connection":
            waiting.errand = made.send(request.lane, request.body, waiting)
            await asyncio.sleep(0)
            waiting.errand.close()
        await eventually(lambda: when != "in the body" or receiver.chunks)
        told = list(receiver.told)
        started = loop.time()
        receiver.errand.close()
        await eventually(lambda: server.open_connections == 0)
        assert loop.time() - started < 0.1
        assert (receiver.told, waiting.told) == (told, [])
        await made.close()
    assert slots.held == 0


@pytest.mark.parametrize("how", ["over a kept connection", "over a new one", "not at all"])
async def test_nothing_is_told_within_send(transport: HttpTransport, how: str) -> None:
    async with RawServer(keep_answering) as server:
        lane = request_to(server.url).lane
        if how == "over a kept connection":
            await read(await send(transport, Request(lane, BODY)))
        if how == "not at all":
            lane = Lane(lane.provider, "GET", "/models", (("x", "a\r\nb: c"),))
        receiver = TellingReceiver()
        receiver.errand = transport.send(lane, BODY, receiver)
        assert receiver.told == []
        await eventually(lambda: receiver.told)
        assert receiver.told == (["lost Unreachable"] if how == "not at all" else ["head 200", "chunk {}", "end"])


async def test_whoever_asks_again_within_end_has_the_same_connection(transport: HttpTransport) -> None:
    async with RawServer(keep_answering) as server:
        request = request_to(server.url)
        first, second = TellingReceiver(), TellingReceiver()
        first.on("end", lambda: setattr(second, "errand", transport.send(request.lane, request.body, second)))
        first.errand = transport.send(request.lane, request.body, first)
        await eventually(lambda: "end" in second.told)
        assert server.connections == 1


@pytest.mark.parametrize("body", [b"", BODY, b"x" * 200_000], ids=["none", "small", "large"])
async def test_headers_of_one_request_go_out_with_it_and_with_no_other(transport: HttpTransport, body: bytes) -> None:
    heads: list[list[bytes]] = []
    bodies: list[bytes] = []

    async def script(peer: Peer) -> None:
        while True:
            head, _, rest = (await peer.request()).partition(b"\r\n\r\n")
            heads.append(head.split(b"\r\n"))
            bodies.append(rest)
            await peer.send(AT_ONCE)

    async with RawServer(script) as server:
        lane = request_to(server.url).lane
        more = (("traceparent", "00-1-2-01"), ("x-a", "\udce4"))
        await read(await send(transport, Request(lane, body, more)))
        await read(await send(transport, Request(lane, body)))
        own = [b"traceparent: 00-1-2-01", b"x-a: \xe4"]
        assert [line for line in heads[0] if line not in own] == heads[1]
        assert [line for line in heads[0] if line in own] == own
        assert bodies == [body, body]


@pytest.mark.parametrize("more", [("x", "a\r\nb: c"), ("x y", "a"), ("Content-Length", "1"), ("host", "else.test")])
async def test_headers_of_one_request_that_cannot_be_sent_are_a_failure(
    transport: HttpTransport, more: tuple[str, str]
) -> None:
    async with RawServer(keep_answering) as server:
        await call(transport, server.url)
        failed = await failure_of(send(transport, Request(request_to(server.url).lane, BODY, (more,))))
        assert failed.detail == "the provider's url or the request's headers cannot be sent"
        assert await call(transport, server.url) == b"{}"


async def test_a_lane_follows_the_rules_now_in_force() -> None:
    rules = [LOOPBACK]
    made = HttpTransport(lambda: rules[0])
    async with RawServer(keep_answering) as server:
        lane = request_to(server.url).lane
        assert await read(await send(made, Request(lane, BODY))) == b"{}"
        rules[0] = Egress()
        assert (await failure_of(send(made, Request(lane, BODY)))).detail.startswith("egress refused")
        await made.close()


@pytest.mark.parametrize("scheme", ["http", "https"], ids=["waiting for the head", "connecting"])
async def test_closing_the_transport_tells_whoever_waits(scheme: str) -> None:
    arrived = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.reader.read(10)
        arrived.set()
        await peer.gone()

    made = HttpTransport(lambda: LOOPBACK)
    receiver = TellingReceiver()
    async with RawServer(script) as server:
        lane = request_to(server.url.replace("http", scheme)).lane
        receiver.errand = made.send(lane, BODY, receiver)
        await arrived.wait()
        await made.close()
        assert receiver.told == ["lost Unreachable"]
        assert (await failure_of(send(made, Request(lane)))).failure is FailureClass.UNREACHABLE
        await eventually(lambda: server.open_connections == 0)


async def test_a_connection_that_dies_between_its_granting_and_its_use_is_not_used() -> None:
    going = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(STREAM)
        await going.wait()
        await peer.send(b"0\r\n\r\n")
        await peer.gone()

    made = HttpTransport(lambda: LOOPBACK, slots=Slots(per_origin=1))
    async with RawServer(script) as server:
        lane = request_to(server.url).lane
        first, second = TellingReceiver(), TellingReceiver()
        errand = made.send(lane, BODY, first)
        await eventually(lambda: first.chunks)
        second.errand = made.send(lane, BODY, second)
        await asyncio.sleep(0)
        connection = errand.connection
        assert connection is not None
        first.on("end", connection.abort)
        going.set()
        await eventually(lambda: "end" in second.told)
        assert (server.connections, second.told) == (2, ["head 200", "chunk one", "end"])
        await made.close()
