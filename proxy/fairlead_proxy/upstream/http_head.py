"""The head of an answer: how long it may be, and what of it a connection has to know itself."""

MAX_HEAD_BYTES = 64 * 1024
MAX_LINE_BYTES = 32 * 1024
MAX_HEADERS = 128
MAX_INFORMATIONAL = 100
"""Interim answers (1xx) before the one that counts; some servers send one every few seconds. All four are defaults."""


def is_too_long(headers: list[tuple[str, str]], length: int) -> bool:
    """Say whether a head is beyond its bounds. `length`: it has at most so many bytes."""
    if len(headers) > MAX_HEADERS:
        return True
    if length <= MAX_LINE_BYTES:
        return False
    lengths = [len(name) + len(value) + 4 for name, value in headers]
    return max(lengths, default=0) > MAX_LINE_BYTES or sum(lengths) > MAX_HEAD_BYTES


def is_framed(headers: list[tuple[str, str]]) -> bool:
    """Say whether the body has an end of its own; else it ends where the connection does (RFC 9112, section 6.3)."""
    return any(name in ("content-length", "transfer-encoding") for name, _ in headers)


class _Names(dict[bytes, str]):
    """Header names as they are handed out; the same few come again and again."""

    def __missing__(self, name: bytes) -> str:
        if len(self) > 1000:
            self.clear()
        self[name] = read = name.decode("latin-1").lower()
        return read


NAMES = _Names()
