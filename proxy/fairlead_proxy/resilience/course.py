"""What a call may still try: the steps of its plan in order, within its attempts, its time and its rule's repeats."""

from collections.abc import Callable, Sequence
from random import Random

from fairlead_proxy.contract.config import Timeouts
from fairlead_proxy.contract.linked import Step
from fairlead_proxy.contract.names import FailureClass, Mode
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.resilience.breaker import Breakers
from fairlead_proxy.resilience.retry import Repeats


class Course:
    """The way of one call through its steps. `now` is in Unix seconds, `steady` and `total_at` on the loop's clock."""

    __slots__ = (
        "_breakers",
        "_fallback_when",
        "_left",
        "_mode",
        "_pass_by",
        "_position",
        "_repeat",
        "_repeats",
        "_steps",
        "timeouts",
        "total_at",
    )

    def __init__(
        self,
        steps: Sequence[Step],
        mode: Mode,
        timeouts: Timeouts,
        fallback_when: frozenset[FailureClass],
        *,
        attempts: int,
        began: float,
        breakers: Breakers,
        repeats: Repeats | None,
        pass_by: Callable[[str], None],
    ) -> None:
        """`attempts`: how many it may make in all. `began`: on the loop's clock.

        `pass_by` is told of each target that was planned, but whose breaker had opened when its turn came.
        """
        self._steps = steps
        self._mode = mode
        self._fallback_when = fallback_when
        self._left = attempts
        self._breakers = breakers
        self._repeats = repeats
        self._position = self._repeat = 0
        self.timeouts = timeouts
        self.total_at = began + timeouts.total_seconds
        self._pass_by = pass_by

    def take(self, now: float, steady: float) -> Step | None:
        """Return the step to try now, whose breaker lets it through; None where nothing is left."""
        while self._position < len(self._steps) and self._left > 0 and steady < self.total_at:
            step = self._steps[self._position]
            if self._breakers.try_acquire(step.cell(self._mode), now):
                self._left -= 1
                return step
            self._pass_by(str(step.target))
            self._position += 1
        return None

    def falls_back(self, failure: FailureClass) -> bool:
        """Say whether such a failure may be followed by another attempt."""
        return failure in self._fallback_when

    def repeat_delay(self, failure: UpstreamFailure, steady: float, rng: Random) -> float | None:
        """Go on after a failure: return how long to wait before the same step is tried again, None: the next one is."""
        if self._repeats is not None and self._left > 0 and steady < self.total_at:
            delay = self._repeats.delay(failure, self._repeat, steady, rng)
            if delay is not None:
                self._repeat += 1
                return delay
        self._position += 1
        self._repeat = 0
        return None

    def may_move_on(self, failure: FailureClass, now: float, steady: float) -> bool:
        """Say whether an attempt that is ended as this class makes room for a later step that may answer."""
        if not self.falls_back(failure) or self._left <= 0 or steady >= self.total_at:
            return False
        later = self._steps[self._position + 1 :]
        return any(self._breakers.admits(step.cell(self._mode), now) for step in later)

    def retry_at(self, now: float) -> float | None:
        """Return the soonest instant at which any of the steps may be tried again; None where all may be now."""
        return self._breakers.retry_at([step.cell(self._mode) for step in self._steps], now)
