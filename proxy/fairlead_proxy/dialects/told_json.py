"""What a provider tells, read without trust in its types: what is of another type than asked for says nothing."""

import json
from typing import Any

import msgspec
from msgspec import Raw

from fairlead_proxy.dialects.failures import no_frame, not_the_answer
from fairlead_proxy.dialects.given_json import MAX_WHOLE, Given, float_of
from fairlead_proxy.dialects.json_members import MAX_DEPTH, check_depth
from fairlead_proxy.dialects.json_text import UNREADABLE, decode_json, decode_whole, whole_pairs
from fairlead_proxy.dialects.sse import Event
from fairlead_proxy.exchange.conversation import JsonObject
from fairlead_proxy.exchange.usage import MOST_TOKENS

MAX_TOLD_DEPTH = 2 * MAX_DEPTH
"""An answer may repeat its request, which is up to MAX_DEPTH deep."""

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ITEMS = msgspec.json.Decoder(list[Raw])


def decode_told(text: bytes) -> Any:
    """Decode JSON as well as it can be; raise ValueError for what is none, or is nested deeper than MAX_TOLD_DEPTH.

    Stray bytes become U+FFFD, and numbers beyond all bounds are infinite.
    """
    try:
        return decode_json(text, MAX_TOLD_DEPTH)
    except ValueError:
        mended = whole_pairs(text.decode(errors="replace").encode())
    try:
        decoded = json.loads(mended)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    check_depth(mended, MAX_TOLD_DEPTH)
    return decoded


def told_value(text: bytes | Raw | None) -> Any:
    """Return a value; None for what is not there, or cannot be read."""
    try:
        return None if text is None else decode_told(bytes(text))
    except ValueError:
        return None


def told_object(body: bytes) -> JsonObject:
    """Return the object that a whole answer is; raise MalformedResponse for anything else."""
    answer = told_value(body)
    if not isinstance(answer, dict):
        raise not_the_answer(200)
    return answer


def told_frame(frame: Event) -> JsonObject:
    """Return the object that a frame of a stream holds; raise MalformedResponse, or StreamBroken if it is cut."""
    said = told_value(frame.data)
    if not isinstance(said, dict):
        raise no_frame(whole=frame.whole)
    return said


def told_members(text: bytes | Raw | None) -> dict[str, Raw] | None:
    """Return the members of an object, each as it is written; None for what is no object."""
    try:
        if text is None:
            return None
        encoded = bytes(text)
        encoded.decode()  # what is kept as it is written is not looked at again
        return decode_whole(_MEMBERS, encoded)
    except UNREADABLE:
        return None


def told_items(text: bytes | Raw | None) -> list[Raw] | None:
    """Return the items of a list, each as it is written; None for what is no list."""
    try:
        return None if text is None else decode_whole(_ITEMS, bytes(text))
    except UNREADABLE:
        return None


class Told(Given):
    """An object of a provider's answer, read by name: what is of another type than asked for counts as not given."""

    __slots__ = ()

    def _refuse(self, name: str, wanted: str, value: object) -> None:
        pass


def object_of(value: object) -> JsonObject:
    """Return an object; an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def list_of(value: object) -> list[Any]:
    """Return a list; an empty one in place of anything else."""
    return value if isinstance(value, list) else []


def objects_of(value: object) -> list[JsonObject]:
    """Return the objects of a list; what else stands in it is left out."""
    return [item for item in list_of(value) if isinstance(item, dict)]


def text_of(value: object) -> str:
    """Return a text; an empty one in place of anything else."""
    return value if isinstance(value, str) else ""


def text_in(members: object, name: str) -> str:
    """Return a text of an object; an empty one where there is none."""
    return text_of(object_of(members).get(name))


def texts_in(members: JsonObject) -> dict[str, str]:
    """Return the members that are texts."""
    return {name: value for name, value in members.items() if isinstance(value, str)}


def count_of(value: object) -> int:
    """Return a whole number that is not negative; 0 in place of anything else."""
    return place_of(value) or 0


def tokens_of(value: object) -> int | None:
    """Return a count of tokens; None in place of anything that can be none."""
    count = place_of(value)
    return None if count is None or count > MOST_TOKENS else count


def place_of(value: object) -> int | None:
    """Return a place, from 0; None in place of anything else. A whole number may be written as 10.0."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_WHOLE:
        return value
    return None


def number_of(value: object) -> float | None:
    """Return a number that can be counted with; None in place of anything else."""
    return None if isinstance(value, bool) or not isinstance(value, int | float) else float_of(value)
