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
from fairlead_proxy.resilience.wheel import Wheel

_NEVER = float("inf")


class Watch:
    """A context around one attempt: what runs in it is cancelled and raises UpstreamFailure or ClientGone.

    It tells the breakers of the first byte, of the commit point, and when the attempt is overdue. It stands on the
    wheel, and is looked at only when something may be due: a chunk costs an assignment. `clock`: Unix seconds.
    """

    __slots__ = (
        "_breakers",
        "_cancels_before",
        "_clock",
        "_deadlines",
        "_heard_before",
        "_loop",
        "_overdue_at",
        "_task",
        "_verdict",
        "_waiting",
        "_wheel",
        "look_at",
    )

    def __init__(
        self,
        deadlines: Deadlines,
        breakers: Breakers,
        waiting: Waiting,
        clock: Callable[[], float],
        wheel: Wheel,
        now: float,
    ) -> None:
        """`now` is on the loop's clock."""
        self._loop = asyncio.get_running_loop()
        self._deadlines = deadlines
        self._breakers = breakers
        self._waiting = waiting
        self._clock = clock
        self._wheel = wheel
        after = waiting.overdue_after
        self._overdue_at = _NEVER if after is None else now + after
        self._heard_before = False
        self._task: asyncio.Task[object] | None = None
        self._cancels_before = 0
        self._verdict: tuple[FailureClass, str] | None = None
        self.look_at = min(deadlines.due()[0], self._overdue_at)

    def __enter__(self) -> Self:
        task = self._task = asyncio.current_task()
        if task is not None:
            self._cancels_before = task.cancelling()
        self._wheel.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        self._wheel.discard(self)
        if not self._heard_before:
            self._breakers.heard(self._waiting)
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
            self._overdue_at = _NEVER
            self._breakers.heard(self._waiting)
        self._deadlines.heard_at = self._loop.time()

    def commit(self) -> None:
        """Real content came: from now on other deadlines hold."""
        now = self._loop.time()
        self._breakers.committed(self._waiting.cell, self._waiting.started_at, self._clock())
        self._deadlines.commit(now)
        self._look_again(now)

    def pause(self) -> None:
        """The caller does not take what comes: the provider is not being waited for."""
        self._deadlines.pause()

    def resume(self) -> None:
        self._deadlines.resume(self._loop.time())

    def done(self) -> None:
        """The caller has its whole answer: nothing can go wrong any more."""
        self._task = None
        self._wheel.discard(self)

    def interrupt(self, failure: FailureClass, detail: str) -> None:
        """End the attempt now, as this class; without effect once it has ended. Not to be called from within it."""
        if self._task is None or self._verdict is not None:
            return
        self._verdict = (failure, detail)
        self._wheel.discard(self)
        self._task.cancel()

    def look(self, now: float) -> None:
        at, failure = self._deadlines.due()
        if at <= now:
            self.interrupt(failure, "at its deadline")
            return
        if self._overdue_at <= now:
            self._overdue_at = _NEVER
            self._breakers.overdue(self._waiting, self._clock())
        if self._verdict is None:
            self._look_again(now)

    def _look_again(self, now: float) -> None:
        self.look_at = min(self._deadlines.look_again_at(now), self._overdue_at)
        self._wheel.add(self)
