"""Waiting for a condition with a deadline, instead of sleeping for long enough."""

import asyncio
import time
from collections.abc import Callable


async def eventually(condition: Callable[[], object], *, within_seconds: float = 10.0, what: str = "") -> None:
    """Return once the condition holds; fail the test where it does not in time."""
    deadline = time.monotonic() + within_seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_seconds} s: {what or condition}"
        await asyncio.sleep(0.01)
