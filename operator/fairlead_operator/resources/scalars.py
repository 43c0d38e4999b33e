"""What a word in a YAML file means: the rules of kubectl (YAML 1.1 as go-yaml v2 has it, then JSON).

Compared with kubectl by the table in tests/cases/yaml.
"""

import base64
import binascii
import math
import re
from decimal import Decimal
from typing import Any

_BOOLEANS = {
    text: truth
    for truth, words in ((True, "y yes true on"), (False, "n no false off"))
    for word in words.split()
    for text in (word, word.capitalize(), word.upper())
}
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_NOT_FINITE = {f"{sign}.{word}" for sign in ("", "+", "-") for word in ("inf", "Inf", "INF")} | {".nan", ".NaN", ".NAN"}
_BASES = {"0x": 16, "0o": 8, "0b": 2}
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"([-+]?)(0[xX](?=.)|0[oO](?=.)|0[bB](?=.)|)([0-9a-fA-F]+)")
_TAG = "tag:yaml.org,2002:"


class ScalarError(Exception):
    """A word that has no meaning in JSON."""


def plain_value(text: str) -> Any:
    """Return what an unquoted word means: None, a bool, an int, a float or, for all else, the text itself.

    Timestamps and `1:30` stay text. A number without a fraction is an int, as JSON writes it.
    """
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text in _NOT_FINITE:
        raise ScalarError(f"{text} is not a number that JSON has; write it in quotes if it is a text")
    if text[0] not in "+-.0123456789":
        return text
    digits = text.replace("_", "")
    number: int | float | None = _integer(digits)
    if number is None and _FLOAT.fullmatch(digits) and math.isfinite(float(digits)):
        number = float(digits)
    return text if number is None else _as_json(number)


def tagged_value(tag: str, text: str) -> Any:
    """Return what a scalar with an explicit tag means; raise ScalarError where the two do not fit."""
    name = tag.removeprefix(_TAG)
    if name in ("str", "timestamp"):
        return text
    if name == "binary":
        return _binary(text)
    value = plain_value(text)
    kinds: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "bool": (bool,), "null": (type(None),)}
    if name not in kinds:
        raise ScalarError(f"the tag {tag} is not known here; remove it")
    if not isinstance(value, kinds[name]) or isinstance(value, bool) != (name == "bool"):
        raise ScalarError(f"{text!r} is not of the type {name} that its tag says")
    return value


def key_text(value: Any) -> str:
    """Return a key as JSON has it, a text: `90` is "90", `yes` is "true"; raise ScalarError where that is unclear."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    short = f"{value:g}" if isinstance(value, float) else ""
    if short and float(short) == value and "e" not in short:
        return short
    raise ScalarError(f"{value!r} cannot be a key; write it in quotes")


def _integer(digits: str) -> int | None:
    """Read an integer of 64 bits as Go does with base 0: `012` and `0o12` are octal, `089` is none."""
    match = _INTEGER.fullmatch(digits)
    if match is None:
        return None
    sign, prefix, rest = match.groups()
    base = _BASES.get(prefix.lower(), 8 if rest.startswith("0") else 10)
    try:
        number = int(sign + rest, base)
    except ValueError:
        return None
    return number if -(2**63) <= number < 2**64 else None


def _as_json(number: int | float) -> int | float:
    """Return a number as Go writes it in JSON: a float without a fraction, and below 1e21, has no point.

    An integer above 63 bits goes through a float on its way, so it has 17 digits that count.
    """
    if isinstance(number, int) and number < 2**63:
        return number
    written = Decimal(repr(float(number)))
    return int(written) if written == int(written) and abs(written) < 10**21 else float(number)


def _binary(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise ScalarError("!!binary takes text in base64") from None
