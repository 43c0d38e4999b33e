"""Stands over one attempt: its four deadlines (total, per try, first token, idle), and whether it is overdue."""

from collections.abc import Callable
from typing import Final

from fairlead_proxy.contract.cell import Cell
from fairlead_proxy.contract.config import Timeouts
from fairlead_proxy.contract.names import FailureClass, Mode, Operation
from fairlead_proxy.resilience.breaker import Breakers
from fairlead_proxy.resilience.wheel import Wheel

_STREAM: Final = Mode.STREAM

Due = tuple[float, FailureClass]
"""When an attempt fails unless something happens first, and as what."""

Interrupt = Callable[[FailureClass, str], None]
"""Ends the attempt as this class, with a detail; called from the event loop."""

_NEVER = float("inf")


class Watch:
    """Interrupts an attempt when it takes too long, and tells the breakers of its first byte and of its commit point.

    `per_try` and `first_token` (streams only) end at the commit point; after it `idle` and `total` hold. Instants are
    on the loop's clock, but for `started_at`: Unix seconds. It stands on the wheel from `start` to `done`, and is
    looked at only when something may be due: a chunk costs the setting of `heard_at`.
    """

    __slots__ = (
        "_breakers",
        "_clock",
        "_committed",
        "_first_token_at",
        "_idle_seconds",
        "_interrupt",
        "_on_hopeless",
        "_overdue_at",
        "_paused",
        "_total_at",
        "_try_at",
        "_waits",
        "_wheel",
        "cell",
        "heard_at",
        "look_at",
        "operation",
        "overdue",
        "started_at",
    )

    def __init__(
        self,
        cell: Cell,
        operation: Operation,
        timeouts: Timeouts,
        total_at: float,
        *,
        breakers: Breakers,
        wheel: Wheel,
        unix: Callable[[], float],
        interrupt: Interrupt,
        on_hopeless: Callable[[], None],
    ) -> None:
        """`on_hopeless`: called when the target has stopped answering, as the breakers see it."""
        self.cell = cell
        self.operation = operation
        self.overdue = False
        self.started_at = self.heard_at = self.look_at = 0.0
        self._total_at = total_at
        self._try_at = timeouts.per_try_seconds
        self._first_token_at = timeouts.first_token_seconds if cell.mode is _STREAM else _NEVER
        self._idle_seconds = timeouts.idle_seconds
        self._overdue_at = _NEVER
        self._committed = self._paused = self._waits = False
        self._breakers = breakers
        self._wheel = wheel
        self._clock = unix
        self._interrupt: Interrupt | None = interrupt
        self._on_hopeless: Callable[[], None] | None = on_hopeless

    def start(self, now: float, started_at: float) -> None:
        """The attempt begins."""
        self.started_at = started_at
        self.heard_at = now
        self._try_at += now
        self._first_token_at += now
        self._waits = True
        after = self._breakers.begin(self)
        if after is not None:
            self._overdue_at = now + after
        self.look_at = min(self._try_at, self._first_token_at, self._total_at, self._overdue_at)
        self._wheel.add(self)

    def first_byte(self) -> None:
        """A byte of the answer's body came: it is not waited for any more."""
        self._overdue_at = _NEVER
        self._waits = False
        self._breakers.heard(self)

    def wait_again(self, now: float) -> None:
        """The request was sent once more: its first byte is waited for anew."""
        self._waits = True
        after = self._breakers.begin(self)
        self._overdue_at = _NEVER if after is None else now + after
        self._look_again(now)

    def commit(self, now: float) -> None:
        """Real content came: from now on other deadlines hold."""
        self._breakers.committed(self.cell, self.started_at, self._clock())
        self._committed = True
        self.heard_at = now
        self._look_again(now)

    def pause(self) -> None:
        """The caller does not take more at present: silence is not the provider's fault."""
        self._paused = True

    def resume(self, now: float) -> None:
        self._paused = False
        self.heard_at = now

    def done(self) -> None:
        """The attempt has ended: it is neither interrupted nor told anything any more. May be repeated."""
        self._interrupt = self._on_hopeless = None  # they hold the call
        self._wheel.discard(self)
        if self._waits:
            self._waits = False
            self._breakers.heard(self)

    def move_on(self) -> None:
        """See Waiting."""
        if self._on_hopeless is not None:
            self._on_hopeless()

    def due(self) -> Due:
        """Return when this attempt fails, and as what, unless something happens before."""
        if not self._committed:
            at, failure = self._try_at, FailureClass.TIMEOUT
            if self._first_token_at < at:
                at, failure = self._first_token_at, FailureClass.FIRST_TOKEN_TIMEOUT
        elif self._paused:
            at, failure = _NEVER, FailureClass.STREAM_STALLED
        else:
            at, failure = self.heard_at + self._idle_seconds, FailureClass.STREAM_STALLED
        if self._total_at < at:
            return self._total_at, FailureClass.CLIENT_GONE if self._paused else FailureClass.TIMEOUT
        return at, failure

    def look(self, now: float) -> None:
        at, failure = self.due()
        if at <= now:
            self._wheel.discard(self)
            if self._interrupt is not None:
                self._interrupt(failure, "at its deadline")
            return
        if self._overdue_at <= now:
            self._overdue_at = _NEVER
            self._breakers.overdue(self, self._clock())
        if self._interrupt is not None:
            self._look_again(now)

    def look_again_at(self, now: float) -> float:
        """Return the latest instant at which `due` must be asked again, though nothing was heard."""
        at = self.due()[0]
        return min(at, now + self._idle_seconds) if self._committed else at

    def _look_again(self, now: float) -> None:
        self.look_at = min(self.look_again_at(now), self._overdue_at)
        self._wheel.add(self)
