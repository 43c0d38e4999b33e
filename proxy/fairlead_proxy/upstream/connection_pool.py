"""The connections to one origin on behalf of one namespace's providers, each made by the same egress guard."""

import asyncio
import ssl
from contextvars import ContextVar
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.connector import Connection

from fairlead_proxy.upstream.egress import EgressGuard

KEEP_ALIVE_SECONDS = 30.0
"""How long a connection waits for its next call; below what load balancers allow (60 s and more). A default."""
READ_BUFFER_BYTES = 64 * 1024
"""Beyond twice this the socket is not read on until somebody takes the bytes."""

_MAX_HEADER_BYTES = 32 * 1024
_HEADERS_SKIPPED = ("accept", "accept-encoding", "content-type", "user-agent")


class Watch:
    """Follows one connection through its life. It fails a body that nobody would ever end.

    aiohttp forgets the body when a chunk's framing is wrong: it closes the connection, and its reader waits for ever.
    """

    def __init__(self, closed: asyncio.Future[None]) -> None:
        self._closed = closed
        self._body: aiohttp.StreamReader | None = None
        closed.add_done_callback(self._lost)

    def follow(self, body: aiohttp.StreamReader) -> None:
        """From now on this is the body that the connection brings."""
        self._body = body
        if self._closed.done():
            self._lost(self._closed)

    def _lost(self, closed: asyncio.Future[None]) -> None:
        if not closed.cancelled():
            closed.exception()  # retrieved, so that it is not logged as forgotten
        body = self._body
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError("the connection was closed within the body"))


@dataclass(slots=True)
class Sending:
    """One request on its way: which connection it got, and whether that had served before."""

    pool: "ConnectionPool"
    transport: asyncio.Transport | None = None
    reused: bool = False
    watch: Watch | None = None

    def got(self, connection: Connection) -> None:
        """Note the connection; raise ServerDisconnectedError where something came on it that nobody had asked for."""
        self.transport = connection.transport
        protocol = connection.protocol
        if protocol is None or protocol.closed is None:
            return
        watch = self.pool.watches.get(protocol)
        self.reused = watch is not None
        self.watch = watch or Watch(protocol.closed)
        self.pool.watches[protocol] = self.watch
        if protocol.should_close:
            # aiohttp would hand these bytes to this call as its answer.
            raise aiohttp.ServerDisconnectedError

    def abort(self) -> None:
        """Close the socket now, whatever is still unsent: an orderly close would wait for a peer that may not read."""
        if self.transport is not None:
            self.transport.abort()


current_sending: ContextVar[Sending] = ContextVar("current_sending")


class _Request(aiohttp.ClientRequest):
    """Tells the sending which connection it got; nothing else in aiohttp's public surface does."""

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        current_sending.get().got(conn)
        return await super().send(conn)


class ConnectionPool:
    """`users` counts the calls that have not ended; `last_used` is on the loop's clock."""

    def __init__(
        self, guard: EgressGuard, tls: ssl.SSLContext, now: float, resolver: AbstractResolver | None = None
    ) -> None:
        self.users = 0
        self.last_used = now
        self.watches: WeakKeyDictionary[asyncio.BaseProtocol, Watch] = WeakKeyDictionary()
        self._guard = guard
        self._tls = tls
        self._resolver = resolver
        self._pooled = self._open(force_close=False)
        self._fresh: aiohttp.ClientSession | None = None

    def session(self, *, fresh: bool) -> aiohttp.ClientSession:
        """Return the session whose connections are kept, or the one that makes a new connection for each request."""
        if not fresh:
            return self._pooled
        if self._fresh is None:
            self._fresh = self._open(force_close=True)
        return self._fresh

    async def close(self) -> None:
        await self._pooled.close()
        if self._fresh is not None:
            await self._fresh.close()

    def _open(self, *, force_close: bool) -> aiohttp.ClientSession:
        """No limit here: calls are limited where they come in, and waiting for a slot would look like an outage."""
        connector = aiohttp.TCPConnector(
            ssl=self._tls,
            resolver=self._resolver,
            use_dns_cache=self._resolver is None,
            limit=0,
            force_close=force_close,
            keepalive_timeout=None if force_close else KEEP_ALIVE_SECONDS,
            socket_factory=self._guard.make_socket,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            request_class=_Request,
            skip_auto_headers=_HEADERS_SKIPPED,
            auto_decompress=False,
            trust_env=False,
            read_bufsize=READ_BUFFER_BYTES,
            max_line_size=_MAX_HEADER_BYTES,
            max_field_size=_MAX_HEADER_BYTES,
        )
