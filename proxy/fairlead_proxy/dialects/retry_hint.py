"""When a provider says that a call may come again: Retry-After and the rate-limit headers, as seconds from now."""

import math
import re
from email.utils import parsedate_to_datetime

from fairlead_proxy.dialects.dialect import Headers

MAX_SECONDS = 3600.0
"""A hint is honoured up to one hour (design, section 11)."""

_SCOPES = ("requests", "tokens")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|h|m|s))+")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS_OF = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def read_retry_hint(headers: Headers, now: float) -> float | None:
    """Return the seconds to wait, in [0, MAX_SECONDS], or None where nothing readable says so.

    In this order: `retry-after-ms` (the openai SDK reads it first), `retry-after` in seconds or as a date (RFC 9110,
    section 10.2.3), then the longest `x-ratelimit-reset-*` of which `x-ratelimit-remaining-*` is 0
    (https://platform.openai.com/docs/guides/rate-limits, "Rate limits in headers"). `now`: Unix seconds.
    """
    by_name = dict(headers)
    milliseconds = _number(by_name.get("retry-after-ms", ""))
    if milliseconds is not None:
        return _bounded(milliseconds / 1000)
    after = by_name.get("retry-after", "")
    seconds = _number(after)
    if seconds is None:
        seconds = _seconds_until(after, now)
    if seconds is None:
        seconds = _longest_reset(by_name)
    return None if seconds is None else _bounded(seconds)


def read_duration(text: str) -> float | None:
    """Return the seconds of a duration such as `6m0s`, `1s`, `20ms` or a plain number; None for anything else."""
    text = text.strip()
    if _DURATION.fullmatch(text) is None:
        return _number(text)
    return sum(float(amount) * _SECONDS_OF[unit] for amount, unit in _DURATION_PART.findall(text))


def _longest_reset(by_name: dict[str, str]) -> float | None:
    resets = [
        read_duration(by_name.get(f"x-ratelimit-reset-{scope}", ""))
        for scope in _SCOPES
        if _number(by_name.get(f"x-ratelimit-remaining-{scope}", "")) == 0
    ]
    return max((reset for reset in resets if reset is not None), default=None)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _seconds_until(date: str, now: float) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() - now
    except (ValueError, OverflowError):
        return None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), MAX_SECONDS)
