"""One connection to a provider: one request at a time goes out over it, and the answer to it comes in.

StaleConnection (never leaves `upstream`)
"""

import asyncio
import select
from typing import Final, Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.http_response import HttpResponse

STALE_SECONDS = 1.0
"""A pooled connection that dies this soon was stale: closed by the provider before the call reached it. A default."""

MAX_HEAD_BYTES = 64 * 1024
MAX_LINE_BYTES = 32 * 1024
MAX_HEADERS = 128
MAX_INFORMATIONAL = 100
"""Interim answers (1xx) before the one that counts; some servers send one every few seconds. All four are defaults."""
MAX_FRAMING_BYTES = 64 * 1024
"""How much may come in a row without a byte of body in it: chunk extensions and trailers. A default."""

SLICE_BYTES = 64 * 1024
SLICES_PER_TURN = 4
"""A large request body is written piece by piece, so that other calls get their turn."""

_IDLE: Final = 0
_HEAD: Final = 1
_BODY: Final = 2
_WHOLE: Final = 3
_DEAD: Final = 4


class StaleConnection(Exception):
    """A connection that had served before died before any byte of an answer: the request may be sent once more."""


class Keeper(Protocol):
    """Whom a connection belongs to."""

    def made(self, connection: "HttpConnection") -> None:
        """The connection stands."""
        ...

    def took_back(self, connection: "HttpConnection") -> None:
        """The connection is idle, and good for another request."""
        ...

    def lost(self, connection: "HttpConnection") -> None:
        """The connection will not be used any more, or was never made; if it has a socket, that is about to close."""
        ...

    def gone(self, connection: "HttpConnection") -> None:
        """The socket of a connection that stood is closed."""
        ...


