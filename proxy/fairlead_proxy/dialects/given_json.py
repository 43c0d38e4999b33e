"""A caller's JSON, read with care: a value of another type is refused by name, and what nobody asked for is known."""

import math
import re
from typing import Any, ClassVar, Self

import msgspec
from msgspec import Raw

from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.dialects.json_text import UNREADABLE, decode_json
from fairlead_proxy.dialects.notes import Notes
from fairlead_proxy.exchange.conversation import JsonObject

MAX_WHOLE = 2**63 - 1

_ANY = msgspec.json.Decoder()
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ITEMS = msgspec.json.Decoder(list[Raw])

_SHOWN_CHARACTERS = 40
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_$@:.-]{1,64}")
_NOTHING: tuple[object, ...] = (None, "", [], {})


class Given:
    """An object of a request, decoded or as it is written; `path` is its place there, empty for the request itself.

    A member that is null is as good as none. Each reader returns None for one that is not there, and raises InvalidCall
    for one of another type than asked for.
    """

    __slots__ = ("_asked", "_values", "path")

    item_place: ClassVar[str] = "[{}]"
    """How the position in a list stands in a path."""

    def __init__(self, value: object, path: str = "") -> None:
        members = _shallow(_MEMBERS, value) if isinstance(value, Raw) else value
        if not isinstance(members, dict):
            raise wrong_type(path, value, "an object")
        self._values: dict[str, Any] = members
        self._asked: set[str] = set()
        self.path = path

    def __contains__(self, name: str) -> bool:
        return not _is_null(self._values.get(name))

    def path_of(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def take(self, name: str) -> Any:
        """Return a member of whatever type."""
        value = self._find(name)
        return _decoded(value, self.path_of(name)) if isinstance(value, Raw) else value

    def is_text(self, name: str) -> bool:
        value = self._values.get(name)
        return bytes(memoryview(value)[:1]) == b'"' if isinstance(value, Raw) else isinstance(value, str)

    def text(self, name: str) -> str | None:
        value = self.take(name)
        if value is None or isinstance(value, str):
            return value
        self._refuse(name, "a string", value)
        return None

    def needed_text(self, name: str, *, may_be_empty: bool = False) -> str:
        """Return a text that must be there."""
        text = self.text(name)
        if text is None or not (text or may_be_empty):
            self._refuse(name, "a string" if may_be_empty else "a string that is not empty", text)
        return text or ""

    def flag(self, name: str) -> bool | None:
        value = self.take(name)
        if value is None or isinstance(value, bool):
            return value
        self._refuse(name, "true or false", value)
        return None

    def number(self, name: str, least: float = -math.inf, most: float = math.inf) -> float | None:
        value = self.take(name)
        if value is None:
            return None
        number = self._number_of(value)
        if number is None or not least <= number <= most:
            self._refuse(name, "a number" if math.isinf(least) else f"a number from {least:g} to {most:g}", value)
            return None
        return number

    def whole(self, name: str, least: int = -MAX_WHOLE - 1, most: int = MAX_WHOLE) -> int | None:
        """Return a whole number, also where it is written as 10.0."""
        value = self.take(name)
        if value is None:
            return None
        number = self._whole_of(value)
        if number is None or not least <= number <= most:
            bounds = (
                ""
                if least < -MAX_WHOLE
                else f" of at least {least}"
                if most == MAX_WHOLE
                else f" from {least} to {most}"
            )
            self._refuse(name, f"a whole number{bounds}", value)
            return None
        return number

    def inner(self, name: str) -> Self | None:
        """Return an object in this one."""
        value = self._find(name)
        if value is None or _opens(value) != "{":
            if value is not None:
                self._refuse(name, "an object", value)
            return None
        return type(self)(value, self.path_of(name))

    def json_object(self, name: str) -> JsonObject | None:
        """Return an object that is handed on as it is."""
        value = self.take(name)
        if value is None or isinstance(value, dict):
            return value
        self._refuse(name, "an object", value)
        return None

    def json_text(self, name: str) -> str | None:
        """Return an object as JSON: as it stands there, if it is not decoded yet."""
        value = self._find(name)
        if isinstance(value, Raw) and _opens(value) == "{":
            return bytes(value).decode()
        decoded = self.json_object(name)
        return None if decoded is None else msgspec.json.encode(decoded).decode()

    def objects(self, name: str) -> list[Self]:
        """Return a list of objects; empty if there is none."""
        value = self._find(name)
        items = _shallow(_ITEMS, value) if isinstance(value, Raw) else value
        if items is None:
            return []
        if not isinstance(items, list):
            self._refuse(name, "a list of objects", value)
            return []
        found: list[Self] = []
        for position, item in enumerate(items):
            place = name + self.item_place.format(position)
            if _opens(item) == "{":
                found.append(type(self)(item, self.path_of(place)))
            else:
                self._refuse(place, "an object", item)
        return found

    def texts(self, name: str, *, or_one: bool = False) -> tuple[str, ...]:
        """Return a list of texts; empty if there is none. `or_one`: one text passes for a list of it."""
        value = self.take(name)
        if value is None:
            return ()
        if or_one and isinstance(value, str):
            return (value,)
        if not isinstance(value, list):
            self._refuse(name, "a string or a list of strings" if or_one else "a list of strings", value)
            return ()
        for position, item in enumerate(value):
            if not isinstance(item, str):
                self._refuse(name + self.item_place.format(position), "a string", item)
        return tuple(item for item in value if isinstance(item, str))

    def names(self) -> list[str]:
        """Return the names of the members that are given."""
        return [name for name, value in self._values.items() if not _is_null(value)]

    def unread(self) -> list[str]:
        """Return the names of the members that nobody has asked for."""
        return [name for name in self.names() if name not in self._asked]

    def pass_over(self, *names: str) -> None:
        """Take these for read: they say nothing that is to be told."""
        self._asked.update(names)

    def leave_out(self, name: str, notes: Notes) -> None:
        """Note this one, if it is given."""
        self._asked.add(name)
        if name in self:
            notes.leave_out(self.path_of(name if _PLAIN_NAME.fullmatch(name) else "(odd name)"))

    def leave_rest_out(self, notes: Notes) -> None:
        """Note what was not asked for."""
        for name in self.unread():
            self.leave_out(name, notes)

    def leave_out_beside(self, known: frozenset[str], notes: Notes) -> None:
        """Note all members that say anything, but for these."""
        for name in self.names():
            if name not in known and self.take(name) not in _NOTHING:
                self.leave_out(name, notes)

    def refuse_choice(self, name: str, choices: str) -> InvalidCall:
        """Return the refusal of a value that is none of those there are."""
        path, value = self.path_of(name), self.take(name)
        shown = _shown(value) if isinstance(value, str) else kind_of(value)
        return InvalidCall(f"'{path}' must be {choices}, not {shown}", path)

    def _find(self, name: str) -> Any:
        self._asked.add(name)
        value = self._values.get(name)
        return None if _is_null(value) else value

    def _number_of(self, value: object) -> float | None:
        return None if isinstance(value, bool) or not isinstance(value, int | float) else float_of(value)

    def _whole_of(self, value: object) -> int | None:
        if isinstance(value, float):
            return int(value) if value.is_integer() else None
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def _refuse(self, name: str, wanted: str, value: object) -> None:
        raise wrong_type(self.path_of(name), value, wanted)


def read_given(body: bytes) -> Given:
    """Return the whole of a request that stands in its body; raise InvalidCall."""
    return Given(decode_given(body))


def decode_given(body: bytes) -> Any:
    """Decode the whole of a request; raise InvalidCall."""
    try:
        return decode_json(body)
    except ValueError as error:
        raise InvalidCall(f"the request body is not valid JSON: {error}") from None


def wrong_type(path: str, value: object, wanted: str) -> InvalidCall:
    """Return the refusal that names the member, what it must be, and what it is."""
    return InvalidCall(
        f"{repr(path) if path else 'the request body'} must be {wanted}, not {kind_of(value)}", path or None
    )


def kind_of(value: object) -> str:
    """Return what a value is, in words; a text may be somebody's prompt, and is not repeated."""
    if isinstance(value, Raw):
        try:
            value = _ANY.decode(value)
        except UNREADABLE:
            return "one that cannot be read"
    match value:
        case None:
            return "null or left out"
        case str():
            return "a string" if value else "an empty string"
        case dict():
            return "an object"
        case list():
            return "a list"
        case _:
            return _shown(value)


def short(text: str) -> str:
    """Return a caller's word as a message may repeat it."""
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


def float_of(value: float) -> float | None:
    """Return a number that can be counted with; None for one beyond all bounds."""
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _shown(value: object) -> str:
    return short(msgspec.json.encode(value).decode())


def _is_null(value: object) -> bool:
    return value is None or (isinstance(value, Raw) and bytes(memoryview(value)[:4]) == b"null")


def _opens(value: object) -> str:
    """Return how a value begins, if it is an object or a list."""
    if isinstance(value, Raw):
        return chr(memoryview(value)[0])
    return "{" if isinstance(value, dict) else "[" if isinstance(value, list) else ""


def _shallow(decoder: msgspec.json.Decoder[Any], value: Raw) -> Any:
    try:
        return decoder.decode(value)
    except UNREADABLE:
        return value


def _decoded(value: Raw, path: str) -> Any:
    try:
        return _ANY.decode(value)
    except UNREADABLE:
        raise InvalidCall(f"'{path}' cannot be read", path) from None
