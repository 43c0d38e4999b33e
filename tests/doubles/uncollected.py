"""Runs a test without the collector, so that whatever is free afterwards holds nothing that refers back to it."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Collect once, which also empties the interpreter's free lists, and then not again."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def alive(*types: type) -> list[str]:
    """Return the names of the types of those that exist, one for each of them."""
    return sorted(type(each).__name__ for each in gc.get_objects() if isinstance(each, types))
