"""JSON that somebody else wrote: decoded whatever stands in it, and read without trust in its types."""

import math
import re
from typing import Any

import msgspec

from fairlead_proxy.dialects.json_members import check_depth
from fairlead_proxy.exchange.conversation import JsonObject

_ANY = msgspec.json.Decoder()
_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\.", re.DOTALL
)
_HALF_PAIR_BYTES = 6
_MAX_WHOLE = 2**63 - 1


def decode_json(text: bytes) -> Any:
    """Return the value; raise ValueError for what is no JSON, or nested deeper than MAX_DEPTH.

    Half a surrogate pair is legal JSON (RFC 8259, section 8.2: a text cut within an emoji) that nothing can encode
    again: U+FFFD stands in its place.
    """
    try:
        check_depth(text)
        try:
            return _ANY.decode(text)
        except msgspec.DecodeError:
            return _ANY.decode(without_halves(text))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None


def without_halves(text: bytes) -> bytes:
    """Return JSON with U+FFFD in place of every escaped half of a surrogate pair."""
    return _ESCAPES.sub(_without_half, text)


def object_of(value: object) -> JsonObject:
    """Return an object; an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def objects_of(value: object) -> list[JsonObject]:
    """Return the objects of a list; what else stands in it is left out."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text_of(value: object) -> str:
    return value if isinstance(value, str) else ""


def count_of(value: object) -> int:
    """Return a whole number that is not negative; 0 in place of anything else."""
    return position_of(value) or 0


def position_of(value: object) -> int | None:
    """Return a place, from 0; None in place of anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_WHOLE:
        return value
    return None


def number_of(value: object) -> float | None:
    """Return a number that can be counted with; None in place of anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def embedded_object(text: str) -> msgspec.Raw | None:
    """Return a JSON text to be written as it stands, if it is an object; else None."""
    encoded = text.encode(errors="replace")
    try:
        decoded = decode_json(encoded)
    except ValueError:
        return None
    if not isinstance(decoded, dict):
        return None
    return msgspec.Raw(without_halves(encoded) if b"\\u" in encoded else encoded)


def _without_half(escape: re.Match[bytes]) -> bytes:
    found = escape[0]
    return b"\\ufffd" if len(found) == _HALF_PAIR_BYTES else found
