"""The four deadlines of an attempt: total, per try, first token, idle."""

from fairlead_proxy.contract.config import Timeouts
from fairlead_proxy.contract.names import FailureClass, Mode

Due = tuple[float, FailureClass]
"""When an attempt fails unless something happens first, and as what."""


class Deadlines:
    """What is due next in one attempt. Instants are seconds on one steady clock, `call_began` too.

    `per_try` and `first_token` (streams only) end at the commit point; after it `idle` and `total` hold. `heard_at` is
    when something came from the provider: set by whoever hears it, for each chunk.
    """

    __slots__ = ("_committed", "_first_token_at", "_idle_seconds", "_paused", "_total_at", "_try_at", "heard_at")

    def __init__(self, timeouts: Timeouts, mode: Mode, call_began: float, now: float) -> None:
        self._total_at = call_began + timeouts.total_seconds
        self._try_at = now + timeouts.per_try_seconds
        self._first_token_at = now + timeouts.first_token_seconds if mode is Mode.STREAM else float("inf")
        self._idle_seconds = timeouts.idle_seconds
        self.heard_at = now
        self._committed = False
        self._paused = False

    def commit(self, now: float) -> None:
        """The first content came."""
        self._committed = True
        self.heard_at = now

    def pause(self) -> None:
        """The caller does not take more at present: silence is not the provider's fault."""
        self._paused = True

    def resume(self, now: float) -> None:
        self._paused = False
        self.heard_at = now

    def due(self) -> Due:
        """Return when this attempt fails, and as what, unless something happens before."""
        if not self._committed:
            at, failure = self._try_at, FailureClass.TIMEOUT
            if self._first_token_at < at:
                at, failure = self._first_token_at, FailureClass.FIRST_TOKEN_TIMEOUT
        elif self._paused:
            at, failure = float("inf"), FailureClass.STREAM_STALLED
        else:
            at, failure = self.heard_at + self._idle_seconds, FailureClass.STREAM_STALLED
        if self._total_at < at:
            return self._total_at, FailureClass.CLIENT_GONE if self._paused else FailureClass.TIMEOUT
        return at, failure

    def look_again_at(self, now: float) -> float:
        """Return the latest instant at which `due` must be asked again, though nothing was heard."""
        return min(self.due()[0], now + self._idle_seconds) if self._committed else self.due()[0]
