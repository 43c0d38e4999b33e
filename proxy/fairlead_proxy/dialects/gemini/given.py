"""An object of a caller's request, as protobuf's JSON may write it."""

import re
from typing import Self

from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.dialects.given_json import MAX_WHOLE, Given, float_of
from fairlead_proxy.exchange.conversation import JsonObject

_INNER_WORD = re.compile(r"(?<=[A-Za-z0-9])_([a-z0-9])")
_WHOLE = re.compile(r"-?\d{1,20}")


class Message(Given):
    """Members by their camel-case names; both cases are read, and numbers may be written as strings.

    Source: https://protobuf.dev/programming-guides/json/ ("parsers accept both the lowerCamelCase name and the original
    proto field name", "null is an accepted value for all field types").
    """

    __slots__ = ()

    def __init__(self, value: object, path: str = "") -> None:
        super().__init__(value, path)
        members: JsonObject = {}
        for key, item in self._values.items():
            name = camel_case(key)
            if name in members:
                raise InvalidCall(
                    f"'{self.path_of(name)}' is given twice; leave one of the two out", self.path_of(name)
                )
            if item is not None:
                members[name] = item
        self._values = members

    def objects(self, name: str) -> list[Self]:
        """See Given. One object alone is taken for a list of it, as the vendor takes it."""
        if isinstance(self._values.get(name), dict):
            alone = self.inner(name)
            return [] if alone is None else [alone]
        return super().objects(name)

    def _number_of(self, value: object) -> float | None:
        try:
            return float_of(float(value)) if isinstance(value, str) else super()._number_of(value)
        except ValueError:
            return None

    def _whole_of(self, value: object) -> int | None:
        return whole_number_of(value)


def camel_case(name: str) -> str:
    """`max_output_tokens` → `maxOutputTokens`."""
    return _INNER_WORD.sub(lambda found: found[1].upper(), name) if "_" in name else name


def whole_number_of(value: object) -> int | None:
    """Return the whole number that a value stands for in protobuf's JSON; None where it is none, or out of range."""
    if (isinstance(value, str) and _WHOLE.fullmatch(value)) or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_WHOLE:
        return None
    return value
