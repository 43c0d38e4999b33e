"""JSON that somebody else wrote: decoded whatever stands in it, and a caller's read by type or refused."""

import re
from typing import Any

import msgspec

from fairlead_proxy.dialects.dialect import InvalidCall

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|u|[^u])"
)
_KINDS = {str: "a string", bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "an object"}


def decode_json(text: bytes) -> Any:
    """Decode JSON; raise ValueError for what is none, or is nested too deeply.

    Half a surrogate pair is legal JSON (RFC 8259, section 8.2) that msgspec does not read: U+FFFD stands for it.
    """
    try:
        return _decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None


class Members:
    """An object in a caller's request, which stands at `path`; what is null counts as not given.

    Everything here raises InvalidCall, naming the member, for a value of another type than asked for.
    """

    __slots__ = ("_values", "path")

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise wrong_type(path, "an object", value)
        self._values: dict[str, Any] = value
        self.path = path

    def path_of(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def given(self) -> list[str]:
        """Return the names of the members that are not null."""
        return [name for name, value in self._values.items() if value is not None]

    def value(self, name: str) -> Any:
        return self._values.get(name)

    def text(self, name: str) -> str | None:
        value = self._values.get(name)
        if value is not None and not isinstance(value, str):
            raise wrong_type(self.path_of(name), "a string", value)
        return value

    def needed_text(self, name: str) -> str:
        """Return a text that must be there, and not be empty."""
        value = self.text(name)
        if not value:
            raise InvalidCall(f"'{self.path_of(name)}' is missing: give a string", self.path_of(name))
        return value

    def flag(self, name: str) -> bool | None:
        value = self._values.get(name)
        if value is not None and not isinstance(value, bool):
            raise wrong_type(self.path_of(name), "true or false", value)
        return value

    def whole(self, name: str) -> int | None:
        value = self._values.get(name)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise wrong_type(self.path_of(name), "a whole number", value)
        return value

    def number(self, name: str) -> float | None:
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong_type(self.path_of(name), "a number", value)
        try:
            return float(value)
        except OverflowError:
            raise InvalidCall(f"'{self.path_of(name)}' is too large a number", self.path_of(name)) from None

    def members(self, name: str) -> "Members | None":
        value = self._values.get(name)
        return None if value is None else Members(value, self.path_of(name))

    def json_object(self, name: str) -> dict[str, Any] | None:
        value = self._values.get(name)
        if value is not None and not isinstance(value, dict):
            raise wrong_type(self.path_of(name), "an object", value)
        return value

    def items(self, name: str) -> "list[tuple[str, Any]]":
        """Return the items of a list, each with its path; none where it is not given."""
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise wrong_type(self.path_of(name), "a list", value)
        return [(f"{self.path_of(name)}[{index}]", item) for index, item in enumerate(value)]


def wrong_type(path: str, wanted: str, value: object) -> InvalidCall:
    return InvalidCall(f"'{path}' must be {wanted}, not {_KINDS.get(type(value), 'null')}", path or None)


def _decode(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return msgspec.json.decode(_ESCAPE.sub(_without_half_pair, text))


def _without_half_pair(escape: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if escape[1] else escape[0]
