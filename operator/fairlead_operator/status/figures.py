"""Figures as a status shows them: rounded, and kept as they were until they differ by more than a tenth."""

import re
from math import floor, log10

from fairlead_operator.resources.meta import duration_seconds
from fairlead_proxy.contract.price import NANO

KEPT_WITHIN = 0.1
_AMOUNT = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,9}))?")


def steady_rate(rate: float | None, shown: str | None) -> str | None:
    """Return a share of 1 with two digits, or what is shown already if that is near enough."""
    if rate is None:
        return None
    before = _number(shown)
    return shown if shown is not None and _is_near(rate, before) else f"{floor(rate * 100) / 100:.2f}"


def steady_seconds(seconds: float | None, shown: str | None) -> str | None:
    """Return seconds as milliseconds with two significant digits, or what is shown already if that is near enough."""
    if seconds is None:
        return None
    before = _duration(shown)
    return shown if shown is not None and _is_near(seconds, before) else f"{_two_digits(seconds * 1000)}ms"


def steady_count(count: int, shown: object) -> int:
    """Return a count with two significant digits, or what is shown already if that is near enough."""
    before = count_of(shown)
    return before if before is not None and _is_near(count, before) else _two_digits_of(count)


def steady_amount(nano: int, shown: object) -> str:
    """Return nano-units of a currency as a decimal with two significant digits, or what is shown if near enough."""
    before = nano_of(shown)
    whole, part = divmod(before if before is not None and _is_near(nano, before) else _two_digits_of(nano), NANO)
    return f"{whole}.{part:09}".rstrip("0").rstrip(".")


def count_of(shown: object) -> int | None:
    """Return a count as it is shown; None for what is none."""
    return shown if isinstance(shown, int) and shown >= 0 else None


def nano_of(shown: object) -> int | None:
    """Return a decimal amount as it is shown, in nano-units; None for what is none."""
    found = _AMOUNT.fullmatch(shown) if isinstance(shown, str) else None
    return None if found is None else int(found[1]) * NANO + int((found[2] or "").ljust(9, "0"))


def _two_digits_of(count: int) -> int:
    magnitude: int = 10 ** max(0, len(str(count)) - 2)
    return (count + magnitude // 2) // magnitude * magnitude


def _is_near(value: float, before: float | None) -> bool:
    return before is not None and abs(value - before) <= KEPT_WITHIN * before


def _two_digits(value: float) -> int:
    if value < 1:
        return 1
    magnitude = 10 ** max(0, floor(log10(value)) - 1)
    return int(round(value / magnitude) * magnitude)


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _duration(text: str | None) -> float | None:
    try:
        return None if text is None else duration_seconds(text)
    except ValueError:
        return None
