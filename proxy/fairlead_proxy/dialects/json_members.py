"""Where the members of a JSON object stand in its bytes, so that one can be changed and every other byte stays."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

import msgspec
from msgspec import Raw, Struct

MAX_DEPTH = 64
"""Deeper than any request that makes sense; a default."""

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_QUOTED = re.compile(_STRING, re.DOTALL)
_TOKEN = re.compile(_STRING + rb"|[{}\[\]]", re.DOTALL)
_OBJECT = rb'(?:[^"{]++|' + _STRING + rb")*+\{"
_GAP = rb"[ \t\r\n]*+"
_SPACE = re.compile(_GAP)
_KEY = re.compile(_GAP + rb"(" + _STRING + rb")" + _GAP + rb":" + _GAP, re.DOTALL)
_COMMA = re.compile(_GAP + rb",")
_SCALAR = re.compile(rb"[-+.0-9A-Za-z]++")
_OPENING = b"{["
_ITEMS = msgspec.json.Decoder(list[Raw])


class TooDeep(ValueError):
    """JSON that is nested deeper than MAX_DEPTH."""


class Member(Struct, frozen=True):
    """One member of an object: offsets of its key's first quote, and of its value's first byte and end."""

    start: int
    value_start: int
    value_end: int


def members_of(text: bytes, start: int = 0) -> Iterator[tuple[str, Member]]:
    """Yield every member of the object that begins at or after `start`, in order, doubles too.

    The text must be valid JSON there: the caller has decoded it.
    """
    found = _KEY.match(text, _skip_space(text, start) + 1)
    while found is not None:
        value_end = _end_of_value(text, found.end())
        yield _text_of(found[1]), Member(found.start(1), found.end(), value_end)
        comma = _COMMA.match(text, value_end)
        found = _KEY.match(text, comma.end()) if comma is not None else None


def members_as_written(text: bytes, values: Mapping[str, Raw]) -> dict[str, Member] | None:
    """Return where the members of the object that is the whole text stand, `values` being what it decodes to.

    A short cut for the ways in which nearly everybody writes: no spaces, or Python's `", "` and `": "`. None for any
    other, and where a member comes twice: `members_of` finds its way then.
    """
    found: dict[str, Member] = {}
    spaced = text.find(b'": ', 1, 256) > 0
    gap, colon = (2, b'": ') if spaced else (1, b'":')
    position = 1
    for key, raw in values.items():
        name = b'"' + key.encode() + colon
        if not text.startswith(name, position):
            return None
        start = position + len(name)
        end = start + len(memoryview(raw))
        found[key] = Member(position, start, end)
        position = end + gap
    whole = text[:1] == b"{" and text[position - gap :].rstrip() == b"}"
    return found if whole else None


def check_depth(text: bytes, limit: int = MAX_DEPTH) -> None:
    """Raise TooDeep if the JSON is nested deeper than this."""
    if not (_has_more(text, b"{", limit // 2) or _has_more(text, b"[", limit // 2)):
        return
    depth = 0
    for token in _TOKEN.finditer(text):
        first = text[token.start()]
        if first == 0x22:
            continue
        depth += 1 if first in _OPENING else -1
        if depth > limit:
            raise TooDeep("nested too deeply")


def check_depth_of_members(text: bytes, members: Iterable[Member]) -> None:
    """Do the same for an object, all of whose members these are: most of its values hold too little to be deep."""
    if not (_has_more(text, b"{", MAX_DEPTH // 2) or _has_more(text, b"[", MAX_DEPTH // 2)):
        return
    for member in members:
        value = text[member.value_start : member.value_end]
        if value.startswith(b"["):
            for item in _ITEMS.decode(value):
                check_depth(bytes(item), MAX_DEPTH - 2)
        else:
            check_depth(value, MAX_DEPTH - 1)


def has_more_objects(text: bytes, limit: int) -> bool:
    """Say whether valid JSON holds more objects than this; braces within its texts are none.

    Up to half a second for 30 MiB of nothing but `"{",`; for any text as people write it 5 ms a MiB, and for less than
    `limit` braces a millisecond.
    """
    return text.count(b"{") > limit and _so_many_objects(limit + 1).match(text) is not None


@lru_cache(maxsize=4)
def _so_many_objects(times: int) -> re.Pattern[bytes]:
    return re.compile(rb"(?:%s){%d}+" % (_OBJECT, times), re.DOTALL)


def _has_more(text: bytes, sign: bytes, times: int) -> bool:
    """Say whether a byte comes more often; in a megabyte of prose this is a twentieth of what counting costs."""
    position = -1
    for _ in range(times + 1):
        position = text.find(sign, position + 1)
        if position < 0:
            return False
    return True


def splice(text: bytes, edits: Iterable[tuple[int, int, bytes]]) -> bytes:
    """Return the text with each `(start, end, replacement)` in place; the edits do not overlap."""
    view = memoryview(text)
    parts: list[bytes | memoryview] = []
    position = 0
    for start, end, replacement in sorted(edits):
        parts += (view[position:start], replacement)
        position = end
    parts.append(view[position:])
    return b"".join(parts)


def removal_of(text: bytes, member: Member) -> tuple[int, int, bytes]:
    """Return the edit that takes a member out together with one comma; another member must stay."""
    following = _skip_space(text, member.value_end)
    if text[following : following + 1] == b",":
        return member.start, following + 1, b""
    return text.rindex(b",", 0, member.start), member.value_end, b""


def _end_of_value(text: bytes, position: int) -> int:
    first = text[position]
    if first not in _OPENING:
        found = (_QUOTED if first == 0x22 else _SCALAR).match(text, position)
        return found.end() if found else len(text)
    depth = 0
    for token in _TOKEN.finditer(text, position):
        first = text[token.start()]
        if first == 0x22:
            continue
        depth += 1 if first in _OPENING else -1
        if depth == 0:
            return token.end()
    return len(text)


def _skip_space(text: bytes, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _text_of(quoted: bytes) -> str:
    if b"\\" not in quoted:
        return quoted[1:-1].decode()
    try:
        return msgspec.json.decode(quoted, type=str)
    except msgspec.DecodeError:  # half of a surrogate pair: legal JSON, and no name that anybody looks for
        return quoted.decode()
