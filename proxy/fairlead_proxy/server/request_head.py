"""The head of one request, read by llhttp as it comes, within its bounds."""

from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from fairlead_proxy.exchange.errors import Answer, CallRefused
from fairlead_proxy.server.limits import Limits
from fairlead_proxy.server.request import Request

HEADERS_TOO_LARGE = Answer(431, "headers_too_large", "The request's headers are too large or too many.")
TARGET_TOO_LONG = Answer(414, "target_too_long", "The request's target is too long.")
MALFORMED = Answer(400, "malformed_request", "The request is not valid HTTP/1.1.")

EMPTY_LINE: Final = b"\r\n\r\n"


class HeadReader:
    """Reads one head; the parser is shown no byte of what follows it, so that nothing can be taken for part of it."""

    __slots__ = ("_events", "_limits", "_parser", "_seen", "_tail")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._events = _Events()
        self._parser = HttpRequestParser(self._events)
        self._seen = 0
        self._tail = b""

    @property
    def complete(self) -> bool:
        return self._events.complete

    def feed(self, data: bytes) -> int:
        """Take bytes up to the head's end; return how many it took. Raises CallRefused for what is no head."""
        taken = 0
        while taken < len(data) and not self._events.complete:
            # The next empty line is the head's end, unless blank lines stand before the request.
            end = past_empty_line(self._tail, data, taken)
            self._feed_part(data[taken:end] if end - taken < len(data) else data)
            taken = end
        return taken

    def request(self) -> Request:
        """Return what the head says, once it is complete."""
        target = b"".join(self._events.target).decode("latin-1")
        version = self._parser.get_http_version()
        return Request(
            method=self._parser.get_method().decode("latin-1"),
            target=target,
            path=target.partition("?")[0],
            version=version,
            raw_headers=self._events.headers,
        )

    def _feed_part(self, part: bytes) -> None:
        limits, events = self._limits, self._events
        room = limits.head_bytes + limits.target_bytes - self._seen
        self._seen += len(part)
        self._tail = (self._tail + part[-3:])[-3:]
        try:
            self._parser.feed_data(part[:room])
        except HttpParserUpgrade:
            pass  # it is not taken up; `read_headers` knows which offers may be passed over
        except HttpParserError:
            raise CallRefused(MALFORMED) from None
        target_bytes = sum(map(len, events.target))
        if target_bytes > limits.target_bytes:
            raise CallRefused(TARGET_TOO_LONG)
        if len(events.headers) > limits.header_count or self._seen - target_bytes > limits.head_bytes:
            raise CallRefused(HEADERS_TOO_LARGE)


def past_empty_line(tail: bytes, data: bytes, at: int) -> int:
    """Return where the next empty line from `at` on ends, or `data` does; `tail`: up to 3 bytes that came before."""
    if tail:
        torn = (tail + data[at : at + 3]).find(EMPTY_LINE)
        if torn >= 0:
            return at + torn + len(EMPTY_LINE) - len(tail)
    found = data.find(EMPTY_LINE, at)
    return len(data) if found < 0 else found + len(EMPTY_LINE)


class _Events:
    """What the parser tells; it does not know the parser, or the two would keep each other alive."""

    def __init__(self) -> None:
        self.target: list[bytes] = []
        self.headers: list[tuple[bytes, bytes]] = []
        self.complete = False
        self.on_url = self.target.append

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.complete = True
