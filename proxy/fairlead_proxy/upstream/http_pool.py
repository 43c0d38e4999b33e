"""The connections to one origin on behalf of one namespace's providers, each made by the same egress guard.

PoolRetired (never leaves `upstream`)
"""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from typing import cast

from fairlead_proxy.contract.config import Egress
from fairlead_proxy.upstream.connect import open_socket
from fairlead_proxy.upstream.connection_slots import Slots
from fairlead_proxy.upstream.egress import EgressGuard, EgressRefused
from fairlead_proxy.upstream.forward_proxy import ForwardProxy, may_tunnel, open_tunnel
from fairlead_proxy.upstream.http_connection import HttpConnection
from fairlead_proxy.upstream.http_target import Origin
from fairlead_proxy.upstream.resolver import Resolve

KEEP_ALIVE_SECONDS = 30.0
"""How long a connection waits for its next call; below what load balancers allow (60 s and more). A default."""


class PoolRetired(Exception):
    """The rules have changed while a call waited for a connection: it is to be judged by the new ones."""


@dataclass(frozen=True, slots=True)
class Way:
    """How an origin is reached: under which rules, through which proxy, trusting whom (None: plain http)."""

    origin: Origin
    namespace: str
    egress: Egress
    tls: ssl.SSLContext | None = None
    proxy: ForwardProxy | None = None


class HttpPool:
    """`held` counts its slots, of connections in use, idle and in the making; `last_used` is on the loop's clock."""

    def __init__(self, way: Way, slots: Slots, resolve: Resolve, loop: asyncio.AbstractEventLoop) -> None:
        self.idle: dict[HttpConnection, None] = {}
        self.held = 0
        self.last_used = loop.time()
        self._way = way
        self._slots = slots
        self._resolve = resolve
        self._loop = loop
        self._open: set[HttpConnection] = set()
        self._retired = False
        self._closed = False
        self._emptied: asyncio.Future[None] | None = None
        slots.admit(self)

    def take_idle(self, now: float) -> HttpConnection | None:
        """Return the connection that was used last, if one is idle that is not too old to be trusted."""
        self.last_used = now
        idle = self.idle
        while idle:
            connection = idle.popitem()[0]
            if now - connection.idle_since < KEEP_ALIVE_SECONDS:
                return connection
            connection.abort()
        return None

    async def make(self, *, fresh: bool) -> HttpConnection:
        """Return a connection made now, or one that has become free while there was no room for one more.

        `fresh`: it must be made now. Raise PoolRetired, EgressRefused, ssl.SSLError or OSError. To be called under a
        deadline.
        """
        granted = await self._slots.grant(self, fresh=fresh)
        if granted is not None:
            return granted
        connection = HttpConnection(self, self._loop)
        try:
            if self._retired:
                raise PoolRetired
            await self._connect(connection)
        except BaseException:
            connection.abort()  # gives the slot back
            self.gone(connection)  # not every loop says so of a connection whose making was cancelled
            raise
        return connection

    def expire(self, now: float) -> None:
        """Close what has been idle for too long."""
        for connection in [each for each in self.idle if now - each.idle_since >= KEEP_ALIVE_SECONDS]:
            connection.abort()

    def retire(self) -> None:
        """No new call is served from here; those under way are, and their connections are closed afterwards."""
        self._retired = True
        self._slots.dismiss(self, PoolRetired())
        for connection in list(self.idle):
            connection.abort()

    async def close(self) -> None:
        """Close every connection, those in use too; return once their sockets are closed."""
        self.retire()
        self._closed = True
        for connection in list(self._open):
            connection.shut()
        if self._open:
            self._emptied = self._loop.create_future()
            await self._emptied

    def made(self, connection: HttpConnection) -> None:
        """See Keeper."""
        self._open.add(connection)
        if self._closed:
            connection.abort()

    def took_back(self, connection: HttpConnection) -> None:
        if self._retired:
            connection.abort()
            return
        connection.idle_since = self._loop.time()
        self.idle[connection] = None
        if self._slots.waiting:
            self._slots.serve()

    def lost(self, connection: HttpConnection) -> None:
        self.idle.pop(connection, None)
        self._slots.give_back(self)

    def gone(self, connection: HttpConnection) -> None:
        self._open.discard(connection)
        if self._emptied is not None and not self._open and not self._emptied.done():
            self._emptied.set_result(None)

    async def _connect(self, connection: HttpConnection) -> None:
        tls = self._way.tls
        made = await self._reach()
        name = self._way.origin.wire_host.rstrip(".") if tls is not None else None
        try:
            # From here on the transport owns the socket, also where it fails or is cancelled.
            protocol = cast(asyncio.Protocol, connection)  # in all but name: a compiled class has no such base
            await self._loop.create_connection(lambda: protocol, sock=made, ssl=tls, server_hostname=name)
        except OSError as error:
            if tls is None or isinstance(error, ssl.SSLError):
                raise
            raise ssl.SSLError("the connection ended in the handshake") from error

    async def _reach(self) -> socket.socket:
        """Return a socket whose other end is the origin."""
        way, origin = self._way, self._way.origin
        if way.proxy is None:
            guard = EgressGuard(way.egress, way.namespace, origin.scheme, origin.host)
            return await open_socket(origin.wire_host, origin.port, guard, self._resolve)
        refused = may_tunnel(way.egress, way.namespace, origin.host)
        if refused is not None:
            raise EgressRefused(refused)
        guard = EgressGuard(way.egress, way.namespace, "http", way.proxy.host)
        made = await open_socket(way.proxy.host, way.proxy.port, guard, self._resolve)
        try:
            await open_tunnel(way.proxy, made, origin.wire_host, origin.port)
        except BaseException:
            made.close()
            raise
        return made
