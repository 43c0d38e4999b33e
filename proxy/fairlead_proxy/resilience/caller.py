"""Watches whether the caller is still there, and ends whatever is under way once it has left."""

import asyncio
from types import TracebackType
from typing import Self

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.call import Sink
from fairlead_proxy.exchange.errors import ClientGone
from fairlead_proxy.resilience.watch import Watch

_GONE = "the caller closed its connection"


class CallerWatch:
    """A context around a call. `attend` names the watch over the attempt under way, if any."""

    __slots__ = ("_attempt", "_left", "_pause", "_sink")

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._left = False
        self._attempt: Watch | None = None
        self._pause: asyncio.Future[None] | None = None

    def __enter__(self) -> Self:
        self._sink.when_lost(self._lost)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sink.when_lost(None)

    def check(self) -> None:
        """Raise ClientGone if the caller has left."""
        if self._left:
            raise ClientGone(_GONE)

    def attend(self, attempt: Watch) -> None:
        """End this attempt when the caller leaves; until another one takes its place."""
        self._attempt = attempt

    async def wait(self, seconds: float) -> None:
        """Wait; raise ClientGone as soon as the caller leaves."""
        loop = asyncio.get_running_loop()
        self._pause = loop.create_future()
        timer = loop.call_later(seconds, self._go_on)
        try:
            await self._pause
        finally:
            timer.cancel()
            self._pause = None
        self.check()

    def _lost(self) -> None:
        self._left = True
        self._go_on()
        if self._attempt is not None:
            self._attempt.interrupt(FailureClass.CLIENT_GONE, _GONE)

    def _go_on(self) -> None:
        if self._pause is not None and not self._pause.done():
            self._pause.set_result(None)
