"""Names and their last good answers, the race between addresses, and who gets a connection when there are few."""

import asyncio
import socket
from collections.abc import Sequence

import pytest
from doubles.eventually import eventually
from doubles.http_calls import JSON, LOOPBACK, call, failure_of, keep_answering, read, request_to, send
from doubles.raw_server import Peer, RawServer, answer
from doubles.table_resolver import TableResolver, info_of

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.upstream.connect import NameNotResolved, interleaved, open_socket
from fairlead_proxy.upstream.connection_slots import Slots
from fairlead_proxy.upstream.egress import AddressInfo, EgressGuard
from fairlead_proxy.upstream.http_transport import HttpTransport
from fairlead_proxy.upstream.resolver import FRESH_SECONDS, LAST_GOOD_SECONDS, RETRY_SECONDS, Resolver

GUARD = EgressGuard(LOOPBACK, "ai", "http", "models.test")
A, B = "127.0.0.1", "127.0.0.2"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def addresses(found: Sequence[AddressInfo]) -> list[object]:
    return [info[4][0] for info in found]


async def test_an_answer_is_kept_for_a_while() -> None:
    table, clock = TableResolver({"m": [[A], [B]]}), Clock()
    resolver = Resolver(table, clock)
    assert addresses(await resolver("m", 1)) == [A]
    clock.now += FRESH_SECONDS - 1
    assert addresses(await resolver("m", 1)) == [A]
    assert table.look_ups == 1


async def test_an_answer_that_grows_old_serves_while_it_is_asked_for_anew() -> None:
    table, clock = TableResolver({"m": [[A], [B]]}), Clock()
    resolver = Resolver(table, clock)
    await resolver("m", 1)
    clock.now += FRESH_SECONDS + 1
    assert addresses(await resolver("m", 1)) == [A]
    await eventually(lambda: table.look_ups == 2)
    assert addresses(await resolver("m", 1)) == [B]
    await resolver.close()


async def test_an_answer_that_is_too_old_is_waited_for() -> None:
    table, clock = TableResolver({"m": [[A], [B]]}), Clock()
    resolver = Resolver(table, clock)
    await resolver("m", 1)
    clock.now += 2 * FRESH_SECONDS + 1
    assert addresses(await resolver("m", 1)) == [B]


async def test_the_last_good_answer_serves_where_resolution_fails_and_it_is_not_asked_for_each_time() -> None:
    table, clock = TableResolver({"m": [[A]]}), Clock()
    resolver = Resolver(table, clock)
    await resolver("m", 1)
    table.answers.clear()
    clock.now += LAST_GOOD_SECONDS - 100
    for _ in range(3):
        assert addresses(await resolver("m", 1)) == [A]
    assert table.look_ups == 2
    clock.now += RETRY_SECONDS
    assert addresses(await resolver("m", 1)) == [A]
    assert table.look_ups == 3
    clock.now += 200
    with pytest.raises(OSError, match="no such name"):
        await resolver("m", 1)


async def test_many_who_ask_at_once_ask_once_and_one_who_leaves_harms_nobody() -> None:
    going = asyncio.Event()

    async def slow(host: str, port: int) -> Sequence[AddressInfo]:
        await going.wait()
        return await table(host, port)

    table = TableResolver({"m": [[A]]})
    resolver = Resolver(slow, Clock())
    asking = [asyncio.ensure_future(resolver("m", 1)) for _ in range(5)]
    await asyncio.sleep(0)
    asking[0].cancel()
    going.set()
    assert [addresses(await each) for each in asking[1:]] == [[A]] * 4
    assert table.look_ups == 1
    await resolver.close()


async def test_the_system_is_asked_off_the_loop() -> None:
    resolver = Resolver()
    assert A in addresses(await resolver("localhost", 80)) or "::1" in addresses(await resolver("localhost", 80))
    await resolver.close()


def test_families_take_turns() -> None:
    mixed = [info_of(text, 1) for text in ("::1", "::2", "::3", A, B)]
    assert addresses(interleaved(mixed)) == ["::1", A, "::2", B, "::3"]


def full_listener() -> tuple[socket.socket, list[socket.socket]]:
    """Return a listener that nobody gets through to: its queue is full, so the kernel answers no more."""
    listener = socket.socket()
    listener.bind((B, 0))
    listener.listen(0)
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        fillers.append(filler)
    return listener, fillers


