"""Server-sent events, read incrementally: every byte comes out again as part of exactly one event.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html, "Interpreting an event stream".
"""

import re

from msgspec import Struct

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.errors import UpstreamFailure

MAX_LINE_BYTES = 1024 * 1024
"""Design, section 6: of dialects whose lines bring a piece of the answer each."""
MAX_EVENT_BYTES = 2 * MAX_LINE_BYTES
"""An event of several lines; a default."""
MAX_WIDE_BYTES = 32 * 1024 * 1024
"""Of a line, and of an event, where one may bring an image, or the whole answer: as much as a plain answer may have."""

_LINE_END = re.compile(rb"\r\n|\n|\r")
_DATA, _EVENT_END = b"data: ", b"\n\n"
_NEXT_EVENT = _EVENT_END + _DATA
_SHORT_BYTES = 4096
"""What is left of an event may be this long to be joined with the next chunk: so it is not copied too often."""

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
    """Bytes in, events out: the same events however the bytes are cut, in time that grows with their number alone.

    Raises UpstreamFailure(MalformedResponse) beyond its bounds: not before the events that stood before the fault, so
    behind those of the same chunk only when it is asked again.
    """

    __slots__ = (
        "_at_start", "_data", "_fault", "_held_cr", "_line_start", "_max_line_bytes", "_name", "_raw",
        "max_frame_bytes",
    )  # fmt: skip

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_line_bytes = max_line_bytes
        self.max_frame_bytes = max_event_bytes
        self._raw = bytearray()
        """The unfinished event; its last line starts at `_line_start`."""
        self._line_start = 0
        self._data: list[bytes] = []
        self._name = b""
        self._held_cr = False
        self._at_start = True
        self._fault: UpstreamFailure | None = None
        """Found, and not told yet; the bytes that are at fault are still there."""

    @property
    def between_events(self) -> bool:
        """Say whether the next byte begins an event."""
        return not (self._raw or self._held_cr or self._at_start)

    @property
    def unfinished_bytes(self) -> int:
        """Return how much is kept of an event that is not whole yet."""
        return len(self._raw)

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes and return the events that they complete."""
        if self._fault is not None:
            raise self._fault
        if not self._held_cr and b"\r" not in chunk:
            # The first half of a line says nothing yet: with its other half it is read as if they had come at once.
            if self._raw and not self._line_start and len(self._raw) < _SHORT_BYTES and _EVENT_END in chunk:
                chunk = bytes(self._raw) + chunk
                self._raw.clear()
            if not self._raw:
                end = chunk.rfind(_EVENT_END) + len(_EVENT_END)
                events = self._split_plain(chunk if end == len(chunk) else chunk[:end])
                if events is not None:
                    return events if end == len(chunk) else self._split_any(chunk[end:], events)
        if self._held_cr and chunk:
            chunk = b"\r" + chunk
            self._held_cr = False
        if chunk.endswith(b"\r"):  # a line end by itself, or the first half of one: the next byte tells
            chunk = chunk[:-1]
            self._held_cr = True
        return self._split_any(chunk)

    def finish(self) -> list[Event]:
        """The stream has ended: return what was left, with or without its blank line."""
        if self._fault is not None:
            raise self._fault
        events = self._split_any(b"\r") if self._held_cr else []
        self._held_cr = False
        if self._raw:
            line = bytes(self._raw[self._line_start :])
            # A byte order mark alone is an empty line, which ends the event by itself.
            rest = (self._take_line(line) if line else None) or self._dispatch()
            events.append(Event(rest.raw, rest.data, rest.name, whole=False))
        return events

    def _split_plain(self, chunk: bytes) -> list[Event] | None:
        """Split whole events of one `data: …` line each, as nearly every chunk is; None for anything else."""
        if not chunk.startswith(_DATA) or len(chunk) > self._max_line_bytes:
            return None
        blocks = chunk[len(_DATA) : -len(_EVENT_END)].split(_NEXT_EVENT)
        if chunk.count(b"\n") != 2 * len(blocks):
            return None
        self._at_start = False
        if len(blocks) == 1:
            return [Event(chunk, blocks[0])]
        return [Event(_DATA + block + _EVENT_END, block) for block in blocks]

    def _split_any(self, chunk: bytes, before: list[Event] | None = None) -> list[Event]:
        """Split whatever there is; `before`: the events that came out of the chunk already."""
        events = [] if before is None else before
        try:
            self._split_lines(chunk, events)
        except UpstreamFailure as fault:
            if not events:
                raise
            self._fault = fault
        return events

    def _split_lines(self, chunk: bytes, events: list[Event]) -> None:
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
        if len(self._raw) - self._line_start > self._max_line_bytes:
            raise _too_long("a line")
        if len(self._raw) > self.max_frame_bytes:
            raise _too_long("an event")

    def _take_line(self, line: bytes) -> Event | None:
        if len(line) > self._max_line_bytes:
            raise _too_long("a line")
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        if line.startswith(_DATA):  # nearly every line, and the longest: copied once
            self._data.append(line[len(_DATA) :])
            return None
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
