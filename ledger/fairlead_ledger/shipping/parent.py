"""A shipper that ends when the process that started it does, however that came about."""

import asyncio
import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""Source: linux/prctl.h."""

LOOK_SECONDS = 1.0


async def watch_parent(stopping: asyncio.Event) -> None:
    """Let this process end, as SIGTERM does, when its parent is gone. Linux tells; elsewhere we look every second."""
    parent = os.getppid()
    if sys.platform == "linux":
        # Not SIGKILL: what the workers left is still to be carried, and that takes a few seconds at most.
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # The parent may have died before we could ask to be told; no event tells of it elsewhere.
    while os.getppid() == parent and parent != 1:  # noqa: ASYNC110 (there is nothing else to wait for)
        await asyncio.sleep(LOOK_SECONDS)
    stopping.set()
