"""Bodies that come compressed though identity was asked for: inflated within bounds, since they are read."""

import zlib

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.errors import UpstreamFailure

MAX_RATIO = 100
"""Design, section 6."""
SLICE_BYTES = 64 * 1024
SLACK_BYTES = 256 * 1024
"""So much may come out of hardly anything: a run of spaces is no bomb."""

_ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class Inflater:
    """Compressed chunks in, plain slices out; raises UpstreamFailure for a bomb or a body that does not inflate."""

    __slots__ = ("_bytes_in", "_bytes_out", "_inflate", "_pending")

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._bytes_in = 0
        self._bytes_out = 0
        self._pending = b""

    def put(self, chunk: bytes) -> None:
        """Take in the next chunk. What was put in before must have come out: `next_slice` has returned nothing."""
        self._bytes_in += len(chunk)
        self._pending = chunk

    def next_slice(self) -> bytes:
        """Return the next slice, at most SLICE_BYTES of it; nothing once the chunk is used up."""
        while self._pending and not self._inflate.eof:
            try:
                plain = self._inflate.decompress(self._pending, SLICE_BYTES)
            except zlib.error:
                raise UpstreamFailure(FailureClass.MALFORMED_RESPONSE, "the body does not inflate") from None
            self._bytes_out += len(plain)
            # By what has been used up, not by all that has come: a bomb shall cost no more than it takes to see it.
            used = self._bytes_in - len(self._inflate.unconsumed_tail)
            if self._bytes_out > SLACK_BYTES + MAX_RATIO * used:
                raise UpstreamFailure(FailureClass.MALFORMED_RESPONSE, f"the body inflates over {MAX_RATIO} times")
            self._pending = self._inflate.unconsumed_tail
            if plain:
                return plain
        self._pending = b""
        return b""

    def finish(self) -> None:
        """Raise StreamBroken if the compressed data has not come to its end."""
        if self._bytes_in and not self._inflate.eof:
            raise UpstreamFailure(FailureClass.STREAM_BROKEN, "the compressed body was cut")


def inflater_for(encoding: str | None) -> Inflater | None:
    """Return what inflates a body of this content-encoding, None for a plain one; raise UpstreamFailure for others."""
    name = (encoding or "").strip().lower()
    if name in ("", "identity"):
        return None
    if name not in _ENCODINGS:
        raise UpstreamFailure(FailureClass.MALFORMED_RESPONSE, "the body is compressed though identity was asked for")
    return Inflater()
