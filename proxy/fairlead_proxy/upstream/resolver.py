"""Names to addresses, off the loop: answers are kept a while, and the last good one helps where resolution fails."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address

from fairlead_proxy.upstream.egress import AddressInfo

FRESH_SECONDS = 30.0
"""How long an answer is taken as it is. Beyond it, and up to twice that, it serves while it is asked for anew."""
LAST_GOOD_SECONDS = 3600.0
"""How long the last good answer serves where resolution fails. All these figures are defaults."""
RETRY_SECONDS = 5.0
"""While the last good answer serves, how often resolution is tried."""
MAX_NAMES = 4096
THREADS = 8

Resolve = Callable[[str, int], Awaitable[Sequence[AddressInfo]]]
"""Return the addresses that a name has, best first; raise OSError where there are none."""


@dataclass(slots=True)
class _Known:
    """An answer, and when it came; `tried_at`: when it was last asked for. On the clock of the resolver."""

    addresses: Sequence[AddressInfo]
    at: float
    tried_at: float


class Resolver:
    """A Resolve. `look_up` asks the system; `clock` is the loop's by default. To be closed."""

    def __init__(self, look_up: Resolve | None = None, clock: Callable[[], float] | None = None) -> None:
        self._look_up = look_up or self._ask_system
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._known: dict[tuple[str, int], _Known] = {}
        self._asking: dict[tuple[str, int], asyncio.Task[Sequence[AddressInfo]]] = {}
        self._threads: ThreadPoolExecutor | None = None

    async def __call__(self, host: str, port: int) -> Sequence[AddressInfo]:
        """See Resolve."""
        key = (host, port)
        known, now = self._known.get(key), self._clock()
        if known is not None:
            age = now - known.at
            if age < FRESH_SECONDS:
                return known.addresses
            if age < 2 * FRESH_SECONDS or (age < LAST_GOOD_SECONDS and now - known.tried_at < RETRY_SECONDS):
                if now - known.tried_at >= RETRY_SECONDS:
                    self._begin(key)
                return known.addresses
        try:
            # Others may wait for the same answer, so that one who leaves must not take it with him.
            self._begin(key)
            return await asyncio.shield(self._asking[key])
        except OSError:
            if known is not None and self._clock() - known.at < LAST_GOOD_SECONDS:
                return known.addresses
            raise

    async def close(self) -> None:
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin(self, key: tuple[str, int]) -> None:
        """Begin to look a name up, unless that is under way."""
        if key in self._asking:
            return
        known = self._known.get(key)
        if known is not None:
            known.tried_at = self._clock()
        task = self._asking[key] = asyncio.ensure_future(self._learn(key))
        task.add_done_callback(lambda done: self._asked(key, done))

    async def _learn(self, key: tuple[str, int]) -> Sequence[AddressInfo]:
        addresses = tuple(await self._look_up(*key))
        if not addresses:
            raise OSError("the name has no address")
        if len(self._known) >= MAX_NAMES:
            self._known.pop(next(iter(self._known)))
        now = self._clock()
        self._known[key] = _Known(addresses, now, now)
        return addresses

    def _asked(self, key: tuple[str, int], task: asyncio.Task[Sequence[AddressInfo]]) -> None:
        del self._asking[key]
        if not task.cancelled():
            task.exception()  # whoever waits is told; where nobody does, it is not logged as forgotten

    async def _ask_system(self, host: str, port: int) -> Sequence[AddressInfo]:
        """Threads of our own: names that take long to resolve must not hold up the process's other work."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="resolver")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _system_addresses, host, port)


def literal_address(host: str, port: int) -> AddressInfo | None:
    """Return the address that a host is in itself, None if it is a name (odd spellings of addresses included)."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if address.version == 4:
        return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))
    if "%" in host:
        return None
    return (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port, 0, 0))


def _system_addresses(host: str, port: int) -> Sequence[AddressInfo]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except UnicodeError:
        raise OSError("the name cannot be looked up") from None
