"""A child process that ends when its parent does, however that came about."""

import asyncio
import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""Source: linux/prctl.h."""

LOOK_SECONDS = 1.0


async def die_with_parent() -> None:
    """End this process at once when its parent is gone. Linux tells; elsewhere we look every second."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before we could ask to be told; no event tells of it elsewhere.
    while os.getppid() == parent and parent != 1:  # noqa: ASYNC110 (there is nothing else to wait for)
        await asyncio.sleep(LOOK_SECONDS)
    os._exit(1)
