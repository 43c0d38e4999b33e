"""Providers over HTTP/1.1: pooled connections that the egress guard has made, cut at once when a call is cancelled."""

import asyncio
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
from fairlead_proxy.upstream.http_connection import HttpConnection, StaleConnection
from fairlead_proxy.upstream.http_pool import HttpPool, PoolRetired, Way
from fairlead_proxy.upstream.http_response import HttpResponse
from fairlead_proxy.upstream.http_target import Origin, encode_bodiless, encode_head, read_origin
from fairlead_proxy.upstream.resolver import Resolve, Resolver
from fairlead_proxy.upstream.transport import UpstreamRequest

IDLE_POOL_SECONDS = 300.0
"""A pool that nobody has used for so long is closed; a default."""
SWEEP_SECONDS = 10.0
"""How often idle connections and pools are looked through."""
MAX_TARGETS = 4096
"""How many encoded heads are kept. They hold keys, so they are dropped at each sweep too: a default."""
JOINED_BYTES = 64 * 1024
"""A body up to this size goes out in one write with its head."""


class _Target(NamedTuple):
    """What is the same for each call of one kind: where its connections come from, and the encoded head."""

    pool: HttpPool
    head: bytes
    bodiless: bytes


_PoolKey = tuple[str, Origin, str, str]
_TargetKey = tuple[str, str, str, str, str, str, tuple[tuple[str, str], ...]]


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
        self._own_resolver = Resolver() if resolver is None else None
        self._resolve: Resolve = resolver or self._own_resolver or Resolver()
        self._tls = tls
        self._contexts: WeakValueDictionary[str, ssl.SSLContext] = WeakValueDictionary()
        self._slots = slots or Slots()
        self._pools: dict[_PoolKey, HttpPool] = {}
        self._retired: set[HttpPool] = set()
        self._targets: dict[_TargetKey, _Target] = {}
        self._rules = Egress()
        self._sweeping: asyncio.TimerHandle | None = None

    async def send(self, request: UpstreamRequest) -> HttpResponse:
        """See Transport.

        A chat call whose kept connection proves to be dead is repeated although it is a POST: it changes nothing at the
        provider, a stale connection has not delivered it, and the gateway would otherwise ask the next provider the
        same thing.
        """
        target = self._target(request)
        loop = asyncio.get_running_loop()
        connection = target.pool.take_idle(loop.time())
        fresh = False
        while True:
            if connection is None:
                target, connection = await self._connect(request, fresh=fresh)
            try:
                return await _exchange(connection, target, request, loop.time())
            except StaleConnection:
                connection, fresh = None, True  # a fresh one is never stale

    async def close(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
        pools = [*self._pools.values(), *self._retired]
        self._pools.clear()
        self._retired.clear()
        self._targets.clear()
        for pool in pools:
            await pool.close()
        if self._own_resolver is not None:
            await self._own_resolver.close()

    def _target(self, request: UpstreamRequest) -> _Target:
        """Return what is known of such calls, under the rules now in force."""
        rules = self._egress()
        if rules is not self._rules:
            self._follow(rules)
        provider = request.provider
        key = (
            provider.id,
            provider.url,
            provider.ca_pem,
            provider.forward_proxy,
            request.method,
            request.path,
            request.headers,
        )
        target = self._targets.get(key)
        if target is None:
            target = _Target(self._pool(request), encode_head(request), encode_bodiless(request))
            if len(self._targets) >= MAX_TARGETS:
                self._targets.clear()
            self._targets[key] = target
        return target

    async def _connect(self, request: UpstreamRequest, *, fresh: bool) -> tuple[_Target, HttpConnection]:
        try:
            async with asyncio.timeout(request.connect_seconds):
                while True:
                    target = self._target(request)
                    try:
                        return target, await target.pool.make(fresh=fresh)
                    except PoolRetired:
                        continue
        except (OSError, ValueError) as error:
            raise _failure_of(error, request) from error

    def _follow(self, rules: Egress) -> None:
        """Retire every pool when the egress rules change: each was made by a guard that holds the old ones."""
        if rules != self._rules:
            for pool in self._pools.values():
                self._retire(pool)
            self._pools.clear()
            self._targets.clear()
        self._rules = rules

    def _pool(self, request: UpstreamRequest) -> HttpPool:
        """Return the pool of an origin, made under the present rules."""
        provider, origin = request.provider, read_origin(request)
        key = (provider.namespace, origin, provider.ca_pem, provider.forward_proxy)
        pool = self._pools.get(key)
        if pool is None:
            loop = asyncio.get_running_loop()
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
        loop = asyncio.get_running_loop()
        now = loop.time()
        for key, pool in list(self._pools.items()):
            pool.expire(now)
            if not pool.held and pool.last_used < now - IDLE_POOL_SECONDS:
                self._retire(self._pools.pop(key))
        self._retired = {pool for pool in self._retired if pool.held}
        self._targets.clear()
        self._sweeping = loop.call_later(SWEEP_SECONDS, self._sweep) if self._pools or self._retired else None

    def _retire(self, pool: HttpPool) -> None:
        pool.retire()
        self._retired.add(pool)


async def _exchange(connection: HttpConnection, target: _Target, request: UpstreamRequest, now: float) -> HttpResponse:
    """Send on this connection; raise StaleConnection or UpstreamFailure where no answer comes."""
    body = request.body
    if not body:
        awaited = connection.send(target.bodiless, b"", now)
    elif len(body) <= JOINED_BYTES:
        awaited = connection.send(b"%b%d\r\n\r\n%b" % (target.head, len(body), body), b"", now)
    else:
        awaited = connection.send(b"%b%d\r\n\r\n" % (target.head, len(body)), body, now)
    try:
        return await awaited
    except BaseException:
        connection.give_up(awaited)
        raise


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


def _failure_of(error: Exception, request: UpstreamRequest) -> UpstreamFailure:
    """Return the failure to connect with a text of ours: an exception's own may hold addresses or others' words."""
    match error:
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
            return _unreachable(f"no connection within {request.connect_seconds:g} s")
        case OSError():
            return _unreachable(f"no connection: {os.strerror(error.errno) if error.errno else 'no address answered'}")
        case _:
            return _unreachable("the provider's url or the request's headers cannot be sent")


def _unreachable(detail: str) -> UpstreamFailure:
    return UpstreamFailure(FailureClass.UNREACHABLE, detail)
