"""A client's socket: how fast it takes what is written, and how it ends so that the client gets our last word."""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Final, cast

from fairlead_proxy.server.limits import Limits
from fairlead_proxy.telemetry.faults import log_fault

_NO_LINGER: Final = struct.pack("ii", 1, 0)


class ClientSocket:
    """What an asyncio.Protocol is, but by its methods alone: a compiled class has no interpreted base.

    `full`: the client does not take what was written as fast as it comes. `transport` is None once it is closed.
    """

    __slots__ = (
        "_end_at",
        "_full_since",
        "_limits",
        "_loop",
        "_on_room",
        "_paused",
        "_unsent_bytes",
        "full",
        "transport",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: Limits) -> None:
        self.transport: asyncio.Transport | None = None
        self.full = False
        self._loop = loop
        self._limits = limits
        self._on_room: list[Callable[[], None]] = []
        self._paused = False
        self._full_since = 0.0
        self._unsent_bytes = 0
        self._end_at: float | None = None  # loop's clock: when a close that was begun is no longer waited for

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=self._limits.write_buffer_bytes)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None

    def pause_writing(self) -> None:
        if self.transport is not None and not self.full:
            self.full = True
            self._full_since = self._loop.time()
            self._unsent_bytes = self.transport.get_write_buffer_size()

    def resume_writing(self) -> None:
        self.make_room()

    def call_soon(self, call: Callable[[], None]) -> None:
        self._loop.call_soon(call)

    def when_room(self, call: Callable[[], None]) -> None:
        """Call this, once, when there is room again or the client has left."""
        self._on_room.append(call)

    def make_room(self) -> None:
        """Tell who waits for room that nothing hinders him."""
        self.full = False
        waiting, self._on_room = self._on_room, []
        for call in waiting:
            try:
                call()
            except Exception as error:  # the others wait as well
                log_fault("", error)

    def pause_reading(self) -> None:
        if not self._paused and self.transport is not None and not self.transport.is_closing():
            self._paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self._paused and self.transport is not None and not self.transport.is_closing():
            self._paused = False
            self.transport.resume_reading()

    def cut(self, *, reset: bool = False) -> None:
        """Close at once, dropping what is not sent. `reset`: so that the other end can tell."""
        transport = self.transport
        if transport is None:
            return
        sock = transport.get_extra_info("socket") if reset else None
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.abort()

    def close_soon(self, *, linger: bool) -> None:
        """Send what is written, then close. `linger`: once the client has closed as well, or after a while. Closed
        earlier, what the client is still sending would be answered by a reset, and our last word be lost to it.
        """
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        self._end_at = self._loop.time() + (self._limits.linger_seconds if linger else self._limits.write_seconds)
        if linger and transport.can_write_eof():
            self.resume_reading()
            transport.write_eof()
        else:
            transport.close()

    def sweep_socket(self, now: float) -> None:
        """End a client that has taken nothing for too long of what waits for it, or does not let itself be closed."""
        if self.transport is None:
            return
        if self._end_at is not None and now > self._end_at:
            self.cut()
        elif self.full:
            unsent = self.transport.get_write_buffer_size()
            if unsent < self._unsent_bytes:
                self._full_since, self._unsent_bytes = now, unsent
            elif now - self._full_since > self._limits.write_seconds:
                self.cut()
