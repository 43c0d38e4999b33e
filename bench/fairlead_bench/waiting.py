"""Waiting for a figure to become what it should be, no longer than is reasonable."""

import time
from collections.abc import Callable

LOOK_SECONDS = 0.05


def settled(read: Callable[[], float], wanted: float, within_seconds: float = 10.0) -> float:
    """Return what is read once it is what is wanted; after so many seconds, return what was read last."""
    deadline = time.monotonic() + within_seconds
    while (seen := read()) != wanted and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    return seen
