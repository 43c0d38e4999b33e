"""How long a call waits before a repeat on the same target, and how many repeats a rule may make at all."""

from random import Random

from fairlead_proxy.contract.config import Retry
from fairlead_proxy.contract.linked import Route
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

    def open(self, route: Route, now: float) -> "Repeats | None":
        """Return what a call that begins now may repeat, having earned its share; None where its rule never does."""
        retry = route.resilience.retry
        if retry.same_target <= 0:
            return None
        key = (route.policy.id, route.rule.name)
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = Window(SPAN_SECONDS, 2)
        window.add(_CALLS, now)
        return Repeats(retry, window, now + route.resilience.timeouts.total_seconds)

    def keep(self, policies: frozenset[str]) -> None:
        """Forget the rules of every other policy."""
        self._windows = {key: window for key, window in self._windows.items() if key[0] in policies}


class Repeats:
    """The repeats that one call may still make; `window` counts those of its rule."""

    __slots__ = ("_retry", "_total_at", "_window")

    def __init__(self, retry: Retry, window: Window, total_at: float) -> None:
        self._retry = retry
        self._window = window
        self._total_at = total_at

    def delay(self, failure: UpstreamFailure, repeat: int, now: float, rng: Random) -> float | None:
        """Return how long to wait before the same step is tried again, and charge the budget; None: it is not tried.

        `repeat` counts the step's repeats from 0. A provider that names a time itself is not asked again by this call.
        """
        if repeat >= self._retry.same_target or failure.failure not in REPEATABLE_CLASSES:
            return None
        delay = backoff_seconds(self._retry, repeat, rng)
        if failure.retry_after_seconds or now + delay >= self._total_at:
            return None
        totals = self._window.totals(now)
        percent = self._retry.budget_percent
        if percent <= 0 or totals[_REPEATS] >= max(FLOOR, totals[_CALLS] * percent / 100):
            return None
        self._window.add(_REPEATS, now)
        return delay
