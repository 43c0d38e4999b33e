"""Repeats on the same target: how long to wait before one, and how many a rule may make at all."""

from random import Random

from fairlead_proxy.contract.config import Retry
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
    """Bounds the repeats of each rule to a share of its calls over the last 10 s. A rule: policy id and rule name."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str], Window] = {}

    def call(self, policy: str, rule: str, now: float) -> None:
        """Count a call: it earns its share of a repeat."""
        self._window(policy, rule).add(_CALLS, now)

    def take(self, policy: str, rule: str, percent: int, now: float) -> bool:
        """Say whether one more repeat is within `percent` of the calls, and count it if so."""
        window = self._window(policy, rule)
        totals = window.totals(now)
        if percent <= 0 or totals[_REPEATS] >= max(FLOOR, totals[_CALLS] * percent / 100):
            return False
        window.add(_REPEATS, now)
        return True

    def keep(self, policies: frozenset[str]) -> None:
        """Forget the rules of every other policy."""
        self._windows = {key: window for key, window in self._windows.items() if key[0] in policies}

    def _window(self, policy: str, rule: str) -> Window:
        window = self._windows.get((policy, rule))
        if window is None:
            window = self._windows[policy, rule] = Window(SPAN_SECONDS, 2)
        return window
