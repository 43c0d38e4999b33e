"""Providers over HTTP/1.1: pooled connections that the egress guard has made, cut at once when a call is cancelled."""

import asyncio
import io
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from fairlead_proxy.contract.config import Egress
from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.connection_pool import ConnectionPool, Sending, current_sending
from fairlead_proxy.upstream.egress import EgressGuard, EgressRefused
from fairlead_proxy.upstream.http_response import HttpResponse
from fairlead_proxy.upstream.transport import UpstreamRequest

STALE_SECONDS = 1.0
"""A pooled connection that dies this soon was stale: closed by the provider before the call reached it. A default."""
IDLE_POOL_SECONDS = 300.0
"""A pool that nobody has used for so long is closed; a default."""

_LARGE_BODY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Endpoint:
    url: URL
    scheme: str
    host: str
    port: int


class HttpTransport:
    """See Transport. `egress` is asked for each call; when its answer changes, no old connection serves a new call.

    `tls` and `resolver` are for tests that bring an authority or names of their own.
    """

    def __init__(
        self,
        egress: Callable[[], Egress],
        *,
        tls: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._egress = egress
        self._resolver = resolver
        self._tls = tls or ssl.create_default_context()
        self._agent = ("user-agent", f"fairlead/{version('fairlead')}")
        self._pools: dict[tuple[str, str, str, int], ConnectionPool] = {}
        self._rules = Egress()
        self._retired: set[ConnectionPool] = set()

    async def send(self, request: UpstreamRequest) -> HttpResponse:
        endpoint = _endpoint(request.provider.url, request.path)
        self._follow_rules()
        pool = self._enter(request.provider.namespace, endpoint)
        try:
            await self._sweep()
            try:
                return await self._send_once(pool, endpoint, request, fresh=False)
            except _StaleConnection:
                return await self._send_once(pool, endpoint, request, fresh=True)
        except BaseException:
            await self._leave(pool)
            raise

    async def close(self) -> None:
        pools = [*self._pools.values(), *self._retired]
        self._pools.clear()
        self._retired.clear()
        for pool in pools:
            await pool.close()

    async def _send_once(
        self, pool: ConnectionPool, endpoint: _Endpoint, request: UpstreamRequest, *, fresh: bool
    ) -> HttpResponse:
        """Send on a pooled connection, or on a new one; raise _StaleConnection if a pooled one proved to be dead.

        A chat call is repeated although it is a POST: it changes nothing at the provider, a stale connection has not
        delivered it, and the gateway would otherwise ask the next provider the same thing.
        """
        sending = Sending(pool)
        token = current_sending.set(sending)
        started = asyncio.get_running_loop().time()
        try:
            answer = await pool.session(fresh=fresh).request(
                request.method,
                endpoint.url,
                headers=(*request.headers, self._agent),
                data=_payload(request.body),
                allow_redirects=False,
                timeout=_timeout(request.connect_seconds),
            )
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            sending.abort()
            waited = asyncio.get_running_loop().time() - started
            if sending.reused and not fresh and waited < STALE_SECONDS and _was_silent(error):
                raise _StaleConnection from error
            raise _failure_of(error, request) from error
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            sending.abort()
            raise _failure_of(error, request) from error
        except BaseException:
            sending.abort()
            raise
        finally:
            current_sending.reset(token)
        return HttpResponse(answer, sending, self._leave)

    def _follow_rules(self) -> None:
        """Retire every pool when the egress rules change: each was made by a guard that holds the old ones."""
        rules = self._egress()
        if rules is self._rules:
            return
        if rules != self._rules:
            self._retired.update(self._pools.values())
            self._pools.clear()
        self._rules = rules

    def _enter(self, namespace: str, endpoint: _Endpoint) -> ConnectionPool:
        """Return the pool of an origin, made under the present rules, and count one more user of it."""
        key = (namespace, endpoint.scheme, endpoint.host, endpoint.port)
        pool = self._pools.get(key)
        now = asyncio.get_running_loop().time()
        if pool is None:
            self._retire_idle(now)
            guard = EgressGuard(self._rules, namespace, endpoint.scheme, endpoint.host)
            pool = self._pools[key] = ConnectionPool(guard, self._tls, now, self._resolver)
        pool.last_used = now
        pool.users += 1
        return pool

    async def _leave(self, pool: ConnectionPool) -> None:
        pool.users -= 1
        await self._sweep()

    def _retire_idle(self, now: float) -> None:
        for key, pool in list(self._pools.items()):
            if pool.users == 0 and pool.last_used < now - IDLE_POOL_SECONDS:
                self._retired.add(self._pools.pop(key))

    async def _sweep(self) -> None:
        """Close the retired pools that nobody uses any more."""
        for pool in [pool for pool in self._retired if pool.users == 0]:
            await pool.close()
            self._retired.discard(pool)


class _StaleConnection(Exception):
    """A pooled connection had been closed by the provider; caught in `send`, which makes a new one."""


@lru_cache(maxsize=4096)
def _endpoint(base: str, path: str) -> _Endpoint:
    """Return where a call goes; raise UpstreamFailure(Unreachable) for a url that names no plain http(s) endpoint."""
    try:
        url = URL(base.rstrip("/") + path)
        valid = url.scheme in ("http", "https") and bool(url.host) and url.port is not None
        plain = not (url.raw_user or url.raw_password or url.raw_query_string or url.raw_fragment)
    except ValueError:
        raise UpstreamFailure(FailureClass.UNREACHABLE, "the provider's url is not valid") from None
    if not (valid and plain and url.host and url.port):
        raise UpstreamFailure(FailureClass.UNREACHABLE, "the provider's url is not a plain http or https url")
    return _Endpoint(url, url.scheme, url.host.lower(), url.port)


@lru_cache(maxsize=256)
def _timeout(connect_seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=connect_seconds, sock_connect=None, sock_read=None)


def _payload(body: bytes) -> bytes | io.BytesIO | None:
    """A large body is sent piece by piece, so that other calls get their turn."""
    if not body:
        return None
    return body if len(body) < _LARGE_BODY_BYTES else io.BytesIO(body)


def _was_silent(error: aiohttp.ClientError) -> bool:
    """Say whether the connection died before any byte of an answer; aiohttp puts what there was into `message`."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return isinstance(error.message, str)
    return not isinstance(error, aiohttp.ClientConnectorError)


def _failure_of(error: Exception, request: UpstreamRequest) -> UpstreamFailure:
    """Return the failure with a text of ours: an exception's own may hold addresses or the provider's words."""
    unreachable = FailureClass.UNREACHABLE
    match error:
        case aiohttp.ClientConnectorDNSError():
            return UpstreamFailure(unreachable, "the provider's host name does not resolve")
        case aiohttp.ClientConnectorCertificateError():
            return UpstreamFailure(unreachable, "the provider's certificate is not trusted")
        case aiohttp.ClientSSLError():
            return UpstreamFailure(unreachable, "no TLS connection with the provider")
        case aiohttp.ClientConnectorError(os_error=EgressRefused() as refused):
            return UpstreamFailure(unreachable, f"egress refused: {refused.refused.message}")
        case aiohttp.ClientConnectorError():
            return UpstreamFailure(unreachable, f"no connection: {_reason_of(error.os_error)}")
        case TimeoutError():
            return UpstreamFailure(unreachable, f"no connection within {request.connect_seconds:g} s")
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
            return UpstreamFailure(unreachable, "the connection was closed before an answer")
        case aiohttp.InvalidURL() | ValueError():
            return UpstreamFailure(unreachable, "the provider's url or the request's headers cannot be sent")
        case _:
            return UpstreamFailure(FailureClass.MALFORMED_RESPONSE, "the answer is not HTTP that we accept")


def _reason_of(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else "no address answered"
