"""What a call may still try: the steps of its plan in order, within its attempts, its time and its rule's repeats."""

from collections.abc import Callable, Sequence
from random import Random

from fairlead_proxy.contract.config import Resilience
from fairlead_proxy.contract.linked import Step
from fairlead_proxy.contract.names import FailureClass, Mode, WhenBroken, WhenFiltered, WhenGone, WhenTooLong
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.resilience.breaker import Breakers
from fairlead_proxy.resilience.retry import Repeats


class Course:
    """The way of one call through its steps. `now` is in Unix seconds, `steady` and `total_at` on the loop's clock."""

    __slots__ = (
        "_breakers",
        "_fits",
        "_left",
        "_mode",
        "_pass_by",
        "_position",
        "_repeat",
        "_repeats",
        "_resilience",
        "_steps",
        "timeouts",
        "total_at",
    )

    def __init__(
        self,
        steps: Sequence[Step],
        mode: Mode,
        resilience: Resilience,
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
        self._resilience = resilience
        self._fits: Callable[[Step], bool] | None = None
        self._left = attempts
        self._breakers = breakers
        self._repeats = repeats
        self._position = self._repeat = 0
        self.timeouts = resilience.timeouts
        self.total_at = began + resilience.timeouts.total_seconds
        self._pass_by = pass_by

    def take(self, now: float, steady: float) -> Step | None:
        """Return the step to try now, whose breaker lets it through; None where nothing is left."""
        while self._position < len(self._steps) and self._left > 0 and steady < self.total_at:
            step = self._steps[self._position]
            if self._fits is not None and not self._fits(step):
                self._position += 1
                self._repeat = 0
                continue
            if self._breakers.try_acquire(step.cell(self._mode), now):
                self._left -= 1
                return step
            self._pass_by(str(step.target))
            self._position += 1
            self._repeat = 0
        return None

    def falls_back(self, failure: FailureClass) -> bool:
        """Say whether such a failure may be followed by another attempt; after one for length, at a larger target."""
        if failure is FailureClass.CONTEXT_LENGTH_EXCEEDED:
            if self._resilience.too_long is WhenTooLong.DENY:
                return False
            self.narrow(_larger_than(self._steps[self._position]))
            return True
        if failure is FailureClass.CONTENT_FILTERED:
            return self._resilience.filtered is WhenFiltered.FALLBACK
        return failure in self._resilience.fallback_when

    def goes_on(self, failure: FailureClass) -> bool:
        """Say whether another target may go on with a stream that broke after content."""
        return self._resilience.broken is WhenBroken.CONTINUE and failure in self._resilience.fallback_when

    @property
    def drains(self) -> bool:
        """Say whether an attempt whose caller leaves is heard out for a moment."""
        return self._resilience.gone is WhenGone.DRAIN

    def narrow(self, fits: Callable[[Step], bool]) -> None:
        """From here on try only such steps, and of those only what was let through before."""
        before = self._fits
        self._fits = fits if before is None else lambda step: fits(step) and before(step)

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
        later = [step for step in self._steps[self._position + 1 :] if self._fits is None or self._fits(step)]
        return any(self._breakers.admits(step.cell(self._mode), now) for step in later)

    def retry_at(self, now: float) -> float | None:
        """Return the soonest instant at which any of the steps may be tried again; None where all may be now."""
        return self._breakers.retry_at([step.cell(self._mode) for step in self._steps], now)


def _larger_than(step: Step) -> Callable[[Step], bool]:
    """Return what says of a step whether its model may hold more; who states no window may."""
    failed = step.model
    window = failed.context_window

    def fits(other: Step) -> bool:
        if other.model is failed:
            return False
        return window is None or other.model.context_window is None or other.model.context_window > window

    return fits
