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
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, '')}"]
    lines.extend(f"{name}: {_FORBIDDEN.sub(' ', value)}" for name, value in headers)
    lines.append("\r\n")
    return "\r\n".join(lines).encode("latin-1", "replace")


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
