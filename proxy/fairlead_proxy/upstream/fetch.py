"""An answer fetched whole, up to so many bytes of it, by somebody who can wait."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.transport import Errand, Headers, Lane, Transport


@dataclass(frozen=True, slots=True)
class Fetched:
    """`body` is empty where it was not asked for."""

    status: int
    headers: Headers
    body: bytes


async def fetch(
    transport: Transport, lane: Lane, body: bytes = b"", *, most_bytes: int, reads: Callable[[int], bool]
) -> Fetched:
    """Ask, with or without a body of our own, and return the answer; raise UpstreamFailure where no head comes.

    `reads` says of a status whether the body is of interest; else it is not waited for. A body that breaks off, or goes
    on after `most_bytes`, is as good as what came of it. To be called under a deadline.
    """
    fetching = _Fetching(most_bytes, reads)
    errand = fetching.errand = transport.send(lane, body, fetching)
    try:
        return await fetching.done
    finally:
        errand.close()
        del fetching, errand  # a failure holds this frame, and the future of the one the failure


class _Fetching:
    """See Receiver."""

    def __init__(self, most_bytes: int, reads: Callable[[int], bool]) -> None:
        self.errand: Errand | None = None
        self.done: asyncio.Future[Fetched] = asyncio.get_running_loop().create_future()
        self._most_bytes = most_bytes
        self._reads = reads
        self._status = 0
        self._headers: Headers = ()
        self._body = bytearray()

    def head(self, status: int, headers: Headers) -> None:
        self._status, self._headers = status, headers
        if not self._reads(status):
            self._leave()

    def chunk(self, data: bytes) -> None:
        self._body += data[: self._most_bytes - len(self._body)]
        if len(self._body) == self._most_bytes:
            self._leave()

    def end(self) -> None:
        self._settle()

    def lost(self, failure: UpstreamFailure) -> None:
        if self._status:
            self._settle()
        elif not self.done.done():
            self.done.set_exception(failure)

    def _leave(self) -> None:
        if self.errand is not None:
            self.errand.release()
        self._settle()

    def _settle(self) -> None:
        if not self.done.done():
            self.done.set_result(Fetched(self._status, self._headers, bytes(self._body)))
