"""The rest of a body that nobody needs: read on for a moment and thrown away, so that its connection serves again."""

import asyncio
from collections.abc import Callable

TAIL_SECONDS = 0.25
TAIL_BYTES = 64 * 1024
"""How long, and how far, it is read on. Defaults."""


class Tail:
    """Calls `give_up` once the end does not come soon enough, unless it has been told of it."""

    __slots__ = ("_give_up", "_seen", "_timer")

    def __init__(self, give_up: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        self._give_up = give_up
        self._seen = 0
        self._timer = loop.call_later(TAIL_SECONDS, give_up)

    def take(self, piece: bytes) -> None:
        self._seen += len(piece)
        if self._seen > TAIL_BYTES:
            self._give_up()

    def end(self) -> None:
        self._timer.cancel()
