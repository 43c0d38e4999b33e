"""How a piece that is exactly one chunk of a chunked body begins: a token of a stream mostly comes as one."""

MAX_PIECE_BYTES = 16 * 1024
"""Larger pieces are left to the parser, so that the table stays small: a default."""


class _ChunkStarts(dict[int, tuple[bytes, ...]]):
    """By the length of a piece: the size line, in either case, that the piece begins with if it is one whole chunk.

    A length leaves but one size, so that comparing it is all the parsing needed; what has leading zeros, an extension,
    more than one chunk or a size that lies never compares equal. No line at all: no whole chunk has that length.
    """

    def __missing__(self, length: int) -> tuple[bytes, ...]:
        if length > MAX_PIECE_BYTES:
            return ()
        self[length] = starts = _starts(length)
        return starts


def _starts(length: int) -> tuple[bytes, ...]:
    for digits in range(1, 5):
        size = length - digits - 4
        if size > 0 and len(f"{size:x}") == digits:
            return (b"%x\r\n" % size, b"%X\r\n" % size)
    return ()


CHUNK_STARTS = _ChunkStarts()
