"""One connection to a provider: one request at a time goes out over it, and the answer to it comes in."""

import asyncio
import select
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.http_errand import HttpErrand
from fairlead_proxy.upstream.http_head import (
    MAX_HEAD_BYTES,
    MAX_INFORMATIONAL,
    NAMES,
    Head,
    Unacceptable,
    check_bounds,
    read_head,
)
from fairlead_proxy.upstream.whole_chunk import CHUNK_STARTS

STALE_SECONDS = 1.0
"""A pooled connection that dies this soon was stale: closed by the provider before the call reached it. A default."""

MAX_FRAMING_BYTES = 64 * 1024
"""How much may come in a row without a byte of body in it: chunk extensions and trailers. A default."""

TAIL_SECONDS = 0.25
TAIL_BYTES = 64 * 1024
"""How long, and how far, a body that nobody needs is read on, so that its connection can be used again. Defaults."""

SLICE_BYTES = 64 * 1024
SLICES_PER_TURN = 4
"""A large request body is written piece by piece, so that other calls get their turn."""

_IDLE: Final = 0
_HEAD: Final = 1
_BODY: Final = 2
_WHOLE: Final = 3
_DEAD: Final = 4


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
    """`idle_since` is on the loop's clock, and the keeper's to set. `take` is the errand's: see there.

    An errand is told of what came only when the parser has returned: whatever it does then is safe.
    """

    __slots__ = (
        "_between_chunks",
        "_blocked",
        "_chunk_ended",
        "_errand",
        "_head",
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
        "_served",
        "_tail",
        "_tail_timer",
        "_transport",
        "idle_since",
        "on_body",
        "on_chunk_complete",
        "on_chunk_header",
        "take",
    )

    def __init__(self, keeper: Keeper, loop: asyncio.AbstractEventLoop) -> None:
        self._keeper = keeper
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._phase = _IDLE
        self._errand: HttpErrand | None = None
        self._head: Head | None = None
        self._headers: list[tuple[str, str]] = []
        self._pieces: list[bytes] = []
        self._seen = 0
        self._interim = 0
        self._keep = True
        self._rest: memoryview | None = None
        self._blocked = False
        self._held = False
        self._served = False
        self._sent_at = 0.0
        self._tail = 0
        self._tail_timer: asyncio.TimerHandle | None = None
        self.idle_since = 0.0
        self.take: Callable[[bytes], None] = _drop
        # What the parser calls for each piece and chunk is C all through: that saves a call of Python each time.
        self.on_body = self._pieces.append
        # Not empty: the last of these two that came was the end of a chunk.
        self._chunk_ended: list[None] = []
        self.on_chunk_header = self._chunk_ended.clear
        self.on_chunk_complete = partial(self._chunk_ended.append, None)
        self._between_chunks = False
        parser = HttpResponseParser(self)
        # As lenient as the parsers of other clients, which local model servers were tried with.
        parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True)
        self._parser: HttpResponseParser | None = parser

    @property
    def usable(self) -> bool:
        """Say whether a request may be sent."""
        return self._phase == _IDLE

    def send(self, errand: HttpErrand, data: bytes, rest: bytes, now: float) -> None:
        """Send a request: `data` at once, `rest` as the provider takes it. To be called only while it is usable."""
        errand.connection = self
        self._errand = errand
        self._phase = _HEAD
        self._sent_at = now
        self._transport.write(data)  # type: ignore[union-attr]  # it stands, since it is usable
        if rest:
            self._rest = memoryview(rest)
            self._write_on()

    def hold(self) -> None:
        """See Connection."""
        if not self._held and self._phase != _DEAD and self._transport is not None:
            self._held = True
            self._transport.pause_reading()

    def go_on(self) -> None:
        if self._held and self._phase != _DEAD and self._transport is not None:
            self._held = False
            self._transport.resume_reading()

    def drain(self) -> None:
        if self._phase != _BODY:
            self.abort()
            return
        self._errand = None
        self._tail = 0
        self.take = self._throw_away
        self._tail_timer = self._loop.call_later(TAIL_SECONDS, self.abort)
        self.go_on()

    def abort(self) -> None:
        if self._phase == _DEAD:
            return
        self._phase = _DEAD
        self._between_chunks = False
        self._let_go()
        self._rest = None
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
        if self._between_chunks:
            starts = CHUNK_STARTS[len(data)]
            if data.startswith(starts) and data.endswith(b"\r\n"):
                # A token, most likely: one whole chunk, which would leave the parser where it is.
                try:
                    self.take(data[len(starts[0]) : -2])
                except Exception as error:
                    self._fault(error)
                return
        before = self._phase
        if before == _HEAD:
            self._seen += len(data)
        elif before != _BODY:
            self.abort()  # nothing was asked
            return
        try:
            self._parser.feed_data(data)  # type: ignore[union-attr]  # it is there as long as the transport
        except (HttpParserError, HttpParserUpgrade):
            self._refuse(before)
            return
        phase = self._phase
        pieces = self._pieces
        if phase == _HEAD:
            pieces.clear()  # the body of an interim answer
            if self._seen > MAX_HEAD_BYTES:
                self._refuse(before)
            return
        piece = b""
        if pieces:
            piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            self._seen = 0
        elif before == _BODY:
            self._seen += len(data)
            if self._seen > MAX_FRAMING_BYTES:
                self._refuse(before)
                return
        if phase == _WHOLE:
            self._complete(before, piece)
            return
        # Nothing but the end of a chunk's header ends so in what follows a chunk: the parser stands behind the chunk.
        self._between_chunks = bool(self._chunk_ended) and data.endswith(b"\r\n")
        if before == _HEAD:
            self._begin()
        if piece and self._phase == _BODY:
            self._bring(piece)

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
            raise Unacceptable

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._phase == _HEAD:  # else it is a trailer
            self._headers.append((NAMES[name], value.decode("latin-1").strip()))

    def on_headers_complete(self) -> None:
        status = cast(HttpResponseParser, self._parser).get_status_code()
        if status >= 200:
            self._head = read_head(status, self._headers, self._seen)
            self._phase = _BODY
            return
        check_bounds(self._headers, self._seen)
        self._interim += 1
        if self._interim > MAX_INFORMATIONAL or status < 100 or status == 101:
            raise Unacceptable

    def on_message_complete(self) -> None:
        if self._phase == _HEAD:
            self._headers.clear()
            self._pieces.clear()
            return
        self._phase = _WHOLE
        self._keep = cast(HttpResponseParser, self._parser).should_keep_alive()

    def _begin(self) -> None:
        """The head has come, and the body is not whole."""
        head, errand = self._head, self._errand
        self._seen = 0
        if head is None:
            return
        if self._rest is not None and head.status >= 300:
            self._rest = memoryview(b"")  # refused early: nothing more is sent, and what was begun never ends
        if errand is not None:
            errand.begin(head.status, head.headers, head.encoding)

    def _complete(self, before: int, piece: bytes) -> None:
        """The answer is whole: the connection is free, if it is good for more, before the errand hears of it.

        One that was answered before it had sent its whole request is not: its provider may never read the rest.
        """
        errand, head, take = self._errand, self._head, self.take
        self._let_go()
        self._set_free()
        if errand is None:
            return
        if before == _HEAD:
            assert head is not None
            errand.answered(head.status, head.headers, head.encoding, piece)
            return
        if piece:
            try:
                take(piece)
            except Exception as error:
                errand.fault(error)
        errand.end()

    def _set_free(self) -> None:
        unsent = self._rest is not None or cast(asyncio.Transport, self._transport).get_write_buffer_size()
        if not self._keep or unsent:
            self.abort()
            return
        self._phase = _IDLE
        self._seen = self._interim = 0
        self._served = True
        if self._held:
            self.go_on()
        self._keeper.took_back(self)

    def _let_go(self) -> None:
        """Whoever had sent the request has nothing to do with this connection from now on."""
        if self._errand is not None:
            self._errand.connection = None
            self._errand = None
        self._head = None
        self.take = _drop
        self._headers.clear()
        self._chunk_ended.clear()
        self._between_chunks = False
        if self._tail_timer is not None:
            self._tail_timer.cancel()
            self._tail_timer = None

    def _bring(self, piece: bytes) -> None:
        try:
            self.take(piece)
        except Exception as error:
            self._fault(error)

    def _fault(self, error: Exception) -> None:
        """Whoever takes the body has raised this; if it has also ended its errand, nobody needs to know."""
        if self._errand is not None:
            self._errand.fault(error)

    def _refuse(self, before: int) -> None:
        """What came is not the answer's next part. If the answer was whole before, only the connection is spoilt."""
        whole = self._phase == _WHOLE
        piece = b"".join(self._pieces)
        self._pieces.clear()
        if whole:
            self._keep = False
            self._complete(before, piece)
            return
        if before == _HEAD:
            self._begin()
        if piece:
            self._bring(piece)
        errand, head = self._errand, self._head
        self.abort()
        if errand is None:
            return
        if head is None:
            errand.lose(UpstreamFailure(FailureClass.MALFORMED_RESPONSE, "the answer is not HTTP that we accept"))
        else:
            errand.lose(_broken(head))

    def _end(self, error: Exception | None, *, cut: bool = False) -> None:
        """The connection has ended; `cut`: by ourselves."""
        phase, errand, head = self._phase, self._errand, self._head
        if phase == _DEAD:
            return
        stale = self._served and not self._seen and self._loop.time() - self._sent_at < STALE_SECONDS
        self.abort()
        if errand is None:
            return
        if head is None:
            if stale and not cut:
                errand.send_again()
            else:
                errand.lose(UpstreamFailure(FailureClass.UNREACHABLE, "the connection was closed before an answer"))
        elif error is None and not cut and not head.framed:
            errand.end()
        else:
            errand.lose(_broken(head))

    def _throw_away(self, piece: bytes) -> None:
        self._tail += len(piece)
        if self._tail > TAIL_BYTES:
            self.abort()

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


def _has_word(transport: asyncio.Transport) -> bool:
    """Say whether the other end has sent something, or has closed."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.fileno() < 0:
        return False
    look = select.poll()
    look.register(sock.fileno(), select.POLLIN)
    return bool(look.poll(0))


def _drop(piece: bytes) -> None:
    """Nobody takes it."""


def _broken(head: Head) -> UpstreamFailure:
    return UpstreamFailure(FailureClass.STREAM_BROKEN, "the connection broke in the body", status=head.status)
