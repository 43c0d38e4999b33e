"""One breaker: closed, open until an instant, then half open for one call at a time."""

from random import Random

from fairlead_proxy.contract.config import PassiveHealth
from fairlead_proxy.contract.names import EJECTING_CLASSES, TIMEOUT_CLASSES, BreakerState, FailureClass
from fairlead_proxy.exchange.window import Window

MAX_RETRY_AFTER_SECONDS = 3600.0
"""Longer words of a provider are not taken at face value (design, section 11)."""

JITTER = 0.2

SAME_SECONDS = 1.0
"""Cooldowns told by another proxy that end this close together are one: its clock is known no better."""

_SUCCESSES, _FAILURES = 0, 1


class CellBreaker:
    """The breaker of one cell. All instants are Unix seconds; the rules are those of design, sections 5.3 and 11.

    What began before the breaker opened is not evidence of what came after: such failures neither prolong nor reopen,
    unless the provider names a time with them. Before a time that the provider named, nothing is let through.
    """

    __slots__ = (
        "_held_until",
        "_last_opened_at",
        "_learnt_until",
        "_lifted_at",
        "_openings",
        "_passive",
        "_run",
        "_trial_began",
        "_until",
        "_window",
        "opened_at",
        "reason",
    )

    def __init__(self, passive: PassiveHealth) -> None:
        self._passive = passive
        self.opened_at: float | None = None
        self.reason: FailureClass | None = None
        self._until = 0.0
        self._held_until = 0.0
        self._learnt_until = 0.0
        self._lifted_at = 0.0
        self._last_opened_at = float("-inf")
        self._openings = 0
        self._run = 0
        self._trial_began: float | None = None
        self._window = Window(passive.window_seconds, 2)

    def use(self, passive: PassiveHealth) -> None:
        """Take over changed settings; the state stays."""
        if passive.window_seconds != self._passive.window_seconds:
            self._window = Window(passive.window_seconds, 2)
        self._passive = passive

    def state(self, now: float) -> BreakerState:
        if self.opened_at is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self._until else BreakerState.HALF_OPEN

    @property
    def until(self) -> float | None:
        """Return when it is, or was, half open; None while closed."""
        return None if self.opened_at is None else self._until

    @property
    def on_trial(self) -> bool:
        """Say whether the one call that it lets through half open is under way."""
        return self._trial_began is not None

    def held(self, now: float) -> bool:
        """Say whether the provider itself named a time that has not come yet."""
        return self.opened_at is not None and now < self._held_until

    def admits(self, now: float) -> bool:
        """Say whether a call would be let through; takes nothing."""
        return self.opened_at is None or (now >= self._until and self._trial_began is None)

    def acquire(self, now: float) -> bool:
        """Let a call through, or not; half open it takes the one place, which its end gives back."""
        if not self.admits(now):
            return False
        if self.opened_at is not None:
            self._trial_began = now
        return True

    def acquire_early(self, now: float) -> bool:
        """Let a probe through that is a real call, or not; it takes the one place, which its end gives back.

        It need not wait for the end of a cooldown, but for a time that the provider named.
        """
        if self.opened_at is None:
            return True
        if self._trial_began is not None or now < self._held_until:
            return False
        self._trial_began = now
        return True

    def commit(self, began: float, now: float) -> None:
        """A call that began then has brought real content: half open, that closes, but the next failure reopens."""
        if self._is_trial(began) and not self.held(now):
            self._close()
            self._run = self._passive.consecutive - 1

    def succeed(self, began: float, now: float) -> None:
        """A call that began then was answered whole."""
        if self.opened_at is None:
            if began >= self._last_opened_at:
                self._openings = 0
                self._run = 0
            self._window.add(_SUCCESSES, now)
        elif self.held(now):
            self.release(began)
        elif self._is_trial(began):
            self._close()
            self._openings = 0
        elif self.reason in TIMEOUT_CLASSES:
            self._lift(now)  # it was slow, and not dead: one more call may show it

    def fail(self, failure: FailureClass, retry_after: float | None, began: float, now: float, rng: Random) -> bool:
        """A call that began then failed in a way that blames the provider; return whether that opened the breaker."""
        if self.opened_at is not None and not self._is_trial(began):
            if retry_after:
                self._hold(now + min(retry_after, MAX_RETRY_AFTER_SECONDS))
            return False
        if began < self._last_opened_at and not retry_after:
            return False
        self._window.add(_FAILURES, now)
        self._run += 1
        if self.opened_at is None and not retry_after and not self._has_seen_enough(failure, now):
            return False
        self._open(failure, retry_after, now, rng)
        return True

    def release(self, began: float) -> None:
        """A call that began then ended without saying anything about the provider."""
        if self._is_trial(began):
            self._trial_began = None

    def learn(self, until: float, reason: FailureClass, *, retry_after: bool, now: float) -> None:
        """Take over a cooldown learnt elsewhere, or its end (`until` is past); each counts once, however often told."""
        if until <= now:
            if until > self._lifted_at and self.opened_at is not None and self.opened_at <= until:
                self._lift(now)
            self._lifted_at = max(self._lifted_at, until)
            return
        if until <= self._learnt_until + SAME_SECONDS:
            return
        self._learnt_until = until
        if self.opened_at is None:
            self._mark_open(reason, now)
            self._until = until
        self._until = max(self._until, until)
        if retry_after:
            self._hold(until)

    def probed(self, now: float) -> None:
        """A cheap probe was answered: half open now, unless the provider named a time. It never closes."""
        if self.opened_at is not None:
            self._lift(now)

    def _is_trial(self, began: float) -> bool:
        return self._trial_began is not None and began >= self._trial_began

    def _has_seen_enough(self, failure: FailureClass, now: float) -> bool:
        if failure in EJECTING_CLASSES or self._run >= self._passive.consecutive:
            return True
        totals = self._window.totals(now)
        seen = totals[_SUCCESSES] + totals[_FAILURES]
        return seen >= self._passive.min_requests and totals[_FAILURES] >= self._passive.error_rate * seen

    def _open(self, failure: FailureClass, retry_after: float | None, now: float, rng: Random) -> None:
        self._mark_open(failure, now)
        hinted = min(retry_after, MAX_RETRY_AFTER_SECONDS) if retry_after else 0.0
        if hinted and failure is FailureClass.RATE_LIMITED:
            self._until = now + hinted  # the provider knows its own window: no back-off of ours on top
        else:
            cooldown = self._passive.base_cooldown_seconds * 2.0 ** min(self._openings, 30)
            cooldown = min(cooldown * (1.0 + rng.uniform(0.0, JITTER)), self._passive.max_cooldown_seconds)
            self._openings += 1
            self._until = now + cooldown
        if hinted:
            self._hold(now + hinted)

    def _mark_open(self, reason: FailureClass, now: float) -> None:
        self.opened_at = self._last_opened_at = now
        self.reason = reason
        self._trial_began = None

    def _hold(self, until: float) -> None:
        self._held_until = max(self._held_until, until)
        self._until = max(self._until, self._held_until)

    def _lift(self, now: float) -> None:
        self._until = min(self._until, max(now, self._held_until))

    def _close(self) -> None:
        self.opened_at = None
        self.reason = None
        self._trial_began = None
        self._run = 0
        self._window = Window(self._passive.window_seconds, 2)
