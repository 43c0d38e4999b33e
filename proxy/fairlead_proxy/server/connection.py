"""One client connection: aiohttp's HTTP/1.1 protocol, held to our limits."""

import asyncio
import logging
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import LineTooLong
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from fairlead_proxy.exchange.errors import Answer, ClientGone
from fairlead_proxy.server.limits import Limits

log = logging.getLogger(__name__)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
RenderAnswer = Callable[[Answer], bytes]
"""Returns a whole answer, head and body, that ends the connection."""

HEADERS_TOO_LARGE = Answer(431, "headers_too_large", "The request's headers are too large or too many.")
TARGET_TOO_LONG = Answer(414, "target_too_long", "The request's target is too long.")
HEAD_TOO_SLOW = Answer(408, "request_timeout", "The request's headers did not come in time.")
BODY_TOO_SLOW = Answer(408, "request_timeout", "The request's body did not come in time.")
MALFORMED = Answer(400, "malformed_request", "The request is not valid HTTP/1.1.")

_NO_LINGER = struct.pack("ii", 1, 0)


class BodyFault(Exception):
    """The body of the request being served cannot be had; set on the body's reader."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.message)
        self.answer = answer


class Written(web.StreamResponse):
    """Tells aiohttp that the answer has been written to the transport already."""

    def __init__(self, *, keep_alive: bool) -> None:
        super().__init__()
        self._keeps = keep_alive

    @property
    def keep_alive(self) -> bool | None:
        return self._keeps

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None


KEEP = Written(keep_alive=True)
CLOSE = Written(keep_alive=False)


class ClientConnection(RequestHandler):
    """What aiohttp does not do by itself: deadlines for head and body, bounded heads, back-pressure, a sign of leaving.

    `busy`: a call is being served. `shed`: there are too many connections, so calls on this one are refused.
    """

    __slots__ = (
        "_body",
        "_body_since",
        "_full_since",
        "_head_bytes",
        "_head_since",
        "_limits",
        "_on_lost",
        "_on_room",
        "_render",
        "_server",
        "_unsent_bytes",
        "busy",
        "lost",
        "shed",
    )

    def __init__(self, server: "ClientServer", limits: Limits, render: RenderAnswer, **options: Any) -> None:
        super().__init__(server, **options)
        self._server = server
        self._limits = limits
        self._render = render
        self._body: StreamReader | None = None
        self._body_since: float | None = None
        self._head_since: float | None = None
        self._head_bytes = 0
        self._full_since: float | None = None
        self._unsent_bytes = 0
        self._on_room: list[Callable[[], None]] = []
        self._on_lost: Callable[[], None] | None = None
        self.busy = False
        self.shed = False
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.transport is not None:
            self.transport.set_write_buffer_limits(high=self._limits.write_buffer_bytes)
        self._head_since = self._loop.time()
        self._server.held += 1
        self.shed = self._server.held > self._limits.max_connections
        if self._server.held > 2 * self._limits.max_connections:
            self.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        if not self.lost.is_set():
            self._server.held -= 1
        super().connection_lost(exc)
        self.lost.set()
        self._make_room()
        if self._on_lost is not None:
            self._on_lost()

    def data_received(self, data: bytes) -> None:
        body, heads = self._body, self._request_count
        # Asked before the parser has it: the piece that ends a body belongs to that body, and begins no head.
        in_body = body is not None and not body.is_eof()
        super().data_received(data)
        if self._request_count > heads:
            self._head_since, self._head_bytes = None, 0
            message, self._body = self._messages[-1]
            if body is not None and not body.is_eof() and not isinstance(message, RawRequestMessage):
                # aiohttp tells whoever reads the next request, but not the one that waits for this body.
                body.set_exception(BodyFault(MALFORMED))
        elif data and not in_body:
            if self._head_since is None:
                self._head_since = self._loop.time()
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.head_bytes:
                self._refuse(HEADERS_TOO_LARGE)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._full_since is None and self.transport is not None:
            self._full_since = self._loop.time()
            self._unsent_bytes = self.transport.get_write_buffer_size()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._make_room()

    @property
    def full(self) -> bool:
        """Say whether the client does not take what was written as fast as it comes."""
        return self._full_since is not None

    def when_room(self, call: Callable[[], None]) -> None:
        """Call this, once, when there is room again or the client has left; at once, if that is so already."""
        if self._full_since is None or self.lost.is_set():
            call()
        else:
            self._on_room.append(call)

    def when_lost(self, call: Callable[[], None] | None) -> None:
        """Call this when the client leaves; at once, if it has left already. Only one can be told."""
        self._on_lost = call
        if call is not None and self.lost.is_set():
            call()

    async def room(self) -> None:
        """Return once the client has taken most of what was written; raise ClientGone if it leaves instead."""
        if self.full:
            room: asyncio.Future[None] = self._loop.create_future()
            self.when_room(lambda: None if room.done() else room.set_result(None))
            await room
        if self.lost.is_set():
            raise ClientGone("the client has closed its connection")

    def check(self) -> None:
        """Raise ClientGone where the client has left."""
        if self.transport is None or self.transport.is_closing():
            raise ClientGone("the client has closed its connection")

    def write(self, data: bytes) -> None:
        """Hand bytes to the client; raise ClientGone where it has left."""
        transport = self.transport
        if transport is None or transport.is_closing():
            raise ClientGone("the client has closed its connection")
        transport.write(data)

    def abort(self, *, reset: bool = False) -> None:
        """Close at once, dropping what is not sent. `reset`: so that even an answer without a length looks cut."""
        if self.transport is None:
            return
        if reset:
            sock = self.transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()

    def is_arriving(self, now: float, patience_seconds: float) -> bool:
        """Say whether a request may be on its way: the connection is new, or a head has begun. `now`: loop's clock."""
        return self._head_since is not None and now - self._head_since < patience_seconds

    def end_if_idle(self) -> None:
        """Close, unless a request is being served or has come whole and waits for its turn."""
        if not self.busy and not self._messages:
            self.force_close()

    def expect_body(self) -> None:
        """A call begins to read its body: from now on it must keep coming."""
        self._body_since = self._loop.time()

    def body_done(self) -> None:
        self._body_since = None

    def sweep(self, now: float) -> None:
        """End what has been too slow. `now` is on the loop's clock."""
        self._sweep_unsent(now)
        if self._body_since is not None and self._body is not None:
            elapsed = now - self._body_since
            too_few = self._body.total_bytes < elapsed * self._limits.body_bytes_per_second
            if elapsed > self._limits.body_grace_seconds and too_few:
                self._body.set_exception(BodyFault(BODY_TOO_SLOW))
        elif self._head_since is not None and not self.busy and now - self._head_since > self._limits.head_seconds:
            self._refuse(HEAD_TOO_SLOW if self._head_bytes else None)

    def _sweep_unsent(self, now: float) -> None:
        """End a client that has taken nothing for too long of what waits for it."""
        if self._full_since is None or self.transport is None:
            return
        unsent = self.transport.get_write_buffer_size()
        if unsent < self._unsent_bytes:
            self._full_since, self._unsent_bytes = now, unsent
        elif now - self._full_since > self._limits.write_seconds:
            self.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what aiohttp's parser refused, in our own words: nothing of the request is repeated or logged."""
        if self.transport is not None:
            self.transport.write(self._render(self._answer_to(exc)))
        return CLOSE

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log what aiohttp could not deal with; a body that never came whole has been answered already."""
        if not isinstance(kw.get("exc_info"), BodyFault):
            log.error("a connection failed", exc_info=kw.get("exc_info"))

    def _answer_to(self, error: BaseException | None) -> Answer:
        if isinstance(error, LineTooLong):
            # The exception holds the limit that was passed; the request's target and its headers have different ones.
            return TARGET_TOO_LONG if error.args[1:2] == (self._limits.target_bytes,) else HEADERS_TOO_LARGE
        return HEADERS_TOO_LARGE if "Too many headers" in str(error) else MALFORMED

    def _refuse(self, answer: Answer | None) -> None:
        if self.busy:
            self.abort()
            return
        if answer is not None and self.transport is not None:
            self.transport.write(self._render(answer))
        self.force_close()

    def _make_room(self) -> None:
        self._full_since = None
        waiting, self._on_room = self._on_room, []
        for call in waiting:
            call()


class ClientServer(web.Server):
    """Makes a ClientConnection for each client that connects. `held`: how many are open."""

    def __init__(self, handler: Handler, limits: Limits, render: RenderAnswer) -> None:
        super().__init__(handler, request_factory=self._request)
        self.held = 0
        self._limits = limits
        self._render = render

    def __call__(self) -> ClientConnection:
        return ClientConnection(
            self,
            self._limits,
            self._render,
            loop=self._loop,
            keepalive_timeout=self._limits.idle_seconds,
            lingering_time=self._limits.linger_seconds,
            max_line_size=self._limits.target_bytes,
            max_headers=self._limits.header_count,
            max_field_size=self._limits.head_bytes,
            auto_decompress=False,
            access_log=None,
        )

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        return web.BaseRequest(
            message, payload, protocol, writer, task, self._loop, client_max_size=self._limits.body_bytes
        )
