"""Gives free memory back to the system: after a peak the C library keeps it, as pieces between what is still in use."""

import asyncio
import ctypes
import os
from collections.abc import Callable
from pathlib import Path

LOOK_SECONDS = 15.0
GROWTH_BYTES = 4 * 1024 * 1024
"""How much more there must be than after the last time: a process that has not grown has nothing worth looking for."""

_STATM = Path("/proc/self/statm")
_RESIDENT = 1
"""Which of its numbers is the resident set, in pages. Source: proc_pid_statm(5)."""


async def give_back_now_and_then() -> None:
    """Look every so often, for as long as this runs. Where the C library has no way to give back, it ends at once."""
    trim = trimmer()
    if trim is None:
        return
    held = resident_bytes()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if resident_bytes() > held + GROWTH_BYTES:
            await asyncio.to_thread(trim)  # a few milliseconds without the interpreter's lock
            held = resident_bytes()


def trimmer() -> Callable[[], object] | None:
    """Return what gives back; None where the C library is not glibc.

    Source: malloc_trim(3): it frees whole pages anywhere in the heap.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return None
    trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int

    def give_back() -> object:
        return trim(0)

    return give_back


def resident_bytes() -> int:
    """Return how much memory this process holds; 0 where the system does not say so."""
    try:
        return int(_STATM.read_text().split()[_RESIDENT]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
