"""Figures as a status shows them: rounded, and kept as they were until they differ by more than a tenth."""

from math import floor, log10

from fairlead_operator.resources.meta import duration_seconds

KEPT_WITHIN = 0.1


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
