"""An answer as it comes in over HTTP: its head, its body handed out as it comes, its connection given back or cut."""

import asyncio
from typing import Protocol

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.inflate import ENCODINGS, Inflater
from fairlead_proxy.upstream.transport import Take

TAIL_SECONDS = 0.25
TAIL_BYTES = 64 * 1024
"""How long, and how far, a body that nobody needs is read on, so that its connection can be used again."""


class Connection(Protocol):
    """What an answer may ask of the connection that brings it."""

    def hold(self) -> None:
        """Read nothing more from the socket until `go_on`. May be repeated."""
        ...

    def go_on(self) -> None: ...

    def abort(self) -> None:
        """Close the socket at once."""
        ...


class HttpResponse:
    """See UpstreamResponse. The connection calls `bring`, then `end` or `fail`, and knows nothing of it afterwards.

    `connection` is None from then on: what is left is in `held`, and somebody else may have the connection already.
    """

    __slots__ = (
        "_connection",
        "_encoding",
        "_failure",
        "_held",
        "_inflater",
        "_paused",
        "_tail",
        "_take",
        "_timer",
        "_waiter",
        "_whole",
        "headers",
        "status",
    )

    def __init__(
        self, status: int, headers: tuple[tuple[str, str], ...], encoding: str | None, connection: Connection
    ) -> None:
        self.status = status
        self.headers = headers
        self._encoding = encoding
        self._connection: Connection | None = connection
        self._held: list[bytes] = []
        self._inflater: Inflater | None = None
        self._whole = False
        self._failure: UpstreamFailure | None = None
        self._take: Take | None = None
        self._waiter: asyncio.Future[bool] | None = None
        self._paused = False
        self._tail = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def came_whole(self) -> bool:
        """Say whether the body's end has come in, handed out or not: the connection is somebody else's."""
        return self._whole

    async def pour(self, take: Take) -> bool:
        """See UpstreamResponse. A compressed body comes inflated; one in another encoding is MalformedResponse."""
        if self._encoding is not None:
            self._begin_inflating(self._encoding.strip().lower())
        self._take = take
        try:
            verdict = self._hand_out_held()
            if verdict is not None:
                return verdict
            self._waiter = asyncio.get_running_loop().create_future()
            if self._connection is not None and not self._paused:
                self._connection.go_on()
            return await self._waiter
        except BaseException:
            self._cut()
            raise
        finally:
            self._take = self._waiter = None

    def pause(self) -> None:
        self._paused = True
        if self._connection is not None:
            self._connection.hold()

    def resume(self) -> None:
        if not self._paused:
            return
        self._paused = False
        self._hand_out_later()
        if self._connection is not None and not self._paused:
            self._connection.go_on()

    def release(self) -> None:
        """See UpstreamResponse. The rest is read on for a moment, and thrown away."""
        connection = self._connection
        if connection is None or self._timer is not None:
            return
        self._held.clear()
        self._take = self._throw_away
        self._encoding = self._inflater = None
        self._paused = False
        self._timer = asyncio.get_running_loop().call_later(TAIL_SECONDS, self._cut)
        connection.go_on()

    def close(self) -> None:
        self._cut()
        self._held.clear()
        self._settle(False)

    def bring(self, data: bytes, *, more: bool) -> None:
        """Take in what one read of the socket brought of the body; `more`: its end is still to come."""
        take = self._take
        if take is None or self._paused:
            self._held.append(data)
            if more and self._connection is not None:
                self._connection.hold()
        elif self._inflater is not None:
            self._held.append(data)
            self._hand_out_later()
        else:
            try:
                more = take(data)
            except Exception as error:
                self._settle(error)
            else:
                if not more:
                    self._settle(False)

    def end(self) -> None:
        """The body is whole, and the connection is gone from here."""
        self._whole = True
        self._leave()
        if self._waiter is not None:
            self._hand_out_later()

    def fail(self) -> None:
        """The connection broke before the body's end. What came before is handed out first."""
        self._failure = UpstreamFailure(
            FailureClass.STREAM_BROKEN, "the connection broke in the body", status=self.status
        )
        self._leave()
        self._hand_out_later()

    def _hand_out_held(self) -> bool | None:
        """Hand out what is held, as far as it is wanted; return what `pour` returns, None while there is more to come.

        Raises what ends the pour.
        """
        held = self._held
        while self._take is not None and not self._paused:
            piece = self._next_piece(held)
            if not piece:
                break
            if not self._take(piece):
                return False
        if self._paused:
            return None
        if self._failure is not None:
            raise self._failure
        if self._whole and self._inflater is not None:
            self._inflater.finish()
        return True if self._whole else None

    def _next_piece(self, held: list[bytes]) -> bytes:
        inflater = self._inflater
        if inflater is None:
            piece = held[0] if len(held) == 1 else b"".join(held)
            held.clear()
            return piece
        while not (piece := inflater.next_slice()) and held:
            inflater.put(held.pop(0))
        return piece

    def _hand_out_later(self) -> None:
        """As `_hand_out_held`, from the event loop: what ends the pour reaches it through its future."""
        if self._waiter is None:
            return
        try:
            verdict = self._hand_out_held()
        except Exception as error:
            self._settle(error)
        else:
            if verdict is not None:
                self._settle(verdict)

    def _settle(self, end: bool | Exception) -> None:
        """End the pour that is awaited; nothing is handed out from now on."""
        self._take = None
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        if isinstance(end, bool):
            waiter.set_result(end)
        else:
            waiter.set_exception(end)

    def _begin_inflating(self, encoding: str) -> None:
        if encoding in ENCODINGS:
            self._inflater = Inflater()
        elif encoding not in ("", "identity"):
            raise UpstreamFailure(
                FailureClass.MALFORMED_RESPONSE, "the body is compressed though identity was asked for"
            )

    def _throw_away(self, data: bytes) -> bool:
        self._tail += len(data)
        if self._tail > TAIL_BYTES:
            self._cut()
        return True

    def _leave(self) -> None:
        self._connection = None
        if self._timer is not None:
            self._timer.cancel()

    def _cut(self) -> None:
        """Close the connection, if it is still this answer's."""
        connection = self._connection
        if connection is not None:
            self._leave()
            connection.abort()
