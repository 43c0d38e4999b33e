"""Providers over HTTP/1.1: pooled connections that the egress guard has made, cut at once when a call is cancelled."""

import asyncio
import logging
import os
import ssl
from collections.abc import Callable
from typing import NamedTuple
from weakref import WeakValueDictionary

from fairlead_proxy.contract.config import Egress
from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.connect import NameNotResolved
from fairlead_proxy.upstream.connection_slots import Slots
from fairlead_proxy.upstream.egress import EgressRefused
from fairlead_proxy.upstream.forward_proxy import ForwardProxy, ProxyRefused, read_forward_proxy
from fairlead_proxy.upstream.http_connection import HttpConnection
from fairlead_proxy.upstream.http_errand import HttpErrand
from fairlead_proxy.upstream.http_pool import HttpPool, PoolRetired, Way
from fairlead_proxy.upstream.http_target import Origin, encode_bodiless, encode_head, encode_more, read_origin
from fairlead_proxy.upstream.resolver import Resolve, Resolver
from fairlead_proxy.upstream.transport import Headers, Lane, Receiver

IDLE_POOL_SECONDS = 300.0
"""A pool that nobody has used for so long is closed; a default."""
SWEEP_SECONDS = 10.0
"""How often idle connections and pools are looked through."""
MAX_PREPARED = 4096
"""How many encoded heads are kept. They hold keys, so they are dropped at each sweep too: a default."""
JOINED_BYTES = 64 * 1024
"""A body up to this size goes out in one write with its head."""


_LOG = logging.getLogger(__name__)


class _Prepared(NamedTuple):
    """What every request along a lane needs: where its connections come from, and the encoded head."""

    pool: HttpPool
    head: bytes
    bodiless: bytes


_PoolKey = tuple[str, Origin, str, str]


class HttpTransport:
    """See Transport. `egress` is asked for each call; when its answer changes, no old connection serves a new call.

    `tls` and `resolver` are for tests that bring an authority or names of their own, `slots` for those that have few.
    """

    def __init__(
        self,
        egress: Callable[[], Egress],
        *,
        tls: ssl.SSLContext | None = None,
        resolver: Resolve | None = None,
        slots: Slots | None = None,
    ) -> None:
        self._egress = egress
        self._loop: asyncio.AbstractEventLoop  # of the first request: a transport may be made where none runs yet
        self._own_resolver = Resolver() if resolver is None else None
        self._resolve: Resolve = resolver or self._own_resolver or Resolver()
        self._tls = tls
        self._contexts: WeakValueDictionary[str, ssl.SSLContext] = WeakValueDictionary()
        self._slots = slots or Slots()
        self._pools: dict[_PoolKey, HttpPool] = {}
        self._retired: set[HttpPool] = set()
        self._prepared: dict[Lane, _Prepared] = {}
        self._connecting: dict[asyncio.Task[None], HttpErrand] = {}
        self._rules = Egress()
        self._sweeping: asyncio.TimerHandle | None = None
        self._closed = False

    def send(self, lane: Lane, body: bytes, receiver: Receiver, more: Headers = ()) -> HttpErrand:
        """See Transport.

        A chat call whose kept connection proves to be dead is repeated although it is a POST: it changes nothing at the
        provider, a stale connection has not delivered it, and the gateway would otherwise ask the next provider the
        same thing.
        """
        errand = HttpErrand(self, lane, body, receiver)
        rules = self._egress()
        if rules is not self._rules:
            self._follow(rules)
        try:
            if more:
                errand.more = encode_more(more)
            prepared = self._prepared.get(lane) or self._prepare(lane)
        except (UpstreamFailure, OSError, ValueError) as error:
            # Once whoever sends it knows of the errand.
            asyncio.get_running_loop().call_soon(errand.lose, _failure_of(error, lane))
            return errand
        now = self._loop.time()
        connection = prepared.pool.take_idle(now)
        if connection is None:
            self._connect(errand, fresh=False)
        else:
            _send_over(connection, errand, prepared, now)
        return errand

    def send_anew(self, errand: HttpErrand) -> None:
        """See Sender: a connection made for it is never a stale one, so this happens but once."""
        self._connect(errand, fresh=True)

    async def close(self) -> None:
        self._closed = True
        self._prepared.clear()
        if self._sweeping is not None:
            self._sweeping.cancel()
        connecting = list(self._connecting.items())
        for task, errand in connecting:
            task.cancel()
            errand.lose(_closed())
        if connecting:
            await asyncio.wait([task for task, _ in connecting])
        pools = [*self._pools.values(), *self._retired]
        self._pools.clear()
        self._retired.clear()
        for pool in pools:
            await pool.close()
        if self._own_resolver is not None:
            await self._own_resolver.close()

    def _connect(self, errand: HttpErrand, *, fresh: bool) -> None:
        """Send a request over a connection that is to be made first, or to be waited for."""
        task = errand.making = self._loop.create_task(self._send_once_connected(errand, fresh))
        self._connecting[task] = errand
        task.add_done_callback(self._connected)

    def _connected(self, task: asyncio.Task[None]) -> None:
        errand = self._connecting.pop(task)
        if errand.making is task:
            errand.making = None
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("a connection could not be made: %s", type(error).__name__)
            errand.lose(UpstreamFailure(FailureClass.INVALID_REQUEST, "a fault within the gateway"))

    async def _send_once_connected(self, errand: HttpErrand, fresh: bool) -> None:
        lane = errand.lane
        try:
            async with asyncio.timeout(lane.connect_seconds):
                prepared, connection = await self._find_connection(lane, fresh=fresh)
        except (UpstreamFailure, OSError, ValueError) as error:
            errand.lose(_failure_of(error, lane))
        else:
            _send_over(connection, errand, prepared, self._loop.time())

    async def _find_connection(self, lane: Lane, *, fresh: bool) -> tuple[_Prepared, HttpConnection]:
        while True:
            rules = self._egress()
            if rules is not self._rules:
                self._follow(rules)
            prepared = self._prepared.get(lane) or self._prepare(lane)
            try:
                connection = await prepared.pool.make(fresh=fresh)
            except PoolRetired:
                continue
            if connection.usable:  # else it has died on its way to us
                return prepared, connection

    def _prepare(self, lane: Lane) -> _Prepared:
        """Find out, and keep, what requests along a lane need under the rules now in force."""
        if self._closed:
            raise _closed()
        prepared = _Prepared(self._pool(lane), encode_head(lane), encode_bodiless(lane))
        if len(self._prepared) >= MAX_PREPARED:
            self._prepared.clear()
        self._prepared[lane] = prepared
        return prepared

    def _follow(self, rules: Egress) -> None:
        """Retire every pool when the egress rules change: each was made by a guard that holds the old ones."""
        if rules != self._rules:
            for pool in self._pools.values():
                self._retire(pool)
            self._pools.clear()
            self._prepared.clear()
        self._rules = rules

    def _pool(self, lane: Lane) -> HttpPool:
        """Return the pool of an origin, made under the present rules."""
        provider, origin = lane.provider, read_origin(lane)
        key = (provider.namespace, origin, provider.ca_pem, provider.forward_proxy)
        pool = self._pools.get(key)
        if pool is None:
            self._loop = loop = asyncio.get_running_loop()
            way = Way(
                origin,
                provider.namespace,
                self._rules,
                self._context(provider.ca_pem) if origin.scheme == "https" else None,
                _proxy(provider.forward_proxy, origin),
            )
            pool = self._pools[key] = HttpPool(way, self._slots, self._resolve, loop)
            if self._sweeping is None:
                self._sweeping = loop.call_later(SWEEP_SECONDS, self._sweep)
        return pool

    def _context(self, ca_pem: str) -> ssl.SSLContext:
        """Return the context that trusts these authorities, and no others; the system's where none are given."""
        context = self._tls if not ca_pem and self._tls is not None else self._contexts.get(ca_pem)
        if context is None:
            try:
                context = ssl.create_default_context(cadata=ca_pem or None)
            except (ssl.SSLError, ValueError):
                raise _unreachable("the provider's certificate authorities cannot be read") from None
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.set_alpn_protocols(["http/1.1"])
            self._contexts[ca_pem] = context
        return context

    def _sweep(self) -> None:
        now = self._loop.time()
        for key, pool in list(self._pools.items()):
            pool.expire(now)
            if not pool.held and pool.last_used < now - IDLE_POOL_SECONDS:
                self._retire(self._pools.pop(key))
        self._retired = {pool for pool in self._retired if pool.held}
        self._prepared.clear()
        self._sweeping = self._loop.call_later(SWEEP_SECONDS, self._sweep) if self._pools or self._retired else None

    def _retire(self, pool: HttpPool) -> None:
        pool.retire()
        self._retired.add(pool)


