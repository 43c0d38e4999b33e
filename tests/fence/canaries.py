"""Canaries: keys and a prompt that must turn up nowhere, and a search that knows them in every usual disguise."""

import base64
import json
import secrets
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus

PARTIAL = 12
"""So many characters in a row of a canary, in any of its forms, are a hit: what masks a key may show a few."""


def make_canary(name: str) -> str:
    """Return a text of 40 random digits and some signs that URLs, JSON and base64 write otherwise."""
    drawn = secrets.token_hex(20)
    return f"{name.replace(' ', '-')}+{drawn[:20]}/{drawn[20:]}="


class Search:
    """Finds canaries by name in bytes, whole or in part: as they are, quoted, escaped, in hex or in base64."""

    def __init__(self, canaries: Mapping[str, str]) -> None:
        self._parts = {name: sorted(_parts(canary)) for name, canary in canaries.items()}

    def hits(self, emitted: bytes) -> set[str]:
        """Return the names of the canaries that stand in what was emitted."""
        return {name for name, parts in self._parts.items() if any(part in emitted for part in parts)}

    def places(self, emitted: Mapping[str, bytes]) -> dict[str, set[str]]:
        """Return, by place, the canaries that stand there; places without any are left out."""
        found = {place: self.hits(content) for place, content in emitted.items()}
        return {place: names for place, names in found.items() if names}


def disguises(canary: str) -> dict[str, str]:
    """Return a canary in each form in which programs write what they were given."""
    raw = canary.encode()
    return {
        "plain": canary,
        "url": quote(canary, safe=""),
        "form": quote_plus(canary),
        "json": json.dumps(canary)[1:-1].replace("/", "\\/"),
        "hex": raw.hex(),
        "HEX": raw.hex().upper(),
        "reversed": canary[::-1],
        **{f"base64 at {shift}": _base64(raw, shift) for shift in range(3)},
        **{f"base64url at {shift}": _base64(raw, shift).translate({43: 45, 47: 95}) for shift in range(3)},
    }


def _base64(raw: bytes, shift: int) -> str:
    """Return what of the text's base64 is the same whatever stands around it, `shift` bytes after a boundary."""
    return base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")[4 if shift else 0 : -3]


def _parts(canary: str) -> Iterable[bytes]:
    for name, form in disguises(canary).items():
        # The same share of the canary: two signs of hex are one of its own, four of base64 are three.
        length = PARTIAL * 2 if name.lower() == "hex" else PARTIAL * 4 // 3 if "base64" in name else PARTIAL
        for start in range(len(form) - length + 1):
            yield form[start : start + length].encode()
