"""From a host name to a socket that is connected: every address judged by the guard, the first that answers wins.

NameNotResolved (an OSError)
"""

import asyncio
import socket
from collections import deque
from collections.abc import Sequence
from itertools import zip_longest

from fairlead_proxy.upstream.egress import AddressInfo, EgressGuard, EgressRefused
from fairlead_proxy.upstream.resolver import Resolve, literal_address

ATTEMPT_DELAY_SECONDS = 0.25
"""After how long the next address is tried beside those that have not answered. Source: RFC 8305, section 5."""


class NameNotResolved(OSError):
    """A host name has no address, or nobody says so."""


async def open_socket(host: str, port: int, guard: EgressGuard, resolve: Resolve) -> socket.socket:
    """Return a connected socket; raise NameNotResolved, EgressRefused if no address may be reached, else OSError.

    To be called under a deadline; leaves no socket behind when it is cancelled.
    """
    literal = literal_address(host, port)
    if literal is not None:
        return await _connect(literal, guard)
    try:
        addresses = await resolve(host, port)
    except OSError as error:
        raise NameNotResolved from error
    if not addresses:
        raise NameNotResolved
    if len(addresses) == 1:
        return await _connect(addresses[0], guard)
    return await _race(deque(interleaved(addresses)), guard)


def interleaved(addresses: Sequence[AddressInfo]) -> list[AddressInfo]:
    """Return the addresses with their families in turn, the first one's first. Source: RFC 8305, section 4."""
    first = [info for info in addresses if info[0] == addresses[0][0]]
    other = [info for info in addresses if info[0] != addresses[0][0]]
    return [info for pair in zip_longest(first, other) for info in pair if info is not None]


async def _race(queue: deque[AddressInfo], guard: EgressGuard) -> socket.socket:
    """Try one address after the other, each a little later than the one before, or as soon as one has failed."""
    running: set[asyncio.Task[socket.socket]] = set()
    errors: list[OSError] = []
    try:
        while queue or running:
            if queue:
                running.add(asyncio.ensure_future(_connect(queue.popleft(), guard)))
            delay = ATTEMPT_DELAY_SECONDS if queue else None
            done, _ = await asyncio.wait(running, timeout=delay, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                running.discard(task)
                try:
                    return task.result()
                except OSError as error:
                    errors.append(error)
    finally:
        for task in running:
            task.cancel()
            task.add_done_callback(_close_late)
    # That one of several addresses is not for us matters only if that was so of all.
    raise next((error for error in errors if not isinstance(error, EgressRefused)), errors[0])


async def _connect(info: AddressInfo, guard: EgressGuard) -> socket.socket:
    made = guard.make_socket(info)
    try:
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(made, info[4])
    except BaseException:
        made.close()
        raise
    return made


def _close_late(task: asyncio.Task[socket.socket]) -> None:
    """Close what a loser of the race has made after all."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()
