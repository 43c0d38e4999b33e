"""Reading a request's JSON by name: wrong types are named by their path, and what nobody reads is told."""

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.exchange.conversation import JsonObject

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ITEMS = msgspec.json.Decoder(list[Raw])
_TEXT = msgspec.json.Decoder(str)
_FLAG = msgspec.json.Decoder(bool)
_WHOLE = msgspec.json.Decoder(int)
_NUMBER = msgspec.json.Decoder(float)

_Value = TypeVar("_Value")
_NULL = b"null"
_PLACE = re.compile(r"\.\d+")
_PLAIN = re.compile(r"[A-Za-z0-9_$@:.-]{1,64}")
_HALF_PAIR = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)", re.DOTALL
)
_ESCAPE_BYTES = 6
_SHORT_BYTES = 24
_WORD_OF_SIGN = {0x7B: "an object", 0x5B: "a list", 0x22: "a text", 0x74: "true", 0x66: "false"}


class Notes:
    """What of a request has no word in the neutral vocabulary; see `left_out` and `bound_to` of Conversation."""

    __slots__ = ("bound_to", "left_out")

    def __init__(self) -> None:
        self.left_out: set[str] = set()
        self.bound_to: set[str] = set()

    def leave_out(self, path: str) -> None:
        """Note a member, wherever in a list it stands."""
        self.left_out.add(_PLACE.sub("", path))


