"""Frames of application/vnd.amazon.eventstream, read incrementally, with the face of the parser of server-sent events.

Source: https://smithy.io/2.0/aws/amazon-eventstream.html. Cut here, so that no frame is held beyond its bound; decoded
by botocore.
"""

import struct

from botocore.eventstream import EventStreamBuffer, ParserError  # type: ignore[import-untyped]  # botocore has no types

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.dialects.sse import Event
from fairlead_proxy.exchange.errors import UpstreamFailure

MAX_FRAME_BYTES = 2 * 1024 * 1024
"""As much as an event of server-sent events may have; a default."""
MAX_HEADER_BYTES = 16 * 1024
"""Of one frame: the vendor's have about a hundred. A default."""
EXCEPTION = b"exception:"
"""What the name of a frame begins with that tells of a failure; its type follows."""
DAMAGED = b"damaged:"
"""The name of what comes behind good frames and is none itself: those are told first."""

_PRELUDE = struct.Struct("!II")
_PRELUDE_BYTES = 12
_BARE_FRAME_BYTES = _PRELUDE_BYTES + 4
_FAILING = frozenset({"exception", "error"})


class EventStreamParser:
    """See FrameParser. An event's name is its type, its data the payload; one that is not whole has neither.

    Raises UpstreamFailure(MalformedResponse) beyond its bounds, and for a frame whose checksums do not hold; behind
    good frames of the same chunk, an event DAMAGED stands for it.
    """

    __slots__ = ("_buffer", "_held", "_length")

    max_frame_bytes: int = MAX_FRAME_BYTES

    def __init__(self) -> None:
        self._held = bytearray()
        self._buffer: EventStreamBuffer | None = None
        """Of the frame that has begun; it has seen the prelude, whose checksum holds."""
        self._length = 0

    @property
    def unfinished_bytes(self) -> int:
        return len(self._held)

    def feed(self, chunk: bytes) -> list[Event]:
        held = self._held
        held += chunk
        events: list[Event] = []
        start = 0
        try:
            while len(held) - start >= (self._length or _PRELUDE_BYTES):
                if not self._length:
                    self._begin(bytes(held[start : start + _PRELUDE_BYTES]))
                else:
                    end = start + self._length
                    events.append(self._finish(bytes(held[start:end])))
                    start = end
        except (ParserError, KeyError, ValueError, struct.error):
            if not events:
                raise damaged() from None
            del held[:start]
            return [*events, Event(b"", b"", DAMAGED)]
        del held[:start]
        return events

    def finish(self) -> list[Event]:
        rest = bytes(self._held)
        self._held.clear()
        self._length = 0
        return [Event(rest, None, whole=False)] if rest else []

    def _begin(self, prelude: bytes) -> None:
        length, header_bytes = _PRELUDE.unpack_from(prelude)
        buffer = EventStreamBuffer()
        buffer.add_data(prelude)
        next(buffer, None)  # it checks the prelude, and wants the rest
        if length > MAX_FRAME_BYTES or header_bytes > MAX_HEADER_BYTES:
            raise UpstreamFailure(FailureClass.MALFORMED_RESPONSE, "a frame of the stream is too long", status=200)
        if length < _BARE_FRAME_BYTES + header_bytes:
            raise ValueError("the lengths of a frame do not agree")
        self._buffer, self._length = buffer, length

    def _finish(self, raw: bytes) -> Event:
        assert self._buffer is not None
        self._buffer.add_data(raw[_PRELUDE_BYTES:])
        frame = next(self._buffer)
        self._buffer, self._length = None, 0
        headers: dict[str, object] = frame.headers
        if headers.get(":message-type") in _FAILING:
            type_ = headers.get(":exception-type") or headers.get(":error-code")
            return Event(raw, frame.payload, EXCEPTION + _name(type_))
        return Event(raw, frame.payload, _name(headers.get(":event-type")))


def damaged() -> UpstreamFailure:
    return UpstreamFailure(FailureClass.MALFORMED_RESPONSE, "a frame of the stream is damaged", status=200)


def _name(value: object) -> bytes:
    return value.encode() if isinstance(value, str) else b""
