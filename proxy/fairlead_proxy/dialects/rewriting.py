"""Rewriting one member of a request that has been read, while every other byte of it stays."""

from collections.abc import Callable
from typing import Any

import msgspec

from fairlead_proxy.dialects.json_members import members_of, splice
from fairlead_proxy.dialects.json_text import decode_json


def rewrite_member(body: bytes, name: str, rewrite: Callable[[Any], Any]) -> bytes:
    """Return the body with what `rewrite` makes of this member; as it is where there is none, or nothing changes."""
    member = next((found for key, found in members_of(body) if key == name), None)
    if member is None:
        return body
    try:
        value = decode_json(body[member.value_start : member.value_end])
    except ValueError:
        return body
    rewritten = rewrite(value)
    if rewritten == value:
        return body
    return splice(body, [(member.value_start, member.value_end, msgspec.json.encode(rewritten))])


def rewrite_items(body: bytes, name: str, rewrite: Callable[[Any], Any]) -> bytes:
    """Do so item by item of a list; an item for which `rewrite` returns None is left out."""

    def rewrite_list(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return [kept for item in value if (kept := rewrite(item)) is not None]

    return rewrite_member(body, name, rewrite_list)
