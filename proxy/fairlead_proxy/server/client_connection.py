"""One client's connection: its requests come in one after the other, and each is answered before the next is read."""

import asyncio
from typing import Final, Protocol

from fairlead_proxy.exchange.answers import INTERNAL_ERROR
from fairlead_proxy.exchange.errors import Answer, CallRefused
from fairlead_proxy.server.client_socket import ClientSocket
from fairlead_proxy.server.known_head import KnownHead, remember
from fairlead_proxy.server.limits import Limits
from fairlead_proxy.server.request_body import Body, Inflater, is_chunked, length_of
from fairlead_proxy.server.request_checks import read_headers
from fairlead_proxy.server.request_head import HeadReader
from fairlead_proxy.server.service import Service
from fairlead_proxy.server.serving import Serving
from fairlead_proxy.server.visit import Visit
from fairlead_proxy.telemetry.faults import log_fault

HEAD_TOO_SLOW = Answer(408, "request_timeout", "The request's headers did not come in time.")
BODY_TOO_SLOW = Answer(408, "request_timeout", "The request's body did not come in time.")

BACKLOG_BYTES = 64 * 1024
"""How much is read of what comes behind a request that is being served; a default. A client that sends more is not read
from, and so not seen to leave, until its answer has ended."""

KNOWN_SECONDS = 5.0
"""How long an idle connection remembers its last head, which holds a key, and what was in force then. A default."""

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_IDLE: Final = 0
_HEAD: Final = 1
_BODY: Final = 2
_SERVING: Final = 3
"""A request has come whole. It is served, or has been and the next one stands in the backlog: nothing is read on."""
_ENDING: Final = 4
"""The last answer has been written, or the connection is lost: what comes is dropped."""


class Server(Protocol):
    """Whom connections belong to: `ClientServer`. `render` returns a whole answer, after which the connection ends."""

    service: Service
    limits: Limits
    serving: Serving
    loop: asyncio.AbstractEventLoop
    date_line: bytes

    def render(self, answer: Answer) -> bytes: ...

    def made(self, connection: "ClientConnection") -> int:
        """A client has connected; return how many connections there are now."""
        ...

    def forget(self, connection: "ClientConnection") -> None:
        """A connection is closed."""
        ...


