"""One connection to a provider: one request at a time goes out over it, and the answer to it comes in."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.http_errand import HttpErrand
from fairlead_proxy.upstream.http_head import MAX_HEAD_BYTES, MAX_INFORMATIONAL, NAMES, is_framed, is_too_long
from fairlead_proxy.upstream.http_tail import Tail
from fairlead_proxy.upstream.http_upload import Upload

STALE_SECONDS = 1.0
"""A pooled connection that dies this soon was stale: closed by the provider before the call reached it. A default."""

MAX_FRAMING_BYTES = 64 * 1024
"""How much may come in a row without a byte of body in it: chunk extensions and trailers. A default."""

_IDLE: Final = 0
_HEAD: Final = 1
_BODY: Final = 2
_WHOLE: Final = 3
_DEAD: Final = 4

_CODINGS: Final = frozenset({"content-encoding", "transfer-encoding"})


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


class HttpConnection:
    """An asyncio.Protocol by its methods alone (see ClientSocket). `take` is the errand's, `idle_since` the keeper's.

    An errand hears of what came only once the parser has returned: whatever it does then is safe.
    """

    __slots__ = (
        "_codings", "_errand", "_feed", "_headers", "_held", "_interim", "_keep", "_keeper", "_loop", "_parser",
        "_phase", "_pieces", "_seen", "_sent_at", "_served", "_status", "_tail", "_transport", "_upload", "idle_since",
        "on_body", "take",
    )  # fmt: skip

    def __init__(self, keeper: Keeper, loop: asyncio.AbstractEventLoop) -> None:
        self._keeper = keeper
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._phase = _IDLE
        self._errand: HttpErrand | None = None
        self._status = 0
        self._headers: list[tuple[str, str]] = []
        self._codings: dict[str, str] = {}
        self._pieces: list[bytes] = []
        self._seen = 0
        self._interim = 0
        self._keep = True
        self._held = False
        self._served = False
        self._sent_at = 0.0
        self._upload: Upload | None = None
        self._tail: Tail | None = None
        self.idle_since = 0.0
        self.take: Callable[[bytes], None] = _drop
        self.on_body = self._pieces.append  # for the parser: saves a call of Python for each piece
        self._parser: HttpResponseParser | None = None
        self._feed: Callable[[bytes], None] = _drop

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
        transport = cast(asyncio.Transport, self._transport)
        if not rest:
            transport.write(data)
        else:  # which hears of it where this write is too much already
            self._upload = Upload(rest, transport, self._loop)
            transport.write(data)
            self._upload.write_on()

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
        self._tail = Tail(self.abort, self._loop)
        self.take = self._tail.take
        self.go_on()

    def abort(self) -> None:
        if self._phase == _DEAD:
            return
        self._phase = _DEAD
        self._let_go()
        if self._upload is not None:
            self._upload.stop()
            self._upload = None
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        # Each of them refers back to this; and not every loop says that one whose making was cancelled is lost.
        self._parser = None
        self._feed = _drop
        self._keeper.lost(self)

    def shut(self) -> None:
        """Close the connection; whoever waits for it is told that it broke."""
        self._end(None, cut=True)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        made = cast(asyncio.Transport, transport)
        if self._phase == _DEAD:
            self._keeper.made(self)
            made.abort()
            return
        self._transport = made
        parser = self._parser = HttpResponseParser(self)
        # As lenient as the parsers of other clients, which local model servers were tried with.
        parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True)
        self._feed = parser.feed_data
        self._keeper.made(self)

    def data_received(self, data: bytes) -> None:
        if self._phase != _BODY:
            self._receive_head(data)
            return
        # What a token of a stream costs, it costs here.
        try:
            self._feed(data)
        except (HttpParserError, HttpParserUpgrade):
            self._refuse(_BODY)
            return
        pieces = self._pieces
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        if self._phase != _BODY:
            self._complete(_BODY, piece)
        elif piece:
            self._seen = 0
            try:
                self.take(piece)
            except Exception as error:
                self._fault(error)
        else:
            self._seen += len(data)
            if self._seen > MAX_FRAMING_BYTES:
                self._refuse(_BODY)

    def eof_received(self) -> None:
        """Nothing more will come; what is still unsent is of no use either."""
        self._end(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._end(error)
        self._keeper.gone(self)

    def pause_writing(self) -> None:
        if self._upload is not None:
            self._upload.block()

    def resume_writing(self) -> None:
        if self._upload is not None:
            self._upload.unblock()

    def on_message_begin(self) -> None:
        """For the parser, as all that follows. A second answer was not asked for."""
        if self._phase != _HEAD:
            raise _Unacceptable

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._phase == _HEAD:  # else it is a trailer
            known, text = NAMES[name], value.decode("latin-1").strip()
            self._headers.append((known, text))
            if known in _CODINGS:
                self._codings[known] = text.lower()

    def on_headers_complete(self) -> None:
        status = cast(HttpResponseParser, self._parser).get_status_code()
        if is_too_long(self._headers, self._seen):
            raise _Unacceptable
        if status >= 200:
            if self._codings and self._codings.get("transfer-encoding", "chunked") != "chunked":
                raise _Unacceptable
            self._status = status
            self._phase = _BODY
            return
        self._interim += 1
        if self._interim > MAX_INFORMATIONAL or status < 100 or status == 101:
            raise _Unacceptable

    def on_message_complete(self) -> None:
        if self._phase == _HEAD:
            self._forget_head()
            self._pieces.clear()
        else:
            self._phase = _WHOLE
            self._keep = cast(HttpResponseParser, self._parser).should_keep_alive()

    def _receive_head(self, data: bytes) -> None:
        if self._phase != _HEAD:
            self.abort()  # nothing was asked
            return
        self._seen += len(data)
        try:
            self._feed(data)
        except (HttpParserError, HttpParserUpgrade):
            self._refuse(_HEAD)
            return
        pieces = self._pieces
        if self._phase == _HEAD:
            pieces.clear()  # of an interim answer
            if self._seen > MAX_HEAD_BYTES:
                self._refuse(_HEAD)
            return
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        if self._phase == _WHOLE:
            self._complete(_HEAD, piece)
            return
        self._begin()
        self._bring(piece)

    def _begin(self) -> None:
        """The head has come, and the body is not whole."""
        self._seen = 0
        if self._upload is not None:
            self._upload.note_answer()
            if self._status >= 300:
                self._upload.stop()  # refused early
        if self._errand is not None:
            self._errand.begin(self._status, tuple(self._headers), self._codings.get("content-encoding"))

    def _bring(self, piece: bytes) -> None:
        if piece:
            try:
                self.take(piece)
            except Exception as error:
                self._fault(error)

    def _fault(self, error: Exception) -> None:
        """Whoever takes the body has raised this; if it has also ended its errand, nobody needs to know."""
        if self._errand is not None:
            self._errand.fault(error)

    def _complete(self, before: int, piece: bytes) -> None:
        """The answer is whole: the connection is free, if it is good for more, before the errand hears of it.

        `before`: the phase in which the last read found it.
        """
        errand, take = self._errand, self.take
        headers, encoding = tuple(self._headers), self._codings.get("content-encoding")
        self._set_free()
        if errand is None:
            return
        if before == _HEAD:
            errand.answered(self._status, headers, encoding, piece)
            return
        if piece:
            try:
                take(piece)
            except Exception as error:
                errand.fault(error)
        errand.end()

    def _set_free(self) -> None:
        """Go back to the keeper, if that makes sense.

        It makes none where the answer came before the whole request was sent: the provider may never read the rest.
        """
        sent = self._upload is None or self._upload.whole
        if not self._keep or not sent or cast(asyncio.Transport, self._transport).get_write_buffer_size():
            self.abort()
            return
        self._phase = _IDLE
        self._served = True
        self._seen = 0
        self._upload = None
        self._let_go()
        if self._held:
            self.go_on()
        self._keeper.took_back(self)

    def _let_go(self) -> None:
        """Whoever had sent the request has nothing to do with this connection from now on."""
        if self._errand is not None:
            self._errand.connection = None
            self._errand = None
        self.take = _drop
        self._forget_head()
        self._interim = 0
        if self._tail is not None:
            self._tail.end()
            self._tail = None

    def _forget_head(self) -> None:
        self._headers.clear()
        self._codings.clear()

    def _refuse(self, before: int) -> None:
        """What came is not the answer's next part. If the answer was whole before, only the connection is spoilt."""
        piece = b"".join(self._pieces)
        self._pieces.clear()
        if self._phase == _WHOLE:
            self._keep = False
            self._complete(before, piece)
            return
        if self._phase == _BODY:
            if before == _HEAD:
                self._begin()
            self._bring(piece)
            failure = self._broken()
        else:
            failure = UpstreamFailure(FailureClass.MALFORMED_RESPONSE, "the answer is not HTTP that we accept")
        errand = self._errand
        self.abort()
        if errand is not None:
            errand.lose(failure)

    def _end(self, error: Exception | None, *, cut: bool = False) -> None:
        """The connection has ended; `cut`: by ourselves."""
        phase, errand = self._phase, self._errand
        if phase == _DEAD:
            return
        stale = self._served and not self._seen and self._loop.time() - self._sent_at < STALE_SECONDS
        whole = error is None and not cut and not is_framed(self._headers)
        broken = self._broken()
        self.abort()
        if errand is None:
            return
        if phase == _BODY:
            if whole:
                errand.end()
            else:
                errand.lose(broken)
        elif stale and not cut:
            errand.send_again()
        else:
            errand.lose(UpstreamFailure(FailureClass.UNREACHABLE, "the connection was closed before an answer"))

    def _broken(self) -> UpstreamFailure:
        return UpstreamFailure(FailureClass.STREAM_BROKEN, "the connection broke in the body", status=self._status)


class _Unacceptable(Exception):
    """Makes the parser stop, from within one of its calls."""


def _drop(piece: bytes) -> None:
    """Nobody takes it."""
