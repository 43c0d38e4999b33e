"""Legal JSON in every shape that its grammar allows, for the laws of reading and rewriting."""

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

Pairs = list[tuple[str, Any]]

READ_NAMES = frozenset(
    (
        *("model", "messages", "stream", "stream_options", "tools", "functions", "response_format", "reasoning"),
        *("reasoning_effort", "modalities", "audio", "max_completion_tokens", "max_tokens"),
    )
)

spaces = st.text(" \t\r\n", max_size=3)
scalars = st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def strings(draw: st.DrawFn, text: str | None = None) -> str:
    """A JSON string of some text, each character plain or escaped as the grammar allows."""
    text = draw(st.text(max_size=12)) if text is None else text
    parts: list[str] = []
    for character in text:
        plain = json.dumps(character, ensure_ascii=False)[1:-1]
        escaped = "".join(f"\\u{unit:04x}" for unit in _utf16_units(character))
        parts.append(draw(st.sampled_from([plain, escaped])))
    return '"' + "".join(parts) + '"'


@st.composite
def objects(draw: st.DrawFn, members: list[tuple[str, str]]) -> str:
    """An object of rendered members, with space where the grammar allows it."""
    rendered = [
        f"{draw(spaces)}{draw(strings(key))}{draw(spaces)}:{draw(spaces)}{value}{draw(spaces)}"
        for key, value in members
    ]
    return "{" + (",".join(rendered) or draw(spaces)) + "}"


@st.composite
def values(draw: st.DrawFn, depth: int = 3) -> str:
    """Any value; objects may hold the same key twice, and the names that a rewrite looks for."""
    kind = draw(st.sampled_from(["scalar", "string"] + (["list", "object"] if depth else [])))
    if kind == "scalar":
        return json.dumps(draw(scalars))
    if kind == "string":
        return draw(strings())
    inner = draw(st.lists(values(depth - 1), max_size=3))
    if kind == "list":
        return "[" + draw(spaces) + f"{draw(spaces)},{draw(spaces)}".join(inner) + draw(spaces) + "]"
    keys = st.sampled_from(["model", "stream_options", "include_usage"]) | st.text(max_size=6)
    return draw(objects([(draw(keys), value) for value in inner]))


@dataclass(frozen=True)
class Request:
    """A request's text, in pieces around the value of its model."""

    before: str
    model: str
    after: str

    @property
    def body(self) -> bytes:
        return (self.before + self.model + self.after).encode()


@st.composite
def requests(draw: st.DrawFn, extra: tuple[tuple[str, str], ...] = ()) -> Request:
    """A chat request with unknown members around the known ones, in any order."""
    unknown = st.text(max_size=8).filter(lambda name: name not in READ_NAMES)
    members = [(draw(unknown), draw(values())) for _ in range(draw(st.integers(0, 4)))]
    members += [("messages", "[" + draw(values()) + "]"), *extra]
    marker = "\x00MODEL\x00"
    members = draw(st.permutations([*members, ("model", marker)]))
    before, after = (draw(spaces) + draw(objects(members)) + draw(spaces)).split(marker)
    return Request(before, draw(strings(draw(st.text(min_size=1, max_size=20)))), after)


def pairs_of(text: bytes) -> Pairs:
    """Read an object as its pairs, doubles and order kept."""
    pairs: Pairs = json.loads(text, object_pairs_hook=lambda found: found)
    return pairs


def _utf16_units(character: str) -> list[int]:
    data = character.encode("utf-16-be")
    return [int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2)]
