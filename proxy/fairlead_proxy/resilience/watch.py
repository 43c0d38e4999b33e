"""Ends an attempt from outside: at a deadline, when its caller leaves, or when its provider has stopped answering."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.errors import ClientGone, UpstreamFailure
from fairlead_proxy.resilience.breaker import Breakers
from fairlead_proxy.resilience.deadline import Deadlines
from fairlead_proxy.resilience.overdue import Waiting


class Watch:
    """An async context around one attempt: what runs in it is cancelled and raises UpstreamFailure or ClientGone.

    It tells the breakers of the first byte, of the commit point, and when the attempt is overdue. One timer per
    attempt, which is set again only when it goes off: a chunk costs an assignment. `clock`: Unix seconds.
    """

    def __init__(self, deadlines: Deadlines, breakers: Breakers, waiting: Waiting, clock: Callable[[], float]) -> None:
        self._loop = asyncio.get_running_loop()
        self._deadlines = deadlines
        self._breakers = breakers
        self._waiting = waiting
        self._clock = clock
        after = waiting.overdue_after
        self._overdue_at = None if after is None else self._loop.time() + after
        self._heard_before = False
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[object] | None = None
        self._cancels_before = 0
        self._verdict: tuple[FailureClass, str] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.current_task()
        if self._task is not None:
            self._cancels_before = self._task.cancelling()
        self._arm()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        self._breakers.heard(self._waiting)
        if self._timer is not None:
            self._timer.cancel()
        if self._verdict is None or task is None:
            return
        if task.uncancel() > self._cancels_before or kind is not asyncio.CancelledError:
            return  # somebody else cancelled the call too, or the attempt ended by itself at the same moment
        failure, detail = self._verdict
        if failure is FailureClass.CLIENT_GONE:
            raise ClientGone(detail) from error
        raise UpstreamFailure(failure, detail) from error

    def now(self) -> float:
        """Return the present on the clock of the deadlines."""
        return self._loop.time()

    def heard(self) -> None:
        """A byte of the answer's body came."""
        if not self._heard_before:
            self._heard_before = True
            self._overdue_at = None
            self._breakers.heard(self._waiting)
        self._deadlines.heard(self._loop.time())

    def commit(self) -> None:
        """Real content came: from now on other deadlines hold."""
        self._breakers.committed(self._waiting.cell, self._waiting.started_at, self._clock())
        self._deadlines.commit(self._loop.time())
        self._arm()

    def pause(self) -> None:
        """The caller is being written to: the provider is not being waited for."""
        self._deadlines.pause()

    def resume(self) -> None:
        self._deadlines.resume(self._loop.time())

    def done(self) -> None:
        """The caller has its whole answer: nothing can go wrong any more."""
        self._task = None
        if self._timer is not None:
            self._timer.cancel()

    def interrupt(self, failure: FailureClass, detail: str) -> None:
        """End the attempt now, as this class; without effect once it has ended. Not to be called from within it."""
        if self._task is None or self._verdict is not None:
            return
        self._verdict = (failure, detail)
        self._task.cancel()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        at = self._deadlines.look_again_at(self._loop.time())
        if self._overdue_at is not None:
            at = min(at, self._overdue_at)
        self._timer = self._loop.call_at(at, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        at, failure = self._deadlines.due()
        if at <= now:
            self.interrupt(failure, "at its deadline")
            return
        if self._overdue_at is not None and self._overdue_at <= now:
            self._overdue_at = None
            self._breakers.overdue(self._waiting, self._clock())
        if self._verdict is None:
            self._arm()
