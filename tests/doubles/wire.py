"""A connection without a socket: a test says what arrives, in which pieces, and sees what the transport is told."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from doubles.http_calls import Bowl, Response, request_to

from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.http_connection import HttpConnection
from fairlead_proxy.upstream.http_errand import HttpErrand
from fairlead_proxy.upstream.transport import Receiver


class Wire(asyncio.Transport):
    """The transport's side: what was written, whether it is read from, and whether it has been cut."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.reading = True
        self.cut = False
        self.unsent = 0
        self.when_written: Callable[[], None] = lambda: None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data
        self.when_written()

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def abort(self) -> None:
        self.cut = True


class Keeper:
    """Whom the connection belongs to: notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def made(self, connection: HttpConnection) -> None:
        self.told.append("made")

    def took_back(self, connection: HttpConnection) -> None:
        self.told.append("took_back")

    def lost(self, connection: HttpConnection) -> None:
        self.told.append("lost")

    def gone(self, connection: HttpConnection) -> None:
        self.told.append("gone")


@dataclass(frozen=True)
class Ending:
    """What came of a call: a head, what was handed out of the body, and how it failed, if it did.

    `kept`: the connection may serve another call.
    """

    status: int | None
    headers: tuple[tuple[str, str], ...]
    body: bytes
    failure: str | None
    kept: bool


class Line:
    """One connection with a request under way on it. `sent_anew`: how often it was to be sent over another one."""

    def __init__(self, body: bytes = b"") -> None:
        self.wire, self.keeper = Wire(), Keeper()
        self.sent_anew = 0
        self.connection = HttpConnection(self.keeper, asyncio.get_running_loop())
        self.connection.connection_made(self.wire)
        self.response = Response()
        self.response.errand = self.send(self.response, body)

    def send(self, receiver: Receiver, body: bytes = b"", *, sent_seconds_ago: float = 0.0) -> HttpErrand:
        """Send a request; there must be none under way."""
        errand = HttpErrand(self, request_to("http://models.test").lane, body, receiver)
        sent_at = asyncio.get_running_loop().time() - sent_seconds_ago
        self.connection.send(errand, b"POST / HTTP/1.1\r\n\r\n", body, sent_at)
        return errand

    def send_anew(self, errand: HttpErrand) -> None:
        """See Sender."""
        self.sent_anew += 1

    @property
    def awaited(self) -> "asyncio.Future[Response]":
        return self.response.headed

    def end(self, error: Exception | None) -> None:
        """The peer closes in good order, or, with an error, does not."""
        if error is None and not self.wire.cut:
            self.connection.eof_received()
        self.connection.connection_lost(error)


async def ending_of(parts: Sequence[bytes], end: Exception | None = None, *, late: bool = False) -> Ending:
    """Return what comes of a call that is answered in these pieces before the connection ends.

    `late`: nobody takes the body before everything has arrived.
    """
    line, bowl = Line(), Bowl()
    reading: asyncio.Task[None] | None = None
    for part in parts:
        if line.wire.cut:
            break
        line.connection.data_received(part)
        if reading is None and not late and line.awaited.done() and line.awaited.exception() is None:
            reading = asyncio.ensure_future(_read(line.response, bowl))
        await asyncio.sleep(0)
    kept = line.keeper.told[-1] == "took_back"
    line.end(end)
    response, failure = None, None
    try:
        response = await line.awaited
        await (reading or _read(line.response, bowl))
    except UpstreamFailure as failed:
        failure = str(failed.failure)
    if response is None:
        return Ending(None, (), b"", failure, kept)
    return Ending(response.status, response.headers, bowl.content, failure, kept)


async def _read(response: Response, bowl: Bowl) -> None:
    try:
        await response.pour(bowl.take)
    finally:
        response.close()
