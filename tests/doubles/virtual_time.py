"""An event loop whose clock jumps to the next timer as soon as nothing is left to do: hours pass in no time."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

EPOCH = 1_700_000_000.0
"""Unix seconds at which every virtual loop starts."""


class _JumpingSelector(selectors.SelectSelector):
    """Never waits: what would have been waited for is added to the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everything waits, and nothing will ever happen")
        if not ready and timeout is not None and timeout > 0:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop of its own time; only for code that opens no socket."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def run_virtual(main: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine in virtual time, which starts at 0."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def unix_now() -> float:
    """Return the present in Unix seconds, on the running loop's clock."""
    return EPOCH + asyncio.get_running_loop().time()
