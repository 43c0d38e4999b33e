"""A request under way over HTTP: what its receiver is told, what waits while that is paused, and how it ends early."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.inflate import Inflater, inflater_for
from fairlead_proxy.upstream.transport import Headers, Lane, Receiver

_LOG = logging.getLogger(__name__)


class Connection(Protocol):
    """What an errand may ask of the connection that brings its answer."""

    take: Callable[[bytes], None]
    """Gets each piece of the body; what it raises comes back by `fault`."""

    def hold(self) -> None:
        """Read nothing more from the socket until `go_on`. May be repeated."""
        ...

    def go_on(self) -> None: ...

    def drain(self) -> None:
        """Nobody takes the answer: read it to its end if that comes soon, else close the socket."""
        ...

    def abort(self) -> None:
        """Close the socket at once."""
        ...


class Sender(Protocol):
    """Who sends an errand out."""

    def send_anew(self, errand: "HttpErrand") -> None:
        """Send it over a connection that is made for it."""
        ...


class HttpErrand:
    """See Errand. `receiver` is None once it is to be told nothing more.

    `connection` brings the answer; None before, and as soon as the answer is whole or lost: it may be somebody else's
    then. `making`: the task that makes one. `more`: encoded header lines of this request alone.
    """

    __slots__ = ("_backlog", "_sender", "body", "connection", "lane", "making", "more", "receiver")

    def __init__(self, sender: Sender, lane: Lane, body: bytes, receiver: Receiver) -> None:
        self._sender = sender
        self._backlog: _Backlog | None = None
        self.lane = lane
        self.body = body
        self.more = b""
        self.receiver: Receiver | None = receiver
        self.connection: Connection | None = None
        self.making: asyncio.Task[None] | None = None

    def pause(self) -> None:
        """See Errand."""
        if self.receiver is None:
            return
        self._use_backlog().paused = True
        if self.connection is not None:
            self.connection.hold()

    def resume(self) -> None:
        backlog = self._backlog
        if backlog is None or not backlog.paused:
            return
        backlog.paused = False
        self._hand_out(backlog)
        if self.connection is not None and not backlog.paused:
            self.connection.go_on()

    def release(self) -> None:
        connection = self.connection
        if connection is None:
            self.close()
        else:
            self._forget()
            connection.drain()

    def close(self) -> None:
        connection, making = self.connection, self.making
        self._forget()
        if connection is not None:
            connection.abort()
        elif making is not None:
            making.cancel()

    def answered(self, status: int, headers: Headers, encoding: str | None, body: bytes) -> None:
        """For the connection, as all that follows: the answer is here, whole, and the connection somebody else's."""
        receiver = self.receiver
        if receiver is None:
            return
        if self._backlog is not None or encoding is not None:
            backlog = self._use_backlog()
            backlog.head = (status, headers, encoding)
        else:
            try:
                receiver.head(status, headers)
                if body and self._flows():
                    receiver.chunk(body)
                    body = b""
                if self._flows():
                    receiver.end()
                    self.receiver = None
            except Exception as error:
                self.fault(error)
            if self.receiver is None:
                return
            backlog = self._use_backlog()
        if body:
            backlog.pieces.append(body)
        backlog.whole = True
        self._hand_out(backlog)

    def begin(self, status: int, headers: Headers, encoding: str | None) -> None:
        """The head is here, and the body is to come."""
        receiver, connection = self.receiver, self.connection
        if receiver is None or connection is None:
            return
        self.body = b""  # it will not be sent again, and a stream may last
        if self._backlog is not None or encoding is not None:
            backlog = self._use_backlog()
            backlog.head = (status, headers, encoding)
            connection.take = self.bring
            if backlog.paused:
                connection.hold()
            self._hand_out(backlog)
            return
        connection.take = receiver.chunk
        try:
            receiver.head(status, headers)
        except Exception as error:
            self.fault(error)

    def bring(self, piece: bytes) -> None:
        """Take in a piece of the body that does not go to the receiver as it is, or not now."""
        backlog = self._use_backlog()
        backlog.pieces.append(piece)
        self._hand_out(backlog)

    def end(self) -> None:
        """The body is whole."""
        receiver, backlog = self.receiver, self._backlog
        if backlog is not None:
            backlog.whole = True
            self._hand_out(backlog)
        elif receiver is not None:
            try:
                receiver.end()
                self.receiver = None
            except Exception as error:
                self.fault(error)

    def lose(self, failure: UpstreamFailure) -> None:
        """The answer will not come, or not any further. What came before is handed out first."""
        receiver, backlog = self.receiver, self._backlog
        if backlog is not None:
            backlog.failure = failure
            self._hand_out(backlog)
        elif receiver is not None:
            self._forget()
            _tell(receiver, failure)

    def send_again(self) -> None:
        """The connection had been closed before it brought the request to anybody."""
        if self.receiver is not None:
            self._sender.send_anew(self)

    def fault(self, error: Exception) -> None:
        """What the receiver raised, or a body that does not inflate, ends the errand."""
        receiver, connection = self.receiver, self.connection
        self._forget()
        if connection is not None:
            connection.abort()
        if isinstance(error, UpstreamFailure):
            failure = error
        else:
            _LOG.error("a receiver of an answer failed: %s", type(error).__name__)
            # No class that blames the provider: it has done nothing.
            failure = UpstreamFailure(FailureClass.INVALID_REQUEST, "a fault within the gateway")
        if receiver is not None:
            _tell(receiver, failure)

    def _flows(self) -> bool:
        """Say whether the receiver takes what comes as it is: each of its methods may have paused or closed."""
        return self._backlog is None and self.receiver is not None

    def _hand_out(self, backlog: "_Backlog") -> None:
        """Hand out what waits, as far as it is wanted; once nothing does, pieces go to the receiver as they come."""
        if backlog.busy:  # asked for from within the receiver: the loop below goes on
            return
        backlog.busy = True
        try:
            while (receiver := self.receiver) is not None and not backlog.paused:
                if backlog.head is not None:
                    (status, headers, encoding), backlog.head = backlog.head, None
                    receiver.head(status, headers)
                    backlog.inflater = inflater_for(encoding)
                elif piece := backlog.next_piece():
                    receiver.chunk(piece)
                elif backlog.failure is not None:
                    self._forget()
                    _tell(receiver, backlog.failure)
                elif backlog.whole:
                    backlog.check_end()
                    receiver.end()
                    self._forget()
                else:
                    self._leave_backlog(backlog, receiver)
                    break
        except Exception as error:
            self.fault(error)
        finally:
            backlog.busy = False

    def _use_backlog(self) -> "_Backlog":
        backlog = self._backlog
        if backlog is None:
            backlog = self._backlog = _Backlog()
            if self.connection is not None:
                self.connection.take = self.bring
        return backlog

    def _leave_backlog(self, backlog: "_Backlog", receiver: Receiver) -> None:
        if backlog.inflater is None:
            self._backlog = None
            if self.connection is not None:
                self.connection.take = receiver.chunk

    def _forget(self) -> None:
        self.receiver = self.connection = self.making = self._backlog = None


class _Backlog:
    """What has come and is not handed out as it is: the receiver has paused, or the body comes compressed."""

    __slots__ = ("busy", "failure", "head", "inflater", "paused", "pieces", "whole")

    def __init__(self) -> None:
        self.head: tuple[int, Headers, str | None] | None = None
        self.pieces: list[bytes] = []
        self.inflater: Inflater | None = None
        self.whole = False
        self.failure: UpstreamFailure | None = None
        self.paused = False
        self.busy = False

    def next_piece(self) -> bytes:
        """Return what is to be handed out next, nothing where nothing waits; raise UpstreamFailure."""
        pieces, inflater = self.pieces, self.inflater
        if inflater is None:
            piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            return piece
        while not (piece := inflater.next_slice()) and pieces:
            inflater.put(pieces.pop(0))
        return piece

    def check_end(self) -> None:
        """Raise UpstreamFailure where a body that is whole for HTTP is not for its encoding."""
        if self.inflater is not None:
            self.inflater.finish()


def _tell(receiver: Receiver, failure: UpstreamFailure) -> None:
    try:
        receiver.lost(failure)
    except Exception as error:  # whatever it is, the connection's other work must go on
        _LOG.error("a receiver of a failure failed: %s", type(error).__name__)
