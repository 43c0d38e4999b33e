"""JSON that somebody else wrote, decoded whatever stands in it: halves of surrogate pairs, and objects in texts."""

import re
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from fairlead_proxy.dialects.json_members import MAX_DEPTH, check_depth

UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
"""What msgspec raises for what it cannot decode, of another type than asked for, or no JSON."""

_Value = TypeVar("_Value")

_ANY = msgspec.json.Decoder()
_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)", re.DOTALL
)
_HALF_BYTES = len(rb"\ud83d")


def decode_json(text: bytes, most_levels: int = MAX_DEPTH) -> Any:
    """Decode JSON; raise ValueError for what is none, is not UTF-8, or is nested deeper than this.

    U+FFFD stands for half a surrogate pair, which nothing could encode again.
    """
    try:
        decoded = decode_whole(_ANY, text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None
    check_depth(text, most_levels)  # now that it is known to be JSON
    return decoded


def decode_whole(decoder: msgspec.json.Decoder[_Value], text: bytes) -> _Value:
    """Decode JSON; if that fails, once more with U+FFFD for each half of a surrogate pair. Raises what msgspec does.

    Half a pair is legal JSON (RFC 8259, section 8.2: a text cut within an emoji) that msgspec does not read.
    """
    try:
        return decoder.decode(text)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return decoder.decode(whole_pairs(text))


def whole_pairs(text: bytes) -> bytes:
    """Return JSON with an escaped U+FFFD, which is as long, for each escaped half of a surrogate pair."""
    return _ESCAPES.sub(_without_half, text) if b"\\u" in text else text


def is_object(text: bytes) -> bool:
    try:
        return isinstance(_ANY.decode(text), dict)
    except UNREADABLE:
        return False


def object_in(text: str) -> Raw | None:
    """Return an object that stands in a text, to be written as it stands there; None if it is none.

    So no number loses a digit. White space around it is left out.
    """
    encoded = text.strip().encode(errors="replace")
    try:
        decoded = decode_json(encoded)
    except ValueError:
        return None
    return Raw(whole_pairs(encoded)) if isinstance(decoded, dict) else None


def _without_half(escape: re.Match[bytes]) -> bytes:
    """A whole pair, and every other escape, stays."""
    found = escape[0]
    return b"\\ufffd" if len(found) == _HALF_BYTES else found
