"""The least of HTTP/1.1 that a caller needs: connections that are kept, read slowly, or left."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

KEPT_SECONDS = 5.0
"""A connection that lay idle for longer is not used again: the gateway may be about to close it."""
SLOW_BUFFER_BYTES = 4096


class Broken(Exception):
    """The connection ended, or spoke no HTTP, where an answer was due."""


@dataclass(slots=True)
class Head:
    status: int
    headers: dict[str, str]


class Line:
    """One connection to the gateway."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.idle_since = 0.0

    def send(self, head: bytes, body: bytes) -> None:
        self._writer.write(head + body)

    async def head(self) -> Head:
        """Raises Broken."""
        try:
            raw = await self._reader.readuntil(b"\r\n\r\n")
            first, *lines = raw.decode("latin-1").rstrip().split("\r\n")
            pairs = (line.partition(":") for line in lines)
            return Head(int(first.split(" ")[1]), {name.lower(): value.strip() for name, _, value in pairs})
        except (OSError, EOFError, ValueError, IndexError) as error:
            raise Broken(f"no head: {error!r}") from None

    async def pieces(self, head: Head) -> AsyncIterator[bytes]:
        """Yield the body; raise Broken where it is cut."""
        try:
            if "content-length" in head.headers:
                yield await self._reader.readexactly(int(head.headers["content-length"]))
                return
            while size := int(await self._reader.readuntil(b"\r\n"), 16):
                yield (await self._reader.readexactly(size + 2))[:-2]
            await self._reader.readexactly(2)
        except (OSError, EOFError, ValueError) as error:
            raise Broken(f"the body was cut: {error!r}") from None

    def close(self) -> None:
        self._writer.transport.abort()


class Lines:
    """Connections to one address. Whoever takes one gives it back after a whole answer, or closes it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Line] = []

    async def take(self, *, slow: bool = False) -> Line:
        """Return a connection; a slow one is new, and has room for little. Raises Broken."""
        now = time.monotonic()
        while self._idle and not slow:
            line = self._idle.pop()
            if now - line.idle_since < KEPT_SECONDS:
                return line
            line.close()
        try:
            return await self._connect(SLOW_BUFFER_BYTES if slow else 0)
        except OSError as error:
            raise Broken(f"no connection: {error!r}") from None

    def give_back(self, line: Line) -> None:
        line.idle_since = time.monotonic()
        self._idle.append(line)

    def close(self) -> None:
        for line in self._idle:
            line.close()
        self._idle.clear()

    async def _connect(self, buffer_bytes: int) -> Line:
        if not buffer_bytes:
            return Line(*await asyncio.open_connection("127.0.0.1", self._port))
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self._port))
        return Line(*await asyncio.open_connection(sock=sock, limit=buffer_bytes))
