"""The head of an answer: how long it may be, and what of its headers a connection has to know itself."""

from typing import NamedTuple

from fairlead_proxy.upstream.transport import Headers

MAX_HEAD_BYTES = 64 * 1024
MAX_LINE_BYTES = 32 * 1024
MAX_HEADERS = 128
MAX_INFORMATIONAL = 100
"""Interim answers (1xx) before the one that counts; some servers send one every few seconds. All four are defaults."""


class Unacceptable(Exception):
    """Makes the parser stop, from within one of its calls."""


class Head(NamedTuple):
    """`framed`: the body has an end of its own; else it ends where the connection does (RFC 9112, section 6.3)."""

    status: int
    headers: Headers
    encoding: str | None
    framed: bool


def read_head(status: int, headers: list[tuple[str, str]], length: int) -> Head:
    """Return the head of an answer that counts; raise Unacceptable. `length`: at most so many bytes it has."""
    check_bounds(headers, length)
    head = tuple(headers)
    fields = dict(head)
    coding = fields.get("transfer-encoding")
    if coding is not None and coding.strip().lower() != "chunked":
        raise Unacceptable
    return Head(status, head, fields.get("content-encoding"), coding is not None or "content-length" in fields)


def check_bounds(headers: list[tuple[str, str]], length: int) -> None:
    """Raise Unacceptable for a head that is too long."""
    if len(headers) > MAX_HEADERS or (length > MAX_LINE_BYTES and _are_too_long(headers)):
        raise Unacceptable


class _Names(dict[bytes, str]):
    """Header names as they are handed out; the same few come again and again."""

    def __missing__(self, name: bytes) -> str:
        if len(self) > 1000:
            self.clear()
        self[name] = read = name.decode("latin-1").lower()
        return read


NAMES = _Names()


def _are_too_long(headers: list[tuple[str, str]]) -> bool:
    lengths = [len(name) + len(value) + 4 for name, value in headers]
    return max(lengths, default=0) > MAX_LINE_BYTES or sum(lengths) > MAX_HEAD_BYTES
