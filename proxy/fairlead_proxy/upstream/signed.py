"""Sending a request that has to be proved: signed each time, or with a token that may have to be fetched first."""

import asyncio
import logging
from collections.abc import Callable

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.signing.signer import Signer
from fairlead_proxy.upstream.transport import Errand, Headers, Lane, Receiver, Transport

_REJECTED = 401
_LOG = logging.getLogger(__name__)


def send_signed(
    transport: Transport,
    lane: Lane,
    body: bytes,
    receiver: Receiver,
    more: Headers,
    signer: Signer,
    unix: Callable[[], float],
) -> Errand:
    """Send a request with what the signer makes of it; see Transport.send. `unix`: Unix seconds."""
    errand = SignedErrand(transport, lane, body, receiver, more, signer, unix)
    errand.begin()
    return errand


class SignedErrand:
    """See Errand. It stands between the transport and the receiver, so that a token which is refused is forgotten.

    A call whose token had been kept since another call is sent once more with a new one, before its receiver has heard
    of anything: that the token does no longer hold is no fault of the key. `sent`: what has proved it, last.
    """

    def __init__(
        self,
        transport: Transport,
        lane: Lane,
        body: bytes,
        receiver: Receiver,
        more: Headers,
        signer: Signer,
        unix: Callable[[], float],
    ) -> None:
        self._transport, self._lane, self._body, self._more = transport, lane, body, more
        self._receiver, self._signer, self._unix = receiver, signer, unix
        self._errand: Errand | None = None
        self._signing: asyncio.Task[None] | None = None
        self.sent: Headers = ()
        self._is_last_try = self._paused = self._closed = False
        self.chunk = receiver.chunk
        self.end = receiver.end
        self.lost = receiver.lost

    def begin(self) -> None:
        """Send it, now or once there is something to sign with."""
        try:
            headers = self._proof()
        except UpstreamFailure as failure:
            asyncio.get_running_loop().call_soon(self._lose, failure.bare())
            return
        if headers is not None:
            self._send(headers)
            return
        self._is_last_try = True  # what is fetched for this very call is not older than it
        self._signing = asyncio.get_running_loop().create_task(self._sign())
        self._signing.add_done_callback(self._signed)

    def head(self, status: int, headers: Headers) -> None:
        """See Receiver."""
        if status == _REJECTED and self._signer.forget(self.sent) and not self._is_last_try:
            self._is_last_try = True
            errand, self._errand = self._errand, None
            if errand is not None:
                errand.release()
            self.begin()
            return
        self._body = b""  # it will not be sent again, and a stream may last
        self._receiver.head(status, headers)

    def pause(self) -> None:
        self._paused = True
        if self._errand is not None:
            self._errand.pause()

    def resume(self) -> None:
        self._paused = False
        if self._errand is not None:
            self._errand.resume()

    def release(self) -> None:
        if self._errand is not None:
            self._errand.release()
        else:
            self.close()

    def close(self) -> None:
        self._closed = True
        if self._signing is not None:
            self._signing.cancel()
        if self._errand is not None:
            self._errand.close()

    def _proof(self) -> Headers | None:
        """Return what the signer makes of the request, None if it is not ready; raise UpstreamFailure."""
        try:
            return self._signer.headers(self._lane, self._body, self._unix())
        except UpstreamFailure:
            raise
        except Exception as error:  # a fault of ours, or of a library: this call's own, and never raised out of `send`
            raise _fault(error) from None

    async def _sign(self) -> None:
        async with asyncio.timeout(self._lane.connect_seconds):
            await self._signer.ready()

    def _signed(self, task: asyncio.Task[None]) -> None:
        """Go on once the signer is ready; what keeps it from that is the attempt's failure."""
        self._signing = None
        if self._closed:
            return
        try:
            headers = self._proof() if _is_ready(task) else None
        except UpstreamFailure as failure:
            self._lose(failure)
            return
        if headers is not None:
            self._send(headers)
        else:
            self._lose(UpstreamFailure(FailureClass.UNREACHABLE, "no token to sign with came in time"))

    def _lose(self, failure: UpstreamFailure) -> None:
        if not self._closed:
            self._closed = True
            self._receiver.lost(failure)

    def _send(self, headers: Headers) -> None:
        self.sent = headers
        self._errand = self._transport.send(self._lane, self._body, self, (*self._more, *headers))
        if self._paused:
            self._errand.pause()


def _is_ready(task: asyncio.Task[None]) -> bool:
    """Say whether the signer got ready, not in vain or too late; raise the UpstreamFailure that kept it from that."""
    if task.cancelled():
        return False
    error = task.exception()
    if error is None or isinstance(error, TimeoutError):
        return error is None
    raise error if isinstance(error, UpstreamFailure) else _fault(error)


def _fault(error: BaseException) -> UpstreamFailure:
    _LOG.error("a request could not be signed: %s", type(error).__name__)
    return UpstreamFailure(FailureClass.INVALID_REQUEST, "a fault within the gateway")
