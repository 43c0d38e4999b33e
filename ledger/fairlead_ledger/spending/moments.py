"""When a question begins and ends, as people write it."""

import re
from datetime import UTC, datetime

_AGO = re.compile(r"([0-9]+)(s|m|h|d)")
_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
MOST_AGO_MS = 100 * 366 * _MS["d"]


class MomentUnknown(Exception):
    """What was written is no moment; the message names the option, the value and the forms there are."""


def moment_of(option: str, text: str, now_ms: int) -> int:
    """Return `text` in Unix milliseconds: so long before now, or an ISO 8601 moment (without a zone: UTC); empty: now.

    Raises MomentUnknown.
    """
    if not text:
        return now_ms
    parts = _AGO.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        ago = sum(int(number) * _MS[unit] for number, unit in parts)
        return now_ms - min(ago, MOST_AGO_MS)
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return int(aware.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise MomentUnknown(
            f"{option} {text}: is no moment; write how long ago, like 24h or 7d, or 2026-11-27T06:00:00Z"
        ) from None
