"""The sink of a call over a client's connection: bytes straight to the transport, with back-pressure."""

from collections.abc import Callable

from fairlead_proxy.server.answer_head import JSON, DateHeader, encode_head
from fairlead_proxy.server.connection import CLOSE, KEEP, ClientConnection, Written

EVENT_STREAM = "text/event-stream"

_LAST_CHUNK = b"0\r\n\r\n"
_JOINED_BYTES = 64 * 1024


class AiohttpSink:
    """Implements exchange.call.Sink. `keep_alive`: the connection may serve another call after this one.

    `leaving` says whether this process is about to go; it is asked when the head is written, since the client must be
    told what becomes of its connection, and nothing else.
    """

    def __init__(
        self,
        connection: ClientConnection,
        date: DateHeader,
        *,
        http_1_0: bool,
        keep_alive: bool,
        leaving: Callable[[], bool] = lambda: False,
        head_only: bool = False,
    ) -> None:
        self._connection = connection
        self._date = date
        self._http_1_0 = http_1_0
        self._keep_alive = keep_alive and not http_1_0
        self._leaving = leaving
        self._head_only = head_only
        self._started = False
        self._ended = False
        self._chunked = False
        self._left: int | None = None
        self._head = b""
        self._events = False

    @property
    def started(self) -> bool:
        return self._started

    @property
    def ended(self) -> bool:
        return self._ended

    @property
    def streams_events(self) -> bool:
        """Say whether the answer under way is a stream of server-sent events."""
        return self._events

    @property
    def written(self) -> Written:
        """Return what aiohttp is told about this answer: whether the connection goes on."""
        return KEEP if self._keep_alive and self._ended else CLOSE

    def end_connection_after(self) -> None:
        """Let this answer be the connection's last."""
        self._keep_alive = False

    @property
    def full(self) -> bool:
        return self._connection.full

    def head(self, status: int, headers: list[tuple[str, str]]) -> None:
        length = next((value for name, value in headers if name == "content-length"), None)
        self._left = int(length) if length is not None else None
        self._chunked = length is None and not self._http_1_0
        self._events = any(name == "content-type" and EVENT_STREAM in value for name, value in headers)
        self._connection.check()
        self._head = encode_head(status, [*headers, *self._framing()])
        self._started = True

    def write(self, chunk: bytes) -> None:
        if self._left is not None:
            self._left -= len(chunk)
        sent = b"%x\r\n%b\r\n" % (len(chunk), chunk) if self._chunked else chunk
        if self._head:
            self._send_head(sent)
        else:
            self._connection.write(sent)

    def end(self) -> None:
        if self._left:
            # Fewer, or more, bytes than the head promised: the connection cannot be trusted with another answer.
            self.abort()
            raise RuntimeError("the answer is not as long as its head said")
        last = _LAST_CHUNK if self._chunked else b""
        if self._head:
            self._send_head(last)
        elif last:
            self._connection.write(last)
        self._ended = True

    def answer(self, status: int, headers: list[tuple[str, str]], body: bytes, content_type: str = JSON) -> None:
        """Send a whole answer."""
        described = [*headers, ("content-type", content_type), ("content-length", str(len(body)))]
        head = encode_head(status, [*described, *self._framing()])
        self._started = True
        self._connection.write(head if self._head_only else head + body)
        self._ended = True

    def abort(self) -> None:
        self._keep_alive = False
        self._connection.abort(reset=self._http_1_0)

    async def room(self) -> None:
        await self._connection.room()

    def when_room(self, call: Callable[[], None]) -> None:
        self._connection.when_room(call)

    def when_lost(self, call: Callable[[], None] | None) -> None:
        self._connection.when_lost(call)

    def _send_head(self, first: bytes) -> None:
        """Send the head together with what comes first after it: one packet, unless that is large."""
        head, self._head = self._head, b""
        if len(first) <= _JOINED_BYTES:
            self._connection.write(head + first)
        else:
            self._connection.write(head)
            self._connection.write(first)

    def _framing(self) -> list[tuple[str, str]]:
        framing = [self._date.now()]
        self._keep_alive = self._keep_alive and not self._leaving()
        if self._chunked:
            framing.append(("transfer-encoding", "chunked"))
        if not self._keep_alive:
            framing.append(("connection", "close"))
        return framing
