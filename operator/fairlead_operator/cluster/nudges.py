"""When to nudge which pods: at once after publishing, then again and again until they acknowledge."""

from collections.abc import Collection
from dataclasses import dataclass

ROUND_SECONDS = 1.0
SECONDS_PER_POD = 0.05
LEAST_ROUND_SECONDS = 0.25
"""However fast policies are edited, a fleet has at most one round a second; a small one up to four, since a round of it
is a handful of writes.
"""

FIRST_AGAIN_SECONDS = 2.0
LONGEST_AGAIN_SECONDS = 60.0


@dataclass(slots=True)
class _Pending:
    due: float
    again: float


class Nudges:
    """The nudges of one fleet. Whatever it is told, it answers by what is due `now`, in seconds of one clock.

    A pod that comes later has mounted what was published before it: it gets time to say so.
    """

    def __init__(self) -> None:
        self._wanted = ""
        self._news = False
        self._pods: dict[str, _Pending] = {}
        self._last_round = float("-inf")

    def want(self, wanted: str) -> None:
        """Tell what the pods shall serve; where that is new, all that there are are due."""
        if wanted != self._wanted:
            self._wanted, self._news = wanted, True
            self._pods.clear()

    def due(self, pods: Collection[str], acknowledged: Collection[str], now: float) -> tuple[list[str], float | None]:
        """Return the pods to nudge now, which counts as done, and when to ask again (None: only after a change)."""
        if not self._wanted:
            return [], None
        for gone in [pod for pod in self._pods if pod not in pods]:
            del self._pods[gone]
        waiting = sorted(pod for pod in pods if pod not in acknowledged)
        for pod in waiting:
            grace = 0.0 if self._news else FIRST_AGAIN_SECONDS
            self._pods.setdefault(pod, _Pending(now + grace, FIRST_AGAIN_SECONDS))
        self._news = False
        ready = [pod for pod in waiting if self._pods[pod].due <= now]
        pause = min(ROUND_SECONDS, max(LEAST_ROUND_SECONDS, SECONDS_PER_POD * len(pods)))
        if ready and now - self._last_round >= pause:
            self._last_round = now
            for pod in ready:
                pending = self._pods[pod]
                pending.due = now + pending.again
                pending.again = min(pending.again * 2, LONGEST_AGAIN_SECONDS)
        else:
            ready = []
        if not waiting:
            return ready, None
        return ready, max(min(self._pods[pod].due for pod in waiting), self._last_round + pause)
