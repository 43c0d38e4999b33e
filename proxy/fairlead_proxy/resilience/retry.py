"""How many attempts a call may make, how long it waits before a repeat, and how many repeats a rule may make at all."""

from random import Random

from fairlead_proxy.contract.config import Resilience, Retry, Route
from fairlead_proxy.contract.names import REPEATABLE_CLASSES
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.exchange.window import Window

SPAN_SECONDS = 10.0
FLOOR = 3
"""So many repeats in each span are free, or a quiet rule would never get one. A default."""

_CALLS, _REPEATS = 0, 1


def backoff_seconds(retry: Retry, repeat: int, rng: Random) -> float:
    """Return the delay before repeat number `repeat` (from 0), in [0, backoff_max]; full jitter.

    Source: AWS Architecture Blog, "Exponential Backoff And Jitter".
    """
    ceiling = min(retry.backoff_max_seconds, retry.backoff_base_seconds * 2.0 ** min(repeat, 30))
    return rng.uniform(0.0, ceiling)


class RetryBudget:
    """Bounds the repeats of each rule to a share of its calls over the last 10 s. Instants are on one steady clock."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str], Window] = {}

    def open_allowance(self, route: Route, max_attempts: int, now: float) -> "Allowance":
        """Return what a call that begins now may do; it has earned its share of a repeat."""
        key = (route.policy.id, route.rule.name)
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = Window(SPAN_SECONDS, 2)
        window.add(_CALLS, now)
        return Allowance(route.rule.resilience, max_attempts, window, now)

    def keep(self, policies: frozenset[str]) -> None:
        """Forget the rules of every other policy."""
        self._windows = {key: window for key, window in self._windows.items() if key[0] in policies}


class Allowance:
    """What one call may still do; `repeats` is the window of its rule."""

    def __init__(self, resilience: Resilience, max_attempts: int, repeats: Window, began: float) -> None:
        self._retry = resilience.retry
        self._max_attempts = max_attempts
        self._repeats = repeats
        self._total_at = began + resilience.timeouts.total_seconds
        self._made = 0

    def spend(self) -> None:
        """Count an attempt."""
        self._made += 1

    def allows(self, now: float) -> bool:
        """Say whether one more attempt may begin at `now`."""
        return self._made < self._max_attempts and now < self._total_at

    def repeat_delay(self, failure: UpstreamFailure, repeat: int, now: float, rng: Random) -> float | None:
        """Return how long to wait before the same step is tried again, and charge the budget; None: it is not tried.

        `repeat` counts the step's repeats from 0. A provider that names a time itself is not asked again by this call.
        """
        if repeat >= self._retry.same_target or failure.failure not in REPEATABLE_CLASSES:
            return None
        delay = backoff_seconds(self._retry, repeat, rng)
        if failure.retry_after_seconds or not self.allows(now + delay):
            return None
        totals = self._repeats.totals(now)
        percent = self._retry.budget_percent
        if percent <= 0 or totals[_REPEATS] >= max(FLOOR, totals[_CALLS] * percent / 100):
            return None
        self._repeats.add(_REPEATS, now)
        return delay
