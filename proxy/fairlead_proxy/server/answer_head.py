"""The bytes of an answer's head."""

import re
import time
from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus

JSON = "application/json"

_REASONS = {status.value: status.phrase for status in HTTPStatus}
_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def encode_head(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """Return status line and headers, with the empty line. A control character in a value becomes a space."""
    lines = [f"{name}: {value}" for name, value in headers]
    if _FORBIDDEN.search("".join(lines)):
        lines = [_FORBIDDEN.sub(" ", line) for line in lines]
    text = "\r\n".join(lines)
    return f"HTTP/1.1 {status} {_REASONS.get(status, '')}\r\n{text}\r\n\r\n".encode("latin-1", "replace")


class DateHeader:
    """The `date` header, rendered once a second."""

    def __init__(self) -> None:
        self._second = -1
        self._value = ""

    def now(self) -> tuple[str, str]:
        second = int(time.time())
        if second != self._second:
            self._second, self._value = second, formatdate(second, usegmt=True)
        return "date", self._value