class Members:
    """One object. Each reader returns None for a member that is absent or null, and raises InvalidCall for a value of
    another type. `finish` tells the notes what was never asked for.
    """

    __slots__ = ("_asked", "_notes", "_values", "path")

    def __init__(self, values: dict[str, Raw], path: str, notes: Notes) -> None:
        self._values = values
        self._notes = notes
        self._asked: set[str] = set()
        self.path = path

    def __contains__(self, name: str) -> bool:
        value = self._values.get(name)
        return value is not None and bytes(memoryview(value)[:4]) != _NULL

    def path_of(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def names(self) -> Iterable[str]:
        return self._values

    def strings(self) -> dict[str, str]:
        """Return all that is text; whatever else there is counts as read."""
        self._asked.update(self._values)
        return {name: _TEXT.decode(value) for name, value in self._values.items() if is_text(value)}

    def raw(self, name: str) -> Raw | None:
        self._asked.add(name)
        return self._values[name] if name in self else None

    def text(self, name: str) -> str | None:
        return self._read(name, _TEXT.decode, "a text")

    def needed_text(self, name: str) -> str:
        text = self.text(name)
        if text is None:
            raise missing(self.path_of(name), "a text")
        return text

    def flag(self, name: str) -> bool | None:
        return self._read(name, _FLAG.decode, "true or false")

    def whole(self, name: str) -> int | None:
        return self._read(name, _WHOLE.decode, "a whole number")

    def number(self, name: str) -> float | None:
        return self._read(name, _NUMBER.decode, "a number")

    def json_object(self, name: str) -> JsonObject | None:
        return self._read(name, _decode_object, "an object")

    def json_text(self, name: str) -> str | None:
        """Return an object as its JSON stands there."""
        value = self._read(name, bytes, "an object")
        if value is not None and not value.startswith(b"{"):
            raise wrong(self.path_of(name), value, "an object")
        return None if value is None else value.decode()

    def inner(self, name: str) -> "Members | None":
        values = self._read(name, _MEMBERS.decode, "an object")
        return None if values is None else Members(values, self.path_of(name), self._notes)

    def items(self, name: str) -> list[Raw] | None:
        return self._read(name, _ITEMS.decode, "a list")

    def objects(self, name: str) -> "Iterable[Members]":
        """Yield the objects of a list, which may be absent."""
        for place, item in enumerate(self.items(name) or ()):
            yield members_of_item(item, f"{self.path_of(name)}.{place}", self._notes)

    def texts(self, name: str) -> tuple[str, ...]:
        items = self.items(name) or ()
        path = self.path_of(name)
        return tuple(decode_at(item, _TEXT.decode, "a text", f"{path}.{place}") for place, item in enumerate(items))

    def leave_out(self, *names: str) -> None:
        """Note these, where they are given, as members without a word for them."""
        for name in names:
            self._asked.add(name)
            if name in self:
                self._notes.leave_out(self.path_of(name))

    def pass_over(self, *names: str) -> None:
        """Take these for read: they say nothing that is to be told."""
        self._asked.update(names)

    def finish(self) -> None:
        for name in self._values:
            if name not in self._asked and name in self:
                self._notes.leave_out(self.path_of(name) if _PLAIN.fullmatch(name) else self.path_of("(odd name)"))

    def _read(self, name: str, decode: Callable[[Raw], _Value], wanted: str) -> _Value | None:
        value = self.raw(name)
        return None if value is None else decode_at(value, decode, wanted, self.path_of(name))


def decode_body(body: bytes) -> dict[str, Raw]:
    """Decode the outermost object, half a surrogate pair being read as U+FFFD; raise InvalidCall.

    Half a pair is legal JSON (RFC 8259, section 8.2: a text cut within an emoji) that msgspec does not read. What is
    sent where the bytes pass is the original.
    """
    try:
        if not body.isascii():
            body.decode()
        try:
            return _MEMBERS.decode(body)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            return _MEMBERS.decode(whole_pairs(body))
    except UnicodeDecodeError:
        raise InvalidCall("the request body is not UTF-8") from None
    except msgspec.ValidationError:
        raise InvalidCall("the request body is not a JSON object") from None
    except msgspec.DecodeError as error:
        raise InvalidCall(f"the request body is not valid JSON: {error}") from None
    except RecursionError:
        raise InvalidCall("the request body is nested too deeply") from None


def whole_pairs(text: bytes) -> bytes:
    """Return JSON with an escaped U+FFFD, which is as long, for each escaped half of a surrogate pair."""
    return _HALF_PAIR.sub(_without_half_pair, text)


def members_of_item(item: Raw, path: str, notes: Notes) -> Members:
    """Return an item of a list, which must be an object; raise InvalidCall."""
    return Members(decode_at(item, _MEMBERS.decode, "an object", path), path, notes)


def items_of(value: Raw, path: str) -> list[Raw]:
    return decode_at(value, _ITEMS.decode, "a list", path)


def text_of(value: Raw, path: str) -> str:
    return decode_at(value, _TEXT.decode, "a text", path)


def is_text(value: Raw) -> bool:
    return bytes(memoryview(value)[:1]) == b'"'


def decode_at(value: Raw, decode: Callable[[Raw], _Value], wanted: str, path: str) -> _Value:
    try:
        return decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise wrong(path, bytes(value), wanted) from None
    except RecursionError:
        raise InvalidCall(f"{path}: nested too deeply", path) from None


def wrong(path: str, value: bytes, wanted: str) -> InvalidCall:
    """Return the refusal of a value; only its kind is told, or a short number: it is not ours to repeat."""
    given = _WORD_OF_SIGN.get(value[0]) if value else None
    if given is None:
        given = value.decode() if len(value) <= _SHORT_BYTES else "such a number"
    elif given == wanted:
        given = "one that cannot be read"
    return InvalidCall(f"{path}: {wanted} is needed here, not {given}", path)


def missing(path: str, wanted: str) -> InvalidCall:
    return InvalidCall(f"{path}: {wanted} is required here", path)


def _decode_object(value: Raw) -> JsonObject:
    decoded: Any = msgspec.json.decode(value)
    if not isinstance(decoded, dict):
        raise msgspec.ValidationError("not an object")
    return decoded


def _without_half_pair(escape: re.Match[bytes]) -> bytes:
    found = escape[0]
    return b"\\ufffd" if len(found) == _ESCAPE_BYTES else found
