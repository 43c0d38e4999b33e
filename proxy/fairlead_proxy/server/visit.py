"""One request of a client, and the way that its answer takes: what exchange.call names a Sink."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from fairlead_proxy.exchange.call import UnderWay
from fairlead_proxy.server.admission import Admission
from fairlead_proxy.server.answer_head import CLOSE_LINE, STATUS_LINES
from fairlead_proxy.server.request import Request
from fairlead_proxy.server.serving import Serving
from fairlead_proxy.telemetry.faults import log_fault

JOINED_BYTES: Final = 64 * 1024
"""A body up to this size goes out in one piece with its head; copying a larger one costs more than a second piece."""

_LAST_CHUNK: Final = b"0\r\n\r\n"


class Port(Protocol):
    """Where a visit came in: `ClientServer`. `date_line` is the header as of now."""

    serving: Serving
    date_line: bytes


class Line(Protocol):
    """What a visit came over: `ClientConnection`."""

    transport: asyncio.Transport | None
    full: bool
    shed: bool

    @property
    def port(self) -> Port: ...

    def call_soon(self, call: Callable[[], None]) -> None: ...

    def when_room(self, call: Callable[[], None]) -> None:
        """Call this, once, when there is room again or the client has left."""
        ...

    def cut(self, *, reset: bool = False) -> None:
        """Close at once, dropping what is not sent. `reset`: so that the other end can tell."""
        ...

    def visit_over(self, visit: "Visit") -> None:
        """Go on with the next request, or end the connection."""
        ...


class Visit:
    """Implements exchange.call.Sink.

    It is over once the client has taken most of what was written until `answer` or `end`, once it was given `abort`, or
    when its caller has left and whoever serves it has been told; then all of its methods do nothing.

    `written`: all of the answer has been, and the client has not taken it yet. `keeps`: the connection may serve
    another request after this one. `id`, `admission`, `under_way`, `counted` and `held_bytes` are the service's: nobody
    else sets them.
    """

    __slots__ = (
        "_before",
        "_chunked",
        "_line",
        "_on_lost",
        "_transport",
        "admission",
        "counted",
        "full",
        "held_bytes",
        "id",
        "keeps",
        "over",
        "request",
        "started",
        "under_way",
        "written",
    )

    def __init__(self, line: Line, request: Request) -> None:
        self._line = line
        self._transport = line.transport  # None once nothing may be written any more
        self.written = False
        self._before = b""  # the head of a chunked answer, until something goes out behind it
        self._on_lost: Callable[[], None] | None = None
        self.request = request
        self.keeps = request.keep_alive
        self.full = line.full
        self.started = False
        self.over = False
        self.id = ""
        self.admission: Admission | None = None
        self.under_way: UnderWay | None = None
        self.counted = False
        self.held_bytes = 0

    @property
    def shed(self) -> bool:
        """Say whether it came over a connection too many."""
        return self._line.shed

    def end_connection_after(self) -> None:
        """Let this answer be the connection's last."""
        self.keeps = False

    def answer(self, status: int, headers: bytes, body: bytes) -> None:
        transport = self._transport
        if transport is not None:
            self.started = True
            port = self._line.port
            if self.keeps and port.serving.draining:
                self.keeps = False
            ending = b"" if self.keeps else CLOSE_LINE
            head = b"%b%b%bcontent-length: %d\r\n%b\r\n"
            lines = STATUS_LINES[status], headers, port.date_line, len(body), ending
            if self.request.method == "HEAD":
                transport.write(head % lines)
            elif len(body) <= JOINED_BYTES:
                transport.write((head + b"%b") % (*lines, body))
            else:
                transport.write(head % lines)
                transport.write(body)
        if self.full and transport is not None:
            self._await_taking()
        else:
            self._finish()

    def head(self, status: int, headers: bytes) -> None:
        port = self._line.port
        if self.keeps and port.serving.draining:
            self.keeps = False
        self.started = True
        self._chunked = not self.request.http_1_0
        framing = b"transfer-encoding: chunked\r\n" if self._chunked else b""
        ending = b"" if self.keeps else CLOSE_LINE
        self._before = b"%b%b%b%b%b\r\n" % (STATUS_LINES[status], headers, port.date_line, framing, ending)

    def write(self, chunk: bytes) -> None:
        transport = self._transport
        if transport is None or not chunk:  # an empty chunk would be the last one
            return
        if self._chunked:
            chunk = b"%x\r\n%b\r\n" % (len(chunk), chunk)
        if self._before:
            self._write_first(chunk)
        else:
            transport.write(chunk)

    def end(self) -> None:
        transport = self._transport
        if transport is not None:
            last = _LAST_CHUNK if self._chunked else b""
            if self._before:
                self._write_first(last)
            elif last:
                transport.write(last)
        if self.full and transport is not None:
            self._await_taking()
        else:
            self._finish()

    def abort(self) -> None:
        if self._transport is not None or self.written:
            self.keeps = False
            # Without a length or chunks the end of the connection is the end of the answer: only a reset looks cut.
            self._line.cut(reset=self.request.http_1_0)
        self._finish()

    def when_room(self, call: Callable[[], None]) -> None:
        if self.full and (self._transport is not None or self.written):
            self._line.when_room(call)
        else:
            call()

    def when_lost(self, call: Callable[[], None] | None) -> None:
        if self.over:
            return
        self._on_lost = call
        if self._transport is None and not self.written and call is not None:
            self._line.call_soon(self._tell_lost)

    def leave(self) -> None:
        """The client has left; for the connection alone. Whoever serves the visit is told, now or once he asks."""
        self._transport = None
        self._before = b""
        self.full = False
        if self._on_lost is not None or self.under_way is None:
            self._tell_lost()

    def _tell_lost(self) -> None:
        call, self._on_lost = self._on_lost, None
        if self.over:
            return
        if call is not None:
            try:
                call()
            except Exception as error:  # the connection has its own affairs to end
                log_fault(self.id, error)
        self._finish()

    def _write_first(self, data: bytes) -> None:
        """Send the head together with what comes first after it."""
        transport, before = self._transport, self._before
        self._before = b""
        if transport is None:
            return
        if len(data) <= JOINED_BYTES:
            transport.write(before + data)
        else:
            transport.write(before)
            transport.write(data)

    def _await_taking(self) -> None:
        """Everything has been written: it is over once the client has taken most of it, and nothing follows."""
        self._transport = None
        self.written = True
        self._line.when_room(self._finish)

    def _finish(self) -> None:
        if self.over:
            return
        self.over = True
        self.written = False
        self._transport = self._on_lost = self.under_way = None
        self._line.visit_over(self)