def _send_over(connection: HttpConnection, errand: HttpErrand, prepared: _Prepared, now: float) -> None:
    body = errand.body
    if not body:
        connection.send(errand, b"%b%b\r\n" % (prepared.bodiless, errand.more), b"", now)
    elif len(body) <= JOINED_BYTES:
        connection.send(errand, b"%b%d\r\n%b\r\n%b" % (prepared.head, len(body), errand.more, body), b"", now)
    else:
        connection.send(errand, b"%b%d\r\n%b\r\n" % (prepared.head, len(body), errand.more), body, now)


def _proxy(url: str, origin: Origin) -> ForwardProxy | None:
    """Return the forward proxy; through one, only https is spoken: the proxy must not see a key."""
    if not url:
        return None
    proxy = read_forward_proxy(url)
    if proxy is None:
        raise _unreachable("the provider's forward proxy is not a plain http url")
    if origin.scheme != "https":
        raise _unreachable("through a forward proxy only https is spoken")
    return proxy


def _failure_of(error: Exception, lane: Lane) -> UpstreamFailure:
    """Return the failure to connect with a text of ours: an exception's own may hold addresses or others' words."""
    match error:
        case UpstreamFailure():
            return error
        case NameNotResolved():
            return _unreachable("the provider's host name does not resolve")
        case ssl.SSLCertVerificationError():
            return _unreachable("the provider's certificate is not trusted")
        case ssl.SSLError():
            return _unreachable("no TLS connection with the provider")
        case EgressRefused():
            return _unreachable(f"egress refused: {error.refused.message}")
        case ProxyRefused():
            return _unreachable(f"no connection: {error.message}")
        case TimeoutError() if not error.errno:
            return _unreachable(f"no connection within {lane.connect_seconds:g} s")
        case OSError():
            return _unreachable(f"no connection: {os.strerror(error.errno) if error.errno else 'no address answered'}")
        case _:
            return _unreachable("the provider's url or the request's headers cannot be sent")


def _closed() -> UpstreamFailure:
    return _unreachable("this proxy ends")


def _unreachable(detail: str) -> UpstreamFailure:
    return UpstreamFailure(FailureClass.UNREACHABLE, detail)
