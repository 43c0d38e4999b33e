"""The bytes of an answer's head."""

import re
from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

JSON = "application/json"
JSON_LINE: Final = b"content-type: application/json\r\n"
CLOSE_LINE: Final = b"connection: close\r\n"

_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class _StatusLines(dict[int, bytes]):
    """The first line of an answer by its status, known or not."""

    def __missing__(self, status: int) -> bytes:
        return b"HTTP/1.1 %d \r\n" % status


STATUS_LINES: Final[dict[int, bytes]] = _StatusLines(
    {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
)


def encode_lines(headers: Iterable[tuple[str, str]]) -> bytes:
    """Return headers as the lines of a head, each with its end. A control character in a value becomes a space."""
    lines = [f"{name}: {value}" for name, value in headers]
    if not lines:
        return b""
    if _FORBIDDEN.search("".join(lines)):
        lines = [_FORBIDDEN.sub(" ", line) for line in lines]
    return ("\r\n".join(lines) + "\r\n").encode("latin-1", "replace")


def date_line(now: float) -> bytes:
    """Return the `date` header. `now`: Unix seconds."""
    return f"date: {formatdate(now, usegmt=True)}\r\n".encode()
