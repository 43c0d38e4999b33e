"""Values of a JSON object that are kept as they are written: whether one was given at all, and how long a text is."""

from msgspec import Raw

NULL = Raw(b"null")
"""Stands for what was not given, by identity."""

EMPTY = frozenset({b"null", b'""', b"[]", b"{}", b"false"})
"""What says no more than nothing does."""


def is_given(raw: Raw) -> bool:
    """Say whether a value is there and not empty."""
    return raw is not NULL and bytes(raw) not in EMPTY


def utf8_length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
