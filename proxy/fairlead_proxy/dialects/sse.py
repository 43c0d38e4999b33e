"""Server-sent events, read incrementally: every byte comes out again as part of exactly one event.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html, "Interpreting an event stream".
"""

import re

from msgspec import Struct

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.errors import UpstreamFailure

MAX_LINE_BYTES = 1024 * 1024
"""Design, section 6."""
MAX_EVENT_BYTES = 2 * MAX_LINE_BYTES
"""An event of several lines; a default."""

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class Event(Struct, frozen=True):
    """One block of the stream. `raw` are its bytes with the blank line that ends it; `data` None: it had no data.

    `whole` is False for a block that the end of the stream cut off before its blank line.
    """

    raw: bytes
    data: bytes | None
    name: bytes = b""
    whole: bool = True


class SseParser:
    """Bytes in, events out: the same events however the bytes are cut.

    Raises UpstreamFailure(MalformedResponse) beyond its bounds.
    """

    def __init__(self) -> None:
        self._raw = bytearray()
        """The unfinished event; its last line starts at `_line_start`."""
        self._line_start = 0
        self._data: list[bytes] = []
        self._name = b""
        self._held_cr = False
        self._at_start = True

    @property
    def between_events(self) -> bool:
        """Say whether the next byte begins an event."""
        return not (self._raw or self._held_cr or self._at_start)

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes and return the events that they complete."""
        if self._held_cr and chunk:
            chunk = b"\r" + chunk
            self._held_cr = False
        if chunk.endswith(b"\r"):  # a line end by itself, or the first half of one: the next byte tells
            chunk = chunk[:-1]
            self._held_cr = True
        return self._split(chunk)

    def finish(self) -> list[Event]:
        """The stream has ended: return what was left, with or without its blank line."""
        events = self._split(b"\r") if self._held_cr else []
        self._held_cr = False
        if self._raw:
            line = bytes(self._raw[self._line_start :])
            # A byte order mark alone is an empty line, which ends the event by itself.
            rest = (self._take_line(line) if line else None) or self._dispatch()
            events.append(Event(rest.raw, rest.data, rest.name, whole=False))
        return events

    def _split(self, chunk: bytes) -> list[Event]:
        plain = self._split_plain(chunk)
        return self._split_any(chunk) if plain is None else plain

    def _split_plain(self, chunk: bytes) -> list[Event] | None:
        """Split whole events of one `data: …` line each, as nearly every chunk is; None for anything else."""
        if self._raw or b"\r" in chunk or not chunk.endswith(b"\n\n") or len(chunk) > MAX_LINE_BYTES:
            return None
        blocks = chunk[:-2].split(b"\n\n")
        for block in blocks:
            if b"\n" in block or not block.startswith(b"data: "):
                return None
        self._at_start = False
        return [Event(block + b"\n\n", block[6:]) for block in blocks]

    def _split_any(self, chunk: bytes) -> list[Event]:
        events: list[Event] = []
        position = 0
        for found in _LINE_END.finditer(chunk):
            self._raw += chunk[position : found.start()]
            line = bytes(self._raw[self._line_start :])
            self._raw += found[0]
            position = found.end()
            self._line_start = len(self._raw)
            event = self._take_line(line)
            if event is not None:
                events.append(event)
        self._raw += chunk[position:]
        if len(self._raw) - self._line_start > MAX_LINE_BYTES:
            raise _too_long("a line")
        if len(self._raw) > MAX_EVENT_BYTES:
            raise _too_long("an event")
        return events

    def _take_line(self, line: bytes) -> Event | None:
        if len(line) > MAX_LINE_BYTES:
            raise _too_long("a line")
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
        elif field == b"event":
            self._name = value.removeprefix(b" ")
        return None

    def _dispatch(self) -> Event:
        data = b"\n".join(self._data) if self._data else None
        event = Event(bytes(self._raw), data, self._name)
        self._raw.clear()
        self._line_start = 0
        self._data = []
        self._name = b""
        return event


def _too_long(what: str) -> UpstreamFailure:
    return UpstreamFailure(FailureClass.MALFORMED_RESPONSE, f"{what} of the stream is too long")
