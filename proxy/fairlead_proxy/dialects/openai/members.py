"""The members of a JSON object, read by their type: a caller's mistakes are refused by name, a provider's skipped."""

import re
from typing import Any, Self

import msgspec

from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.dialects.json_members import check_depth
from fairlead_proxy.exchange.conversation import JsonObject

MAX_WHOLE = 2**63 - 1
_SHOWN_CHARACTERS = 40

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|[^u])"
)
_PAIR_BYTES = len(rb"\ud83d\ude00")


def decode_json(body: bytes) -> Any:
    """Decode JSON, with U+FFFD in place of half surrogate pairs; raise ValueError, also for what is nested too deeply.

    Half a pair is legal JSON (RFC 8259, section 8.2) that no encoder could write again.
    """
    try:
        try:
            decoded = msgspec.json.decode(body)
        except msgspec.DecodeError:
            decoded = msgspec.json.decode(_ESCAPE.sub(_without_surrogate, body))
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from None
    check_depth(body)  # now that it is known to be JSON
    return decoded


def short(text: str) -> str:
    """Return a caller's word as a message may repeat it."""
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


class Members:
    """An object of a caller's request. A member that is null is as good as none; one of another type than asked for
    raises InvalidCall. `path` is the object's own place in the request, empty for the request itself.
    """

    __slots__ = ("path", "values")

    def __init__(self, values: JsonObject, path: str = "") -> None:
        self.values = values
        self.path = path

    def place(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def text(self, name: str) -> str | None:
        value = self.values.get(name)
        if value is None or isinstance(value, str):
            return value
        self._refuse(name, "a string")
        return None

    def needed_text(self, name: str) -> str:
        """Return a text that must be there; a provider's, empty if it is not."""
        text = self.text(name)
        if not text:
            self._refuse(name, "a string that is not empty")
        return text or ""

    def flag(self, name: str) -> bool | None:
        value = self.values.get(name)
        if value is None or isinstance(value, bool):
            return value
        self._refuse(name, "true or false")
        return None

    def number(self, name: str, least: float, most: float) -> float | None:
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            self._refuse(name, f"a number from {least:g} to {most:g}")
            return None
        return value

    def whole(self, name: str, least: int, most: int = MAX_WHOLE) -> int | None:
        """Return a whole number, also where it is written as 10.0."""
        value = self.values.get(name)
        if value is None:
            return None
        is_whole = isinstance(value, int) if not isinstance(value, float) else value.is_integer()
        if isinstance(value, bool) or not is_whole or not least <= value <= most:
            bounds = f"of at least {least}" if most == MAX_WHOLE else f"from {least} to {most}"
            self._refuse(name, f"a whole number {bounds}")
            return None
        return int(value)

    def nested(self, name: str) -> Self | None:
        """Return an object in this one."""
        value = self.values.get(name)
        if isinstance(value, dict):
            return type(self)(value, self.place(name))
        if value is not None:
            self._refuse(name, "an object")
        return None

    def objects(self, name: str) -> list[Self]:
        """Return a list of objects; empty if there is none."""
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self._refuse(name, "a list of objects")
            return []
        found: list[Self] = []
        for position, item in enumerate(value):
            if isinstance(item, dict):
                found.append(type(self)(item, f"{self.place(name)}[{position}]"))
            else:
                self._refuse(f"{name}[{position}]", "an object", item)
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, or one text as such a list; empty if there is none."""
        value = self.values.get(name)
        if value is None or isinstance(value, str):
            return () if value is None else (value,)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self._refuse(name, "a string or a list of strings")
            return ()
        return tuple(value)

    def refuse_choice(self, name: str, choices: str) -> InvalidCall:
        """Return the refusal of a value that is none of those there are."""
        return InvalidCall(
            f"'{self.place(name)}' must be {choices}, not {_shown(self.values.get(name))}", self.place(name)
        )

    def _refuse(self, name: str, wanted: str, value: object = None) -> None:
        """Raise InvalidCall for a value of another type; it may be somebody's prompt, so a text is not repeated."""
        value = self.values.get(name) if value is None else value
        shown = "a string" if isinstance(value, str) and value else _shown(value)
        raise InvalidCall(f"'{self.place(name)}' must be {wanted}, not {shown}", self.place(name))


class AnsweredMembers(Members):
    """An object of a provider's answer: what is of another type than asked for counts as not given."""

    __slots__ = ()

    def _refuse(self, name: str, wanted: str, value: object = None) -> None:
        pass


def _shown(value: object) -> str:
    match value:
        case None:
            return "null or left out"
        case dict():
            return "an object"
        case list():
            return "a list"
        case _:
            return short(msgspec.json.encode(value).decode())


def _without_surrogate(escape: re.Match[bytes]) -> bytes:
    """A whole pair, and every other escape, stays."""
    found = escape[0]
    return b"\\ufffd" if found[1:2] == b"u" and len(found) < _PAIR_BYTES else found
