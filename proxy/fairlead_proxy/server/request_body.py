"""The body of one request, gathered whole within its limits, and inflated."""

import zlib
from collections.abc import Mapping
from typing import Final

from httptools import HttpParserError, HttpRequestParser

from fairlead_proxy.exchange.errors import Answer, CallRefused
from fairlead_proxy.server.limits import Limits
from fairlead_proxy.server.request_head import MALFORMED, past_empty_line

MAX_FRAMING_BYTES = 64 * 1024
"""How much may come in a row without a byte of body in it: chunk extensions and trailers. A default."""

_PACKED_SLICE = 64 * 1024
_INFLATE_SLICE = 256 * 1024
_GZIP: Final = 16 + zlib.MAX_WBITS
_CHUNKED_HEAD: Final = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"


class Body:
    """A body on its way. Made from headers that `read_headers` has taken; raises CallRefused where it is refused.

    `size`: how much of it has come, its framing left out; `whole`: nothing is missing; `packed`: it is to be inflated.
    """

    __slots__ = ("_chunks", "_left", "_limits", "_pieces", "packed", "size", "whole")

    def __init__(self, headers: Mapping[str, str], limits: Limits) -> None:
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip", "x-gzip"):
            raise CallRefused(Answer(415, "unsupported_encoding", "The request's Content-Encoding is not supported."))
        self._left = length_of(headers)
        if self._left > limits.body_bytes:
            raise too_large(limits)
        self._limits = limits
        self._pieces: list[bytes] = []
        self._chunks = _Chunks(self._pieces) if is_chunked(headers) else None
        self.packed = encoding != "identity"
        self.size = 0
        self.whole = False

    def feed(self, data: bytes) -> bytes:
        """Take what belongs to this body; return the rest, which belongs to the next request."""
        if self._chunks is not None:
            return self._feed_chunks(self._chunks, data)
        left = self._left
        part = data if len(data) <= left else data[:left]
        if part:
            self._pieces.append(part)
            self.size += len(part)
        self._left = left - len(part)
        self.whole = self._left == 0
        return data[len(part) :]

    def take(self) -> bytes:
        """Return the whole body."""
        pieces, self._pieces = self._pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _feed_chunks(self, chunks: "_Chunks", data: bytes) -> bytes:
        before = len(self._pieces)
        rest = chunks.feed(data)
        self.size += sum(map(len, self._pieces[before:]))
        if self.size > self._limits.body_bytes:
            raise too_large(self._limits)
        self.whole = chunks.whole
        return rest


class Inflater:
    """Inflates the gzip members of a body, slice by slice, so that a large one does not hold up other calls."""

    def __init__(self, packed: bytes, limits: Limits) -> None:
        self._packed = memoryview(packed)
        self._limits = limits
        self._inflater = zlib.decompressobj(_GZIP)
        self._tail: bytes | memoryview = b""
        self._pieces: list[bytes] = []
        self._most = min(limits.body_bytes, len(packed) * limits.inflate_ratio)
        self._at = 0
        self._size = 0
        self.done = False

    def step(self) -> int:
        """Inflate a slice; return how many bytes it holds. Raises CallRefused: never more than the limits."""
        source = self._tail or self._packed[self._at : self._at + _PACKED_SLICE]
        if not self._tail:
            self._at += len(source)
        try:
            part = self._inflater.decompress(source, _INFLATE_SLICE)
        except zlib.error:
            raise CallRefused(MALFORMED) from None
        self._pieces.append(part)
        self._size += len(part)
        if self._size > self._most:
            raise too_large(self._limits)
        if self._inflater.eof:
            self._tail = self._inflater.unused_data
            self.done = not self._tail and self._at >= len(self._packed)
            self._inflater = zlib.decompressobj(_GZIP)
        else:
            self._tail = self._inflater.unconsumed_tail
            if not part and not self._tail and self._at >= len(self._packed):
                raise CallRefused(MALFORMED)  # the last member has no end
        return len(part)

    def take(self) -> bytes:
        """Return what was inflated, once it is done."""
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)


class _Chunks:
    """Takes chunks apart with llhttp, which is shown no byte of what follows the last one."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces
        self._events = _Events(pieces)
        self._parser = HttpRequestParser(self._events)
        self._parser.feed_data(_CHUNKED_HEAD)
        self._tail = b""
        self._framing = 0

    @property
    def whole(self) -> bool:
        return self._events.complete

    def feed(self, data: bytes) -> bytes:
        """Take what belongs to the body; return the rest."""
        at = 0
        while at < len(data) and not self._events.complete:
            # The body ends in an empty line. Its content may hold others, so a look is taken at each.
            end = past_empty_line(self._tail, data, at)
            self._feed_part(data[at:end] if end - at < len(data) else data)
            at = end
        return data[at:]

    def _feed_part(self, part: bytes) -> None:
        before = len(self._pieces)
        try:
            self._parser.feed_data(part)
        except HttpParserError:
            raise CallRefused(MALFORMED) from None
        self._tail = (self._tail + part[-3:])[-3:]
        self._framing = 0 if len(self._pieces) > before else self._framing + len(part)
        if self._framing > MAX_FRAMING_BYTES:
            raise CallRefused(MALFORMED)


class _Events:
    """What the parser tells; it does not know the parser, or the two would keep the body alive."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.on_body = pieces.append
        self.complete = False

    def on_message_complete(self) -> None:
        self.complete = True


def length_of(headers: Mapping[str, str]) -> int:
    """Return how long the body is, where its length is told; 0 where it is not. The parser has checked the digits."""
    return int(headers.get("content-length", "0"))


def is_chunked(headers: Mapping[str, str]) -> bool:
    return "transfer-encoding" in headers


def too_large(limits: Limits) -> CallRefused:
    return CallRefused(
        Answer(413, "request_too_large", f"The request's body is larger than {limits.body_bytes} bytes allow.")
    )
