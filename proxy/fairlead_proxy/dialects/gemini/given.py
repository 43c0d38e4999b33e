"""An object of a caller's request, read with care: a wrong type is named, and so is what nobody read."""

import math
import re
from typing import Any

from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.exchange.conversation import JsonObject

_INNER_WORD = re.compile(r"(?<=[A-Za-z0-9])_([a-z0-9])")
_INDEX = re.compile(r"\[\d+\]")
_WHOLE = re.compile(r"-?\d{1,20}")
_MAX_WHOLE = 2**63 - 1


class Notes:
    """What is found on the way through a request; see Conversation."""

    __slots__ = ("bound_to", "left_out")

    def __init__(self) -> None:
        self.left_out: set[str] = set()
        self.bound_to: set[str] = set()


class Given:
    """Members by their camel-case names; both cases are read, and null is as good as nothing.

    Source: https://protobuf.dev/programming-guides/json/ ("parsers accept both the lowerCamelCase name and the original
    proto field name", "null is an accepted value for all field types"). `path` is where the object stands.
    """

    __slots__ = ("_members", "_unread", "path")

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise wrong_type(path, value, "an object")
        self.path = path
        self._members: JsonObject = {}
        for key, item in value.items():
            name = camel_case(key)
            if name in self._members:
                raise InvalidCall(f"{self.path_of(name)} is given twice; leave one of the two out", self.path_of(name))
            if item is not None:
                self._members[name] = item
        self._unread = dict.fromkeys(self._members)

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def path_of(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def take(self, name: str) -> Any:
        """Return a member as it is, or None."""
        self._unread.pop(name, None)
        return self._members.get(name)

    def text(self, name: str) -> str | None:
        value = self.take(name)
        if value is not None and not isinstance(value, str):
            raise wrong_type(self.path_of(name), value, "a string")
        return value

    def flag(self, name: str) -> bool | None:
        value = self.take(name)
        if value is not None and not isinstance(value, bool):
            raise wrong_type(self.path_of(name), value, "true or false")
        return value

    def whole(self, name: str) -> int | None:
        """Return a whole number; it may be written as a string, or with a fraction of zero, as protobuf has it."""
        value = self.take(name)
        if value is None:
            return None
        number = whole_number_of(value)
        if number is None:
            raise wrong_type(self.path_of(name), value, "a whole number of 64 bits")
        return number

    def number(self, name: str) -> float | None:
        value = self.take(name)
        if value is None:
            return None
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise wrong_type(self.path_of(name), value, "a number")
        return number

    def object(self, name: str) -> "Given | None":
        value = self.take(name)
        return None if value is None else Given(value, self.path_of(name))

    def objects(self, name: str) -> "list[Given]":
        """Return the objects of a list. One object alone is taken for a list of it, as the vendor takes it."""
        value, path = self.take(name), self.path_of(name)
        if value is None:
            return []
        if isinstance(value, dict):
            return [Given(value, path)]
        if not isinstance(value, list):
            raise wrong_type(path, value, "a list of objects")
        return [Given(item, f"{path}[{index}]") for index, item in enumerate(value)]

    def texts(self, name: str) -> tuple[str, ...]:
        value, path = self.take(name), self.path_of(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise wrong_type(path, value, "a list of strings")
        for index, item in enumerate(value):
            if not isinstance(item, str):
                raise wrong_type(f"{path}[{index}]", item, "a string")
        return tuple(value)

    def schema(self, name: str) -> JsonObject | None:
        """Return an object that is handed on as it is."""
        value = self.take(name)
        if value is not None and not isinstance(value, dict):
            raise wrong_type(self.path_of(name), value, "an object")
        return value

    def unread(self) -> list[str]:
        """Return the names of the members that nobody has asked for."""
        return list(self._unread)

    def leave_rest_out(self, notes: Notes) -> None:
        """Note what was not asked for, by its path without positions."""
        notes.left_out.update(_INDEX.sub("[]", self.path_of(name)) for name in self._unread)


def camel_case(name: str) -> str:
    """`max_output_tokens` → `maxOutputTokens`."""
    return _INNER_WORD.sub(lambda found: found[1].upper(), name) if "_" in name else name


def whole_number_of(value: object) -> int | None:
    """Return the whole number that a value stands for in protobuf's JSON; None where it is none, or out of range."""
    if (isinstance(value, str) and _WHOLE.fullmatch(value)) or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _MAX_WHOLE:
        return None
    return value


def wrong_type(path: str, value: object, wanted: str) -> InvalidCall:
    """Return the refusal that names the member, what it is, and what it must be."""
    return InvalidCall(f"{path or 'the request body'} must be {wanted}, not {_kind_of(value)}", path or None)


def _kind_of(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return f"the number {value!s:.40}"
        case str():
            return f"the string {value[:40]!r}"
        case list():
            return "a list"
        case _:
            return "an object"