def listener_with_twin() -> tuple[socket.socket, socket.socket, list[socket.socket]]:
    """Return a listener at A, and at the same port of B one that nobody gets through to."""
    for _ in range(50):  # somebody else may hold the port at A
        listener, fillers = full_listener()
        good = socket.socket()
        try:
            good.bind((A, listener.getsockname()[1]))
        except OSError:
            for each in (good, listener, *fillers):
                each.close()
            continue
        good.listen()
        return good, listener, fillers
    raise AssertionError("no port was free at both addresses")


async def test_an_address_that_does_not_answer_costs_a_quarter_of_a_second() -> None:
    good, listener, fillers = listener_with_twin()
    port = listener.getsockname()[1]
    started = asyncio.get_running_loop().time()
    made = await open_socket("m", port, GUARD, TableResolver({"m": [[B, A]]}))
    assert made.getpeername()[0] == A
    assert 0.2 < asyncio.get_running_loop().time() - started < 2
    for each in (made, good, listener, *fillers):
        each.close()


async def test_an_address_that_refuses_costs_no_time() -> None:
    good = socket.socket()
    good.bind((A, 0))
    good.listen()
    took: list[float] = []
    for _ in range(5):  # a machine that stalls takes longer; one that waits for each address does so every time
        started = asyncio.get_running_loop().time()
        made = await open_socket("m", good.getsockname()[1], GUARD, TableResolver({"m": [[B, "127.0.0.3", A]]}))
        took.append(asyncio.get_running_loop().time() - started)
        made.close()
    assert min(took) < 0.2
    good.close()


async def test_a_race_that_is_cancelled_leaves_no_socket() -> None:
    listener, fillers = full_listener()
    port = listener.getsockname()[1]
    work = asyncio.ensure_future(open_socket("m", port, GUARD, TableResolver({"m": [[B, B, B]]})))
    async with asyncio.timeout(10):
        while len(asyncio.all_tasks()) < 4:  # this one, the race, and two addresses: the second has its turn later
            await asyncio.sleep(0.01)
    work.cancel()
    await asyncio.wait([work])
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    for each in (listener, *fillers):
        each.close()


async def test_a_name_without_addresses_does_not_resolve() -> None:
    with pytest.raises(NameNotResolved):
        await open_socket("m", 1, GUARD, TableResolver({"m": [[]]}))


async def test_who_waits_for_a_connection_is_served_in_order() -> None:
    served: list[bytes] = []

    async def script(peer: Peer) -> None:
        while True:
            served.append((await peer.request())[-1:])
            await asyncio.sleep(0)
            await peer.send(answer(b"{}", JSON))

    made = HttpTransport(lambda: LOOPBACK, slots=Slots(per_origin=1))
    async with RawServer(script) as server:
        await asyncio.gather(*(call(made, server.url, b"%d" % number) for number in range(8)))
        assert (b"".join(served), server.connections) == (b"01234567", 1)
        await made.close()


async def test_waiting_for_a_connection_has_a_deadline_and_leaves_nothing() -> None:
    slots = Slots(per_origin=1)
    made = HttpTransport(lambda: LOOPBACK, slots=slots)
    release = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await release.wait()
        await peer.send(answer(b"{}"))
        await keep_answering(peer)

    async with RawServer(script) as server:
        first = asyncio.ensure_future(call(made, server.url))
        await eventually(lambda: server.connections == 1)
        failed = await failure_of(send(made, request_to(server.url, connect_seconds=0.1)))
        assert (failed.failure, failed.detail) == (FailureClass.UNREACHABLE, "no connection within 0.1 s")
        release.set()
        assert await first == b"{}"
        assert await call(made, server.url) == b"{}"
        await made.close()
    assert slots.held == 0


async def test_an_idle_connection_elsewhere_makes_room() -> None:
    slots = Slots(total=1)
    made = HttpTransport(lambda: LOOPBACK, slots=slots)
    async with RawServer(keep_answering) as one, RawServer(keep_answering) as other:
        for _ in range(2):
            assert await call(made, one.url) == b"{}"
            assert await call(made, other.url) == b"{}"
        assert (one.connections, other.connections) == (2, 2)
        await made.close()
    assert slots.held == 0


async def test_a_full_house_is_shared_between_origins_in_the_order_of_coming() -> None:
    made = HttpTransport(lambda: LOOPBACK, slots=Slots(total=1))
    order: list[int] = []

    async def go(url: str, number: int) -> None:
        await read(await send(made, request_to(url)))
        order.append(number)

    async with RawServer(keep_answering) as one, RawServer(keep_answering) as other:
        await asyncio.gather(*(go((one, other)[number % 2].url, number) for number in range(6)))
        assert order == list(range(6))
        await made.close()