class ClientConnection(ClientSocket):
    """`shed`: there are too many connections, so requests on this one are refused."""

    __slots__ = (
        "_backlog",
        "_body",
        "_head",
        "_idle_since",
        "_known",
        "_service",
        "_since",
        "_state",
        "_visit",
        "port",
        "shed",
    )

    def __init__(self, server: Server) -> None:
        super().__init__(server.loop, server.limits)
        self.port = server
        self.shed = False
        self._service = server.service
        self._state = _IDLE
        self._visit: Visit | None = None
        self._known: KnownHead | None = None
        self._head: HeadReader | None = None
        self._body: Body | None = None
        self._backlog = b""
        # Loop's clock: since when a first or a begun head, or a body, is awaited; None: nothing of the kind.
        self._since: float | None = None
        self._idle_since: float | None = None  # the sweep's alone, so that a request need not ask for the time

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._since = self._loop.time()
        held, most = self.port.made(self), self._limits.max_connections
        self.shed = held > most
        if held > 2 * most:
            self.cut()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose()
        super().connection_lost(exc)
        self.port.forget(self)

    def eof_received(self) -> None:
        """A client that closes one way only has left like any other; what was written before still goes out."""
        self._lose()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._visit is not None:
            self._visit.full = self.full

    def make_room(self) -> None:
        if self._visit is not None:
            self._visit.full = False
        super().make_room()

    def data_received(self, data: bytes) -> None:
        known = self._known
        if known is not None and self._state == _IDLE:
            body = known.body_in(data)
            if body is not None and self._serve_known(known, body):
                return
        self._read(data)

    def cut(self, *, reset: bool = False) -> None:
        self._forget_requests()
        super().cut(reset=reset)

    def visit_over(self, visit: Visit) -> None:
        self._service.ended(visit)
        if visit is not self._visit:
            return
        self._visit = None
        if self._state == _ENDING:
            return
        if not visit.keeps:
            self._end(linger=self._state != _SERVING)
        elif self._backlog:
            self._loop.call_soon(self._go_on)
        else:
            self._state = _IDLE

    def is_arriving(self, now: float, patience_seconds: float) -> bool:
        """Say whether a request may be on its way: the connection is new, or a head has begun. `now`: loop's clock."""
        return self._state <= _HEAD and self._since is not None and now - self._since < patience_seconds

    def end_if_idle(self) -> None:
        """Close, unless a request is being served or waits for its turn."""
        if self._state <= _HEAD:
            self._end(linger=False)

    def shut(self) -> None:
        """Close: at once if a request is under way, else as soon as what was written is sent."""
        if self._visit is not None:
            self.cut()
        else:
            self._end(linger=False)

    def sweep(self, now: float) -> None:
        """End what has been too slow. `now` is on the loop's clock."""
        limits, since = self._limits, self._since
        self.sweep_socket(now)
        if self._state == _IDLE and since is None:
            if self._idle_since is None:
                self._idle_since = now
            elif now - self._idle_since > limits.idle_seconds:
                self._end(linger=False)
            elif now - self._idle_since > KNOWN_SECONDS:
                self._known = None
        elif since is not None and self._state == _BODY:
            self._sweep_body(now - since)
        elif since is not None and self._state <= _HEAD and now - since > limits.head_seconds:
            self._reject(HEAD_TOO_SLOW if self._head is not None else None)

    def _serve_known(self, known: KnownHead, body: bytes) -> bool:
        """Serve a call whose head came before; False: its head must be read again."""
        self._idle_since = None
        self._state = _SERVING
        visit = self._visit = Visit(self, known.request)
        try:
            if self._service.readmit(visit, known.admission, len(body)):
                self._service.serve(visit, body)
                return True
        except Exception as error:  # one request's fault must not become the connection's, or the process's
            self._fail(visit, error)
            return True
        self._visit = self._known = None
        self._state = _IDLE
        return False

    def _read(self, data: bytes) -> None:
        """Go through what has come, request by request, until it is used up or one of them is being served."""
        while data:
            if self._state <= _HEAD:
                data = self._read_head(data)
            elif self._state == _BODY:
                data = self._read_body(data)
            else:
                if self._state == _SERVING:
                    self._put_back(data)
                return

    def _read_head(self, data: bytes) -> bytes:
        """Read a head, or a part of it; return what is left of the bytes."""
        head = self._head
        fresh = head is None
        if head is None:
            head = self._head = HeadReader(self._limits)
            self._state = _HEAD
            self._idle_since = None
        try:
            taken = head.feed(data)
        except CallRefused as refused:
            self._reject(refused.answer)
            return b""
        if not head.complete:
            if self._since is None:
                self._since = self._loop.time()
            return b""
        self._head = self._since = None
        visit = self._visit = Visit(self, head.request())
        rest = data[taken:]
        rest = self._admit(visit, rest)
        if fresh and visit.keeps and visit.admission is not None:
            self._known = remember(data[:taken], visit.request, visit.admission, self._limits)
        return rest

    def _admit(self, visit: Visit, rest: bytes) -> bytes:
        """Check a head, and begin with its body; return what is left of the bytes."""
        request = visit.request
        try:
            read_headers(request)
        except CallRefused as refused:
            self._refuse(visit, refused.answer)
            return b""
        visit.keeps, headers = request.keep_alive, request.headers
        length = length_of(headers)
        here = length <= len(rest) and not is_chunked(headers)
        self._state = _SERVING if here else _BODY
        try:
            self._service.admit(visit)
            body = None if visit.over else Body(headers, self._limits)
        except Exception as error:
            self._fail(visit, error)
            body = None
        if body is None:  # answered: a body that is here is passed over, and the connection may go on
            return rest[length:] if here else b""
        self._body = body
        self._state = _BODY
        rest = self._read_body(rest)
        if self._awaits(body):
            self._since = self._loop.time()
            if "expect" in headers and not request.http_1_0 and self.transport is not None:
                self.transport.write(_CONTINUE)
        return rest

    def _awaits(self, body: Body) -> bool:
        """Say whether more of this body is to come."""
        return self._body is body

    def _read_body(self, data: bytes) -> bytes:
        """Take a part of a body; if it is whole then, serve it. Return what is left of the bytes."""
        visit, body = self._visit, self._body
        assert visit is not None
        assert body is not None
        rest = b""
        try:
            before = body.size
            rest = body.feed(data)
            if body.whole:
                self._body = self._since = None
                self._state = _SERVING
            self._service.hold(visit, body.size - before)
        except Exception as error:
            self._fail(visit, error)
            return rest
        if not body.whole:
            return b""
        if body.packed:
            self._inflate(visit, Inflater(body.take(), self._limits))
        else:
            self._serve(visit, body.take())
        return rest

    def _inflate(self, visit: Visit, inflater: Inflater) -> None:
        """Inflate a slice of a body in each turn of the loop, and then serve it."""
        if visit.over:
            return
        try:
            self._service.hold(visit, inflater.step())
        except Exception as error:
            self._fail(visit, error)
            return
        if inflater.done:
            self._serve(visit, inflater.take())
        else:
            self._loop.call_soon(self._inflate, visit, inflater)

    def _serve(self, visit: Visit, body: bytes) -> None:
        try:
            self._service.serve(visit, body)
        except Exception as error:
            self._fail(visit, error)

    def _fail(self, visit: Visit, error: Exception) -> None:
        """Answer a visit that was refused, or in which something of ours failed."""
        if isinstance(error, CallRefused):
            self._refuse(visit, error.answer)
        else:
            log_fault(visit.id, error)
            self._refuse(visit, INTERNAL_ERROR)

    def _refuse(self, visit: Visit, answer: Answer) -> None:
        if self._state != _SERVING:
            visit.end_connection_after()  # a body that was not read, or a head that is not trusted
        if visit.started:
            visit.abort()
            return
        try:
            self._service.refuse(visit, answer)
        except Exception as error:
            log_fault(visit.id, error)
            visit.abort()

    def _reject(self, answer: Answer | None) -> None:
        """End a connection on which something came that is no request; None: without a word."""
        if answer is not None and self.transport is not None:
            self.transport.write(self.port.render(answer))
        self._end(linger=answer is not None)

    def _put_back(self, data: bytes) -> None:
        """Keep what has come of later requests until it is their turn."""
        self._backlog += data
        if len(self._backlog) > BACKLOG_BYTES:
            self.pause_reading()

    def _go_on(self) -> None:
        if self._state != _SERVING or self._visit is not None:
            return
        self._state = _IDLE
        data, self._backlog = self._backlog, b""
        self._read(data)
        if len(self._backlog) <= BACKLOG_BYTES:
            self.resume_reading()

    def _end(self, *, linger: bool) -> None:
        self._forget_requests()
        self.close_soon(linger=linger)

    def _forget_requests(self) -> None:
        self._state = _ENDING
        self._since = None
        self._head = self._body = self._known = None
        self._backlog = b""

    def _lose(self) -> None:
        """The client has left."""
        visit, self._visit = self._visit, None
        self._forget_requests()
        self.close_soon(linger=False)
        if visit is not None:
            visit.leave()
        self.make_room()

    def _sweep_body(self, elapsed: float) -> None:
        visit, body, limits = self._visit, self._body, self._limits
        if visit is None or body is None or elapsed <= limits.body_grace_seconds:
            return
        if body.size < elapsed * limits.body_bytes_per_second:
            self._refuse(visit, BODY_TOO_SLOW)
