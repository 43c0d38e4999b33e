"""A clock that reads like the wall's when the process starts, and that nobody sets afterwards."""

import time
from collections.abc import Callable
from functools import partial


def _since_boot() -> Callable[[], float]:
    """Return a clock of seconds that only go forward, a machine's sleep included where its clock can tell."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)  # Linux has it
    return time.monotonic if boot is None else partial(time.clock_gettime, boot)


def steady_clock(
    wall: Callable[[], float] = time.time, steady: Callable[[], float] | None = None
) -> Callable[[], float]:
    """Return a clock of Unix seconds that later steps of the wall's clock do not move.

    So no cooldown lasts an hour longer because a clock was set back. What is told of such instants carries our own
    present along (`ProxyReport.now`), by which a reader moves them to its own clock.
    """
    since = steady or _since_boot()
    began = wall() - since()
    return lambda: began + since()
