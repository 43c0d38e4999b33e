"""Header fields as the bytes that go out: lines of `name: value`, each with its line end."""

import re
from collections.abc import Iterable

_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def encode_lines(headers: Iterable[tuple[str, str]]) -> bytes:
    """Return the lines of these headers. A control character in a name or a value becomes a space."""
    lines = [f"{name}: {value}" for name, value in headers]
    if _FORBIDDEN.search("".join(lines)):
        lines = [_FORBIDDEN.sub(" ", line) for line in lines]
    return "".join([f"{line}\r\n" for line in lines]).encode("latin-1", "replace")
