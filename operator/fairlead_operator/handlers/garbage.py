"""Spares the collector what has proved to stay: one look through ten thousand objects stops all for half a second."""

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

LONG_SECONDS = 0.05
ANEW_SECONDS = 3600.0
"""Defaults."""


class Freezer:
    """A callback of the collector: what has survived a collection that took long is not looked through again.

    What becomes garbage later is still freed at once, but for what refers to itself; so at the first full collection
    after an hour everything is looked through anew. Source: https://docs.python.org/3/library/gc.html#gc.freeze and
    #gc.callbacks there.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._began = monotonic()
        self._anew_at = self._began + ANEW_SECONDS

    def __call__(self, phase: str, info: Mapping[str, int]) -> None:
        if info["generation"] != 2:
            return
        now = self._monotonic()
        if phase == "start":
            self._began = now
            if now >= self._anew_at:
                self._anew_at = now + ANEW_SECONDS
                gc.unfreeze()
        elif now - self._began >= LONG_SECONDS:
            gc.freeze()


@contextmanager
def freezing(monotonic: Callable[[], float]) -> Iterator[None]:
    """Have the collector spare what stays until the end of the block."""
    freezer = Freezer(monotonic)
    gc.callbacks.append(freezer)
    try:
        yield
    finally:
        gc.callbacks.remove(freezer)
        gc.unfreeze()
