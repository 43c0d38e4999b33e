"""Watches whether the caller is still there, and ends whatever is under way once it has left."""

import asyncio
from types import TracebackType
from typing import Self

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.call import Sink
from fairlead_proxy.exchange.errors import ClientGone
from fairlead_proxy.resilience.watch import Watch


class CallerWatch:
    """An async context around a call. `attempt` is the watch over the attempt under way, if any."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._gone: asyncio.Task[None] | None = None
        self._attempt: Watch | None = None

    async def __aenter__(self) -> Self:
        self._gone = asyncio.create_task(self._sink.gone())
        self._gone.add_done_callback(self._left)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._gone is not None:
            self._gone.cancel()
            await asyncio.wait([self._gone])

    def check(self) -> None:
        """Raise ClientGone if the caller has left."""
        if self._gone is not None and self._gone.done():
            raise ClientGone("the caller closed its connection")

    def attend(self, attempt: Watch) -> None:
        """End this attempt when the caller leaves; until another one takes its place."""
        self._attempt = attempt

    async def wait(self, seconds: float) -> None:
        """Wait; raise ClientGone as soon as the caller leaves."""
        if self._gone is not None:
            await asyncio.wait([self._gone], timeout=seconds)
        self.check()

    def _left(self, gone: asyncio.Task[None]) -> None:
        if gone.cancelled() or gone.exception() is not None:
            return
        if self._attempt is not None:
            self._attempt.interrupt(FailureClass.CLIENT_GONE, "the caller closed its connection")
