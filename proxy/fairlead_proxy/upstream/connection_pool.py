"""The connections to one origin on behalf of one namespace's providers, each made by the same egress guard."""

import asyncio
import ssl
from contextvars import ContextVar
from dataclasses import dataclass
from weakref import WeakSet

import aiohttp
from aiohttp.connector import Connection

from fairlead_proxy.upstream.egress import EgressGuard

KEEP_ALIVE_SECONDS = 30.0
"""How long a connection waits for its next call; below what load balancers allow (60 s and more). A default."""
READ_BUFFER_BYTES = 64 * 1024
"""Beyond twice this the socket is not read on until somebody takes the bytes."""

_MAX_HEADER_BYTES = 32 * 1024
_HEADERS_SKIPPED = ("accept", "accept-encoding", "content-type", "user-agent")


@dataclass(slots=True)
class Sending:
    """One request on its way: which connection it got, and whether that had served before."""

    pool: "ConnectionPool"
    transport: asyncio.Transport | None = None
    reused: bool = False

    def got(self, connection: Connection) -> None:
        self.transport = connection.transport
        protocol = connection.protocol
        if protocol is not None:
            self.reused = protocol in self.pool.seen
            self.pool.seen.add(protocol)

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

    def __init__(self, guard: EgressGuard, tls: ssl.SSLContext, now: float) -> None:
        self.users = 0
        self.last_used = now
        self.seen: WeakSet[asyncio.BaseProtocol] = WeakSet()
        self._guard = guard
        self._tls = tls
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
