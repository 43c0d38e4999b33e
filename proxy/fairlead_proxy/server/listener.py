"""A port, TCP or unix, on which one server takes connections."""

import asyncio
import contextlib
import os
import socket
import ssl
import stat
from pathlib import Path

from fairlead_proxy.server.address import Address, ListenError
from fairlead_proxy.server.client_server import ClientServer

BACKLOG = 4096
SWEEP_SECONDS = 0.5
ARRIVAL_SECONDS = 1.0
"""How long a connection without a request, or with a part of a head, is waited for when the port closes."""

ARRIVAL_LOOK_SECONDS = 0.02
HANDSHAKE_SECONDS = 10.0
"""How long a client may take until TLS is agreed on; a default."""
CLOSE_SECONDS = 1.0
"""How long answers that are written get to be sent when everything ends; a default."""


class Listener:
    """Takes connections for a ClientServer, and ends those that are too slow."""

    def __init__(
        self,
        server: ClientServer,
        address: Address,
        *,
        reuse_port: bool = False,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """`context`: connections are taken over TLS, with what it holds when they come."""
        self._context = context
        self._server = server
        self._address = address
        self._reuse_port = reuse_port
        self._accepting: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> Address:
        """Listen; return the address in use (a port of 0 becomes a free one); raise ListenError where it cannot be."""
        loop = asyncio.get_running_loop()
        address = self._address
        try:
            if address.path:
                _remove_stale_socket(Path(address.path))
                self._accepting = await loop.create_unix_server(self._server.protocol, address.path, backlog=BACKLOG)
                os.chmod(address.path, 0o600)
            else:
                self._accepting = await loop.create_server(
                    self._server.protocol,
                    address.host or None,
                    address.port,
                    backlog=BACKLOG,
                    reuse_address=True,
                    reuse_port=self._reuse_port or None,
                    ssl=self._context,
                    ssl_handshake_timeout=HANDSHAKE_SECONDS if self._context else None,
                )
                address = Address(address.host, self._accepting.sockets[0].getsockname()[1])
        except (OSError, OverflowError) as error:
            why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
            raise ListenError(f"{address}: {why}") from error
        self._sweeper = asyncio.create_task(self._sweep(), name=f"sweep {address}")
        return address

    async def stop_accepting(self) -> None:
        """Take no more connections, and end those on which nothing is being served, or about to be.

        What the kernel has taken for us is ours to serve: where others share the port, closing would reset it.
        """
        loop = asyncio.get_running_loop()
        if self._accepting is not None and self._accepting.is_serving():
            # All at once, with no turn of the loop in between: what came meanwhile would be lost.
            waiting = _stop_listening(self._accepting)
            self._accepting.close()
            for connection in waiting:
                await loop.connect_accepted_socket(self._server.protocol, connection, ssl=self._context)
        # A request may yet come within this time, of which no event tells.
        while any(each.is_arriving(loop.time(), ARRIVAL_SECONDS) for each in self._server.connections):  # noqa: ASYNC110
            await asyncio.sleep(ARRIVAL_LOOK_SECONDS)
        self._server.end_idle()

    async def close(self) -> None:
        """End every connection at once."""
        if self._accepting is not None:
            self._accepting.close()
        self._server.end_idle()
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        await self._server.shutdown(CLOSE_SECONDS)
        if self._address.path:
            with contextlib.suppress(OSError):
                os.unlink(self._address.path)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._server.sweep()


def _stop_listening(accepting: asyncio.Server) -> list[socket.socket]:
    """Return the connections that clients have made and that we have not seen yet; no more can be made after that."""
    waiting: list[socket.socket] = []
    for listening in accepting.sockets:
        with socket.socket(fileno=os.dup(listening.fileno())) as ours:
            ours.setblocking(False)
            with contextlib.suppress(OSError):  # BlockingIOError once none is left
                while True:
                    with contextlib.suppress(ConnectionAbortedError):
                        waiting.append(ours.accept()[0])
            with contextlib.suppress(OSError):
                ours.shutdown(socket.SHUT_RDWR)
    for connection in waiting:
        connection.setblocking(False)
    return waiting


def _remove_stale_socket(path: Path) -> None:
    """A process that was killed leaves its socket behind; one that listens still is not touched."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return
    except OSError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except OSError:
            return
