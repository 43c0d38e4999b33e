"""HTTP/1.1 on a socket for a server that misbehaves: requests read whole, answers written and cut off as wanted."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs


@dataclass
class Request:
    """`path` is the request's target as it came, query and all."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def key(self) -> str:
        """The credential, wherever the vendor has its callers put it; a signature counts as its access key."""
        authorization = self.headers.get("authorization", "")
        if authorization.startswith("AWS4-HMAC-SHA256 "):
            return authorization.partition("Credential=")[2].partition("/")[0]
        if authorization:
            return authorization.removeprefix("Bearer ")
        return next((self.headers[name] for name in _KEY_HEADERS if name in self.headers), self.query.get("key", ""))

    @property
    def place(self) -> str:
        """The path without its query."""
        return self.path.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(self.path.partition("?")[2]).items()}


_KEY_HEADERS = ("x-api-key", "x-goog-api-key", "api-key")


class Connection:
    """One client connection, with the ways to end it that a proper server does not offer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._kept: list[bytes] | None = None
        self._record: list[bytes] | None = None

    @contextmanager
    def recording(self) -> Iterator[list[bytes]]:
        """Give the list into which all goes that the system has taken for sending, until the block ends."""
        transport = self.writer.transport
        transport.set_write_buffer_limits(high=0)  # so that who waits for a write waits for all of it
        record = self._record = []
        try:
            yield record
        finally:
            self._record = None
            transport.set_write_buffer_limits()

    async def read_request(self) -> Request | None:
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {line.split(":", 1)[0].lower(): line.split(":", 1)[1].strip() for line in lines if ":" in line}
        length = int(headers.get("content-length", "0"))
        body = await self.reader.readexactly(length) if length else await self._chunked(headers)
        return Request(method, path, headers, body)

    async def _chunked(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return b""
        body = b""
        while size := int((await self.reader.readline()).split(b";")[0], 16):
            body += await self.reader.readexactly(size)
            await self.reader.readline()
        await self.reader.readline()
        return body

    @asynccontextmanager
    async def in_one_piece(self) -> AsyncIterator[None]:
        """Send all that is sent within the block at its end, and at once."""
        kept = self._kept = []
        try:
            yield
        finally:
            self._kept = None
            await self.send(b"".join(kept))

    async def send(self, data: bytes) -> None:
        if self._kept is not None:
            self._kept.append(data)
            return
        gone = self.writer.transport.is_closing()
        self.writer.write(data)
        await self.writer.drain()
        if self._record is not None and not gone and not self.writer.transport.is_closing():
            self._record.append(data)

    async def head(self, status: int, headers: dict[str, str]) -> None:
        await self.send(_head(status, headers))

    async def whole(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        given = {"content-type": "application/json", "content-length": str(len(body))} | (headers or {})
        await self.head(status, given)
        await self.send(body)

    async def head_slowly(self, status: int, headers: dict[str, str], *, pace_seconds: float) -> None:
        """Send the head byte by byte."""
        for byte in _head(status, headers):
            await self.send(bytes([byte]))
            await asyncio.sleep(pace_seconds)

    async def chunk(self, data: bytes) -> None:
        await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def reset(self) -> None:
        """End by TCP reset."""
        sock: socket.socket | None = self.writer.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def until_closed(self) -> None:
        while await self.reader.read(65536):
            pass


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
