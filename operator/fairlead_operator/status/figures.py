"""Figures as a status shows them: rounded, and kept as they were until they differ by more than a tenth."""

import re
from math import floor, isfinite, log10

from fairlead_operator.resources.meta import duration_seconds
from fairlead_proxy.contract.price import NANO

KEPT_WITHIN = 0.1
MOST_COUNT = 92 * 10**17
"""The greatest count of two digits that a status holds: the API server keeps whole numbers in 64 bits."""

MOST_NANO = 99 * 10**25
"""The greatest amount of two digits whose text `nano_of` reads again."""

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
    """Return a count with two significant digits, at most MOST_COUNT, or what is shown already if near enough."""
    return _steady(min(count, MOST_COUNT), count_of(shown), MOST_COUNT)


def steady_amount(nano: int, shown: object) -> str:
    """Return nano-units of a currency as a decimal with two significant digits, at most MOST_NANO, or what is shown
    already if that is near enough.
    """
    whole, part = divmod(_steady(min(nano, MOST_NANO), nano_of(shown), MOST_NANO), NANO)
    return f"{whole}.{part:09}".rstrip("0").rstrip(".")


def count_of(shown: object) -> int | None:
    """Return a count as it is shown; None for what is none."""
    return shown if isinstance(shown, int) and shown >= 0 else None


def nano_of(shown: object) -> int | None:
    """Return a decimal amount as it is shown, in nano-units; None for what is none."""
    found = _AMOUNT.fullmatch(shown) if isinstance(shown, str) else None
    return None if found is None else int(found[1]) * NANO + int((found[2] or "").ljust(9, "0"))


def _steady(count: int, before: int | None, most: int) -> int:
    """Return a whole number with two significant digits, or the one before it where that is near enough."""
    # A tenth in whole numbers: what was shown may be more than a float holds.
    near = before is not None and before <= most and 10 * abs(count - before) <= before
    return before if before is not None and near else _two_digits_of(count)


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
        number = None if text is None else float(text)
    except ValueError:
        return None
    return number if number is not None and isfinite(number) else None


def _duration(text: str | None) -> float | None:
    try:
        return None if text is None else float(duration_seconds(text))
    except (ValueError, OverflowError):
        return None
