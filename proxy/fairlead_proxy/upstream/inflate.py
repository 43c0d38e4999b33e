"""Bodies that come compressed though identity was asked for: inflated within bounds, since they are read."""

import zlib
from collections.abc import Iterator

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.errors import UpstreamFailure

MAX_RATIO = 100
"""Design, section 6."""
SLICE_BYTES = 64 * 1024
ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class Inflater:
    """Compressed chunks in, plain slices out; raises UpstreamFailure for a bomb or a body that does not inflate."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._bytes_in = 0
        self._bytes_out = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        self._bytes_in += len(chunk)
        pending = chunk
        while pending and not self._inflate.eof:
            try:
                plain = self._inflate.decompress(pending, SLICE_BYTES)
            except zlib.error:
                raise UpstreamFailure(FailureClass.MALFORMED_RESPONSE, "the body does not inflate") from None
            self._bytes_out += len(plain)
            if self._bytes_out > SLICE_BYTES + MAX_RATIO * self._bytes_in:
                raise UpstreamFailure(FailureClass.MALFORMED_RESPONSE, f"the body inflates over {MAX_RATIO} times")
            pending = self._inflate.unconsumed_tail
            if plain:
                yield plain

    def finish(self) -> None:
        """Raise StreamBroken if the compressed data has not come to its end."""
        if self._bytes_in and not self._inflate.eof:
            raise UpstreamFailure(FailureClass.STREAM_BROKEN, "the compressed body was cut")
