"""Values of a JSON object that are kept as they are written: whether one was given at all, and how long a text is."""

import msgspec
from msgspec import Raw

NULL = Raw(b"null")
"""Stands for what was not given, by identity."""

_WHOLE: msgspec.json.Decoder[int | None] = msgspec.json.Decoder(int | None)

EMPTY = frozenset({b"null", b'""', b"[]", b"{}", b"false"})
"""What says no more than nothing does."""


def is_given(raw: Raw) -> bool:
    """Say whether a value is there and not empty."""
    return raw is not NULL and bytes(raw) not in EMPTY


def given_bytes(raw: Raw) -> int:
    """Return how many bytes say something."""
    return len(bytes(raw)) if is_given(raw) else 0


def whole_number(raw: Raw) -> int | None:
    """Return the number that is written there; None for anything else."""
    try:
        return _WHOLE.decode(raw)
    except msgspec.MsgspecError:
        return None


def utf8_length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
