"""When something that failed is tried again: soon at first, then ever later."""

PAUSES_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class Backoff:
    """The failures of one thing in a row, by a clock in seconds that the caller reads."""

    def __init__(self) -> None:
        self._failures = 0
        self._due = float("-inf")

    def is_due(self, now: float) -> bool:
        return now >= self._due

    def fail(self, now: float) -> float:
        """Note a failure; return in how many seconds the next try is due."""
        pause = PAUSES_SECONDS[min(self._failures, len(PAUSES_SECONDS) - 1)]
        self._failures += 1
        self._due = now + pause
        return pause

    def succeed(self) -> None:
        self._failures, self._due = 0, float("-inf")
