"""Sending a request that has to be proved: signed each time, or with a token that may have to be fetched first."""

import asyncio
from collections.abc import Callable

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.signing.signer import Signer
from fairlead_proxy.upstream.transport import Errand, Headers, Lane, Receiver, Transport

_REJECTED = 401


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
    """See Errand. It stands between the transport and the receiver, so that a token which is refused is forgotten."""

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
        self._paused = self._closed = False
        self.chunk = receiver.chunk
        self.end = receiver.end
        self.lost = receiver.lost

    def begin(self) -> None:
        """Send it, now or once there is something to sign with."""
        headers = self._signer.headers(self._lane, self._body, self._unix())
        if headers is not None:
            self._send(headers)
            return
        self._signing = asyncio.get_running_loop().create_task(self._sign())
        self._signing.add_done_callback(self._signed)

    def head(self, status: int, headers: Headers) -> None:
        """See Receiver."""
        if status == _REJECTED:
            self._signer.forget()
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

    async def _sign(self) -> None:
        async with asyncio.timeout(self._lane.connect_seconds):
            await self._signer.ready()

    def _signed(self, task: asyncio.Task[None]) -> None:
        """Go on once the signer is ready; what keeps it from that is the attempt's failure."""
        self._signing = None
        if task.cancelled() or self._closed:
            return
        error = task.exception()
        headers = None if error is not None else self._signer.headers(self._lane, self._body, self._unix())
        if headers is not None:
            self._send(headers)
        elif isinstance(error, UpstreamFailure):
            self._receiver.lost(error)
        elif isinstance(error, TimeoutError) or error is None:
            self._receiver.lost(UpstreamFailure(FailureClass.UNREACHABLE, "no token to sign with came in time"))
        else:
            self._receiver.lost(UpstreamFailure(FailureClass.INVALID_REQUEST, "a fault within the gateway"))

    def _send(self, headers: Headers) -> None:
        self._errand = self._transport.send(self._lane, self._body, self, (*self._more, *headers))
        if self._paused:
            self._errand.pause()
