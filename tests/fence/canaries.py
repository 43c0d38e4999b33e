"""Canaries: keys and a prompt that must turn up nowhere, and a search that knows them in every usual disguise."""

import base64
import json
import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

PARTIAL = 12
"""So many characters in a row of a canary, in any of its forms, are a hit: what masks a key may show a few."""

_SAMPLE = 6
_STRIDE = PARTIAL - _SAMPLE + 1
"""A sample of what was emitted is looked up at every so many bytes: whatever is long enough for a hit holds one."""
_SAMPLES = struct.Struct(f"{_SAMPLE}s{_STRIDE - _SAMPLE}x")


def make_canary(name: str) -> str:
    """Return a text of 40 random digits and some signs that URLs, JSON and base64 write otherwise."""
    drawn = secrets.token_hex(20)
    return f"{name.replace(' ', '-')}+{drawn[:20]}/{drawn[20:]}="


@dataclass(frozen=True, slots=True)
class _Spot:
    """A place within one form of a canary; `length`: so many characters in a row of this form are a hit.

    `rank`: how plain the form is, 0 the plainest.
    """

    canary: str
    disguise: str
    rank: int
    form: bytes
    start: int
    length: int

    def stands(self, emitted: bytes, at: int) -> bool:
        """Return whether enough of the form stands around this place of what was emitted."""
        first, last = at, at + _SAMPLE
        before, after = self.start, self.start + _SAMPLE
        while first and before and emitted[first - 1] == self.form[before - 1]:
            first, before = first - 1, before - 1
        while last < len(emitted) and after < len(self.form) and emitted[last] == self.form[after]:
            last, after = last + 1, after + 1
        return last - first >= self.length


class Search:
    """Finds canaries by name in bytes, whole or in part: as they are, quoted, escaped, in hex or in base64."""

    def __init__(self, canaries: Mapping[str, str]) -> None:
        self._spots: dict[bytes, list[_Spot]] = {}
        for name, canary in canaries.items():
            for rank, (disguise, form) in enumerate(disguises(canary).items()):
                self._learn(name, disguise, rank, form.encode())

    def findings(self, emitted: bytes) -> dict[str, str]:
        """Return, by the name of each canary that stands in what was emitted, the plainest disguise in which it does.

        It takes some 15 ns a byte, however many canaries there are.
        """
        padded = emitted + bytes(-len(emitted) % _STRIDE)
        known = self._spots
        near = [(number, sample) for number, (sample,) in enumerate(_SAMPLES.iter_unpack(padded)) if sample in known]
        found: dict[str, _Spot] = {}
        for number, sample in near:
            for spot in known[sample]:
                best = found.get(spot.canary)
                if (best is None or spot.rank < best.rank) and spot.stands(emitted, number * _STRIDE):
                    found[spot.canary] = spot
        return {name: spot.disguise for name, spot in found.items()}

    def hits(self, emitted: bytes) -> set[str]:
        """Return the names of the canaries that stand in what was emitted."""
        return set(self.findings(emitted))

    def places(self, emitted: Mapping[str, bytes]) -> dict[str, set[str]]:
        """Return, by place, the canaries that stand there; places without any are left out."""
        found = {place: self.hits(content) for place, content in emitted.items()}
        return {place: names for place, names in found.items() if names}

    def _learn(self, name: str, disguise: str, rank: int, form: bytes) -> None:
        length = least_of(disguise)
        for start in range(len(form) - _SAMPLE + 1):
            spot = _Spot(name, disguise, rank, form, start, length)
            self._spots.setdefault(form[start : start + _SAMPLE], []).append(spot)


def disguises(canary: str) -> dict[str, str]:
    """Return a canary in each form in which programs write what they were given, the plainest first."""
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


def least_of(disguise: str) -> int:
    """Return how many characters in a row of this form are a hit: the same share of the canary in each.

    Two signs of hex are one of its own, four of base64 are three.
    """
    return PARTIAL * 2 if disguise.lower() == "hex" else PARTIAL * 4 // 3 if "base64" in disguise else PARTIAL


def _base64(raw: bytes, shift: int) -> str:
    """Return what of the text's base64 is the same whatever stands around it, `shift` bytes after a boundary."""
    return base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")[4 if shift else 0 : -3]
