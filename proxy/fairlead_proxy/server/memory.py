"""Gives free memory back to the system: after a peak the C library keeps it, as pieces between what is still in use."""

import asyncio
import ctypes
import os
from collections.abc import Callable
from pathlib import Path

LOOK_SECONDS = 15.0
WORTH_BYTES = 4 * 1024 * 1024
"""What must have come since the last time: looking through the heap for less is not worth it."""

_STATM = Path("/proc/self/statm")
_RESIDENT = 1
"""Which of its numbers is the resident set, in pages. Source: proc_pid_statm(5)."""


class Tide:
    """Tells when to give back. `resident`: what the process holds; `free`: what of its heap is not in use, in bytes.

    The process has grown, or something that was in use has become free: the latter matters after a peak, at whose
    height there was little to give back. Only what is free above the lowest mark counts, since what was given back is
    still listed as free until it is used again.
    """

    def __init__(self, resident: int, free: int) -> None:
        self._resident, self._lowest_free = resident, free

    def is_due(self, resident: int, free: int) -> bool:
        """Say whether it is worth it now."""
        self._lowest_free = min(self._lowest_free, free)
        return resident > self._resident + WORTH_BYTES or free > self._lowest_free + WORTH_BYTES

    def given_back(self, resident: int, free: int) -> None:
        """Begin anew: it has just been done, and this is what there is now."""
        self._resident, self._lowest_free = resident, free


async def give_back_now_and_then() -> None:
    """Look every so often, for as long as this runs. Where the C library has no way to give back, it ends at once."""
    trim, free_bytes = trimmer(), heap_gauge()
    if trim is None:
        return
    tide = Tide(resident_bytes(), free_bytes())
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if tide.is_due(resident_bytes(), free_bytes()):
            await asyncio.to_thread(trim)  # a few milliseconds without the interpreter's lock
            tide.given_back(resident_bytes(), free_bytes())


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


class _HeapFigures(ctypes.Structure):
    """`struct mallinfo2`. Source: mallinfo(3)."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
        )
    ]  # fmt: skip


def heap_gauge() -> Callable[[], int]:
    """Return what tells how many bytes of the main heap are in no use; it says 0 where glibc is older than 2.33."""
    try:
        figures = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError):
        return lambda: 0
    figures.argtypes, figures.restype = [], _HeapFigures

    def free_bytes() -> int:
        return int(figures().fordblks)

    return free_bytes


def resident_bytes() -> int:
    """Return how much memory this process holds; 0 where the system does not say so."""
    try:
        return int(_STATM.read_text().split()[_RESIDENT]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
