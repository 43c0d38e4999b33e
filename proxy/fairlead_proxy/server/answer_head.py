"""The bytes of an answer's head."""

from email.utils import formatdate
from http import HTTPStatus
from typing import Final

JSON = "application/json"
JSON_LINE: Final = b"content-type: application/json\r\n"
CLOSE_LINE: Final = b"connection: close\r\n"


class _StatusLines(dict[int, bytes]):
    """The first line of an answer by its status, known or not."""

    def __missing__(self, status: int) -> bytes:
        return b"HTTP/1.1 %d \r\n" % status


STATUS_LINES: Final[dict[int, bytes]] = _StatusLines(
    {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
)


def date_line(now: float) -> bytes:
    """Return the `date` header. `now`: Unix seconds."""
    return f"date: {formatdate(now, usegmt=True)}\r\n".encode()
