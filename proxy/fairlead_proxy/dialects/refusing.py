"""Refusing a request's body that cannot be read: it is not UTF-8, no JSON, nested too deeply, or of another type."""

import re

import msgspec

from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.dialects.json_members import Member, TooDeep, members_of
from fairlead_proxy.dialects.json_text import UNREADABLE

REFUSED = (*UNREADABLE, TooDeep)
"""What decoding a body, and looking for its depth, raise."""

_FAULTY_FIELD = re.compile(r"`\$\.([A-Za-z_.]+)`")


def check_utf8(body: bytes) -> None:
    """Raise InvalidCall if the body is not UTF-8: what is kept as it is written is not looked at again."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise refusal_of(error) from None


def refusal_of(error: Exception) -> InvalidCall:
    """Return the refusal of a body that raised one of REFUSED."""
    match error:
        case msgspec.ValidationError():
            found = _FAULTY_FIELD.search(str(error))
            return InvalidCall(f"the request is not valid: {error}", found[1] if found else None)
        case msgspec.MsgspecError():
            return InvalidCall(f"the request body is not valid JSON: {error}")
        case UnicodeDecodeError():
            return InvalidCall("the request body is not UTF-8")
        case _:
            return InvalidCall("the request body is nested too deeply")


def locate_members(body: bytes, names: frozenset[str]) -> dict[str, Member]:
    """Return where these members of a body that is known to be JSON stand; raise InvalidCall for a double of one.

    Which of two counts is the provider's guess as much as ours.
    """
    found: dict[str, Member] = {}
    for key, member in members_of(body):
        if key in names:
            if key in found:
                raise given_twice(key)
            found[key] = member
    return found


def given_twice(name: str) -> InvalidCall:
    return InvalidCall(f"the parameter '{name}' is given twice", name)