class HttpConnection(asyncio.Protocol):
    """`idle_since` is on the loop's clock, and the keeper's to set; so is `served`: whether it has answered before."""

    __slots__ = (
        "_answer",
        "_awaited",
        "_blocked",
        "_headers",
        "_held",
        "_interim",
        "_keep",
        "_keeper",
        "_loop",
        "_parser",
        "_phase",
        "_pieces",
        "_rest",
        "_seen",
        "_sent_at",
        "_transport",
        "idle_since",
        "on_body",
        "served",
    )

    def __init__(self, keeper: Keeper, loop: asyncio.AbstractEventLoop) -> None:
        self._keeper = keeper
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._phase = _IDLE
        self._awaited: asyncio.Future[HttpResponse] | None = None
        self._answer: HttpResponse | None = None
        self._headers: list[tuple[str, str]] = []
        self._pieces: list[bytes] = []
        self._seen = 0
        self._interim = 0
        self._keep = True
        self._rest: memoryview | None = None
        self._blocked = False
        self._held = False
        self._sent_at = 0.0
        self.idle_since = 0.0
        self.served = False
        self.on_body = self._pieces.append  # for the parser: saves a call of Python for each token
        parser = HttpResponseParser(self)
        # As lenient as the parsers of other clients, which local model servers were tried with.
        parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True)
        self._parser: HttpResponseParser | None = parser

    @property
    def usable(self) -> bool:
        """Say whether a request may be sent."""
        return self._phase == _IDLE

    def send(self, data: bytes, rest: bytes, now: float) -> asyncio.Future[HttpResponse]:
        """Send a request: `data` at once, `rest` as the provider takes it. Nobody else may be using the connection.

        The future ends in StaleConnection or UpstreamFailure where the answer's head does not come. Whoever stops
        waiting for it calls `give_up`.
        """
        awaited: asyncio.Future[HttpResponse] = self._loop.create_future()
        if self._phase != _IDLE:
            awaited.set_exception(_closed_early())
            return awaited
        self._phase = _HEAD
        self._seen = self._interim = 0
        self._headers.clear()
        self._sent_at = now
        self._awaited = awaited
        cast(asyncio.Transport, self._transport).write(data)
        if rest:
            self._rest = memoryview(rest)
            self._write_on()
        return awaited

    def give_up(self, awaited: asyncio.Future[HttpResponse]) -> None:
        """Nobody waits for this answer: close the connection, unless it has served it already."""
        if awaited is self._awaited:
            self.abort()
        elif awaited.done() and not awaited.cancelled() and awaited.exception() is None:
            awaited.result().close()

    def hold(self) -> None:
        """See Connection."""
        if not self._held and self._phase != _DEAD and self._transport is not None:
            self._held = True
            self._transport.pause_reading()

    def go_on(self) -> None:
        if self._held and self._phase != _DEAD and self._transport is not None:
            self._held = False
            self._transport.resume_reading()

    def abort(self) -> None:
        if self._phase == _DEAD:
            return
        self._phase = _DEAD
        self._answer = self._awaited = self._rest = None
        if self._transport is not None:
            self._transport.abort()
        self._keeper.lost(self)

    def shut(self) -> None:
        """Close the connection; whoever waits for it is told that it broke."""
        self._end(None, cut=True)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._keeper.made(self)
        if self._phase == _DEAD:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        phase = self._phase
        if phase == _HEAD:
            self._seen += len(data)
        elif phase != _BODY:
            self.abort()  # nothing was asked
            return
        try:
            cast(HttpResponseParser, self._parser).feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._refuse()
            return
        pieces = self._pieces
        if pieces:
            piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            if self._answer is not None:  # else it was the body of an interim answer
                self._seen = 0
                self._answer.bring(piece, more=self._phase == _BODY)
        elif self._phase == _BODY and phase == _BODY:
            self._seen += len(data)
            if self._seen > MAX_FRAMING_BYTES:
                self._refuse()
                return
        if self._phase == _WHOLE:
            self._complete()
        elif self._phase == _HEAD and self._seen > MAX_HEAD_BYTES:
            self._refuse()

    def eof_received(self) -> None:
        """Nothing more will come; what is still unsent is of no use either."""
        self._end(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._end(error)
        self._parser = None  # the two refer to each other
        self._transport = None
        self._keeper.gone(self)

    def pause_writing(self) -> None:
        self._blocked = True

    def resume_writing(self) -> None:
        self._blocked = False
        self._write_on()

    def on_message_begin(self) -> None:
        """For the parser, as all that follows. A second answer was not asked for."""
        if self._phase != _HEAD:
            raise _Unacceptable

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._phase == _HEAD:  # else it is a trailer
            self._headers.append((_NAMES[name], value.decode("latin-1").strip()))

    def on_headers_complete(self) -> None:
        parser = cast(HttpResponseParser, self._parser)
        status = parser.get_status_code()
        headers = self._headers
        if len(headers) > MAX_HEADERS or (self._seen > MAX_LINE_BYTES and _are_too_long(headers)):
            raise _Unacceptable
        if status < 200:
            self._interim += 1
            if self._interim > MAX_INFORMATIONAL or status < 100 or status == 101:
                raise _Unacceptable
            return
        head = tuple(headers)
        fields = dict(head)
        if fields.get("transfer-encoding", "chunked").strip().lower() != "chunked":
            raise _Unacceptable
        self._answer = answer = HttpResponse(status, head, fields.get("content-encoding"), self)
        self._phase = _BODY
        self._seen = 0
        if self._rest is not None and status >= 300:
            self._rest = memoryview(b"")  # refused early: nothing more is sent, and what was begun never ends
        awaited = self._awaited
        if awaited is not None and not awaited.done():
            awaited.set_result(answer)

    def on_message_complete(self) -> None:
        if self._phase == _HEAD:
            self._headers.clear()
            self._pieces.clear()
            return
        self._phase = _WHOLE
        self._keep = cast(HttpResponseParser, self._parser).should_keep_alive()

    def _complete(self) -> None:
        """The answer is whole: it goes its own way, and the connection is free, if it is good for more.

        One that was answered before it had sent its whole request is not: its provider may never read the rest.
        """
        answer, self._answer = self._answer, None
        self._awaited = None
        if answer is not None:
            answer.end()
        unsent = self._rest is not None or cast(asyncio.Transport, self._transport).get_write_buffer_size()
        if self._keep and not unsent:
            self._phase = _IDLE
            if self._held:
                self.go_on()
            self.served = True
            self._keeper.took_back(self)
        else:
            self.abort()

    def _refuse(self) -> None:
        """What came is not the answer's next part. If the answer was whole before, only the connection is spoilt."""
        awaited, answer, whole = self._awaited, self._answer, self._phase == _WHOLE
        pieces = b"".join(self._pieces)
        self._pieces.clear()
        self.abort()
        if answer is None:
            _fail(awaited, UpstreamFailure(FailureClass.MALFORMED_RESPONSE, "the answer is not HTTP that we accept"))
            return
        if pieces:
            answer.bring(pieces, more=False)
        if whole:
            answer.end()
        else:
            answer.fail()

    def _end(self, error: Exception | None, *, cut: bool = False) -> None:
        """The connection has ended; `cut`: by ourselves."""
        phase, awaited, answer = self._phase, self._awaited, self._answer
        if phase == _DEAD:
            return
        stale = self.served and not self._seen and self._loop.time() - self._sent_at < STALE_SECONDS
        self.abort()
        if phase == _HEAD:
            if stale and not cut:
                _fail(awaited, StaleConnection())
            else:
                _fail(awaited, _closed_early())
        elif answer is not None:
            if error is None and not cut and _ends_with_the_connection(answer):
                answer.end()
            else:
                answer.fail()

    def _write_on(self) -> None:
        """Write the body on, as far as the socket takes it."""
        transport = self._transport
        for _ in range(SLICES_PER_TURN):
            rest = self._rest
            if not rest or self._blocked or transport is None:
                return
            if self._phase == _HEAD and _has_word(transport):
                break  # an early answer, most likely: a write that fails would close the socket before it is read
            transport.write(rest[:SLICE_BYTES])
            self._rest = rest[SLICE_BYTES:] if len(rest) > SLICE_BYTES else None
        if self._rest:
            self._loop.call_soon(self._write_on)


class _Unacceptable(Exception):
    """Makes the parser stop, from within one of its calls."""


class _Names(dict[bytes, str]):
    """Header names as they are handed out; the same few come again and again."""

    def __missing__(self, name: bytes) -> str:
        if len(self) > 1000:
            self.clear()
        self[name] = read = name.decode("latin-1").lower()
        return read


_NAMES = _Names()


def _has_word(transport: asyncio.Transport) -> bool:
    """Say whether the other end has sent something, or has closed."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.fileno() < 0:
        return False
    look = select.poll()
    look.register(sock.fileno(), select.POLLIN)
    return bool(look.poll(0))


def _are_too_long(headers: list[tuple[str, str]]) -> bool:
    lengths = [len(name) + len(value) + 4 for name, value in headers]
    return max(lengths, default=0) > MAX_LINE_BYTES or sum(lengths) > MAX_HEAD_BYTES


def _ends_with_the_connection(answer: HttpResponse) -> bool:
    """Source: RFC 9112, section 6.3: no framing of its own, so the body ends where the connection does."""
    return not any(name in ("content-length", "transfer-encoding") for name, _ in answer.headers)


def _closed_early() -> UpstreamFailure:
    return UpstreamFailure(FailureClass.UNREACHABLE, "the connection was closed before an answer")


def _fail(awaited: asyncio.Future[HttpResponse] | None, error: Exception) -> None:
    if awaited is not None and not awaited.done():
        awaited.set_exception(error)
