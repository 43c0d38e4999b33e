"""Which attempts have waited without a byte for longer than their target ever takes."""

from collections.abc import Iterable
from typing import Protocol

from fairlead_proxy.contract.cell import Cell
from fairlead_proxy.contract.names import Mode, Operation
from fairlead_proxy.exchange.outcome import Outcome
from fairlead_proxy.exchange.window import LatencyWindow

RECENT_SECONDS = 300.0
LEAST_SAMPLES = 20
FACTOR = 4.0
LEAST_SECONDS = 1.0
RECKON_SECONDS = 1.0
"""Design, section 5.3: overdue after max(1 s, 4 × recent p99); recent is 5 minutes and at least 20 samples.
How often it is reckoned anew: a default."""


class Waiting(Protocol):
    """An attempt of which no byte of an answer has come yet. `started_at`: Unix seconds."""

    cell: Cell
    operation: Operation
    started_at: float
    overdue: bool

    def move_on(self) -> None:
        """There is no sense in waiting here: end, if there is somewhere to go."""
        ...


class Waits:
    """The attempts that wait, by cell, and how long first bytes took of late, by target."""

    def __init__(self) -> None:
        self._waiting: dict[Cell, set[Waiting]] = {}
        self._recent: dict[tuple[str, str, Operation, Mode], _Recent] = {}

    def begin(self, waiting: Waiting) -> float | None:
        """Note an attempt that starts now; return after how many seconds it is overdue, None: never."""
        cell = waiting.cell
        group = self._waiting.get(cell)
        if group is None:
            group = self._waiting[cell] = set()
        group.add(waiting)
        return self.overdue_after(cell, waiting.operation, waiting.started_at)

    def end(self, waiting: Waiting) -> None:
        """The attempt got its first byte, or ended; may be repeated. It is not told to move on any more."""
        group = self._waiting.get(waiting.cell)
        if group is not None:
            group.discard(waiting)

    def learn(self, outcome: Outcome) -> None:
        """Take an attempt that answered as a sample of how long this target takes to its first byte."""
        if outcome.failure is not None or outcome.first_byte_at is None:
            return
        provider, _, model, mode = outcome.cell
        key = (provider, model, outcome.operation, mode)
        window = self._recent.get(key)
        if window is None:
            window = self._recent[key] = _Recent()
        window.learn(outcome.first_byte_at - outcome.started_at, outcome.ended_at)

    def overdue_after(self, cell: Cell, operation: Operation, now: float) -> float | None:
        """Return after how many seconds without a byte an attempt is overdue; None while too little is known."""
        window = self._recent.get((cell.provider, cell.model, operation, cell.mode))
        return None if window is None else window.overdue_after(now)

    def at(self, cell: Cell) -> tuple[Waiting, ...]:
        """Return the attempts that wait at this cell."""
        return tuple(self._waiting.get(cell, ()))

    def overdue_at(self, cell: Cell) -> int:
        """Count the overdue attempts that still wait at this cell."""
        return sum(waiting.overdue for waiting in self._waiting.get(cell, ()))

    def overdue_cells(self) -> list[Cell]:
        return [cell for cell in self._waiting if self.overdue_at(cell)]

    def keep(self, models: Iterable[tuple[str, str]]) -> None:
        """Forget what was learnt of every other provider × model."""
        kept = frozenset(models)
        self._recent = {key: window for key, window in self._recent.items() if (key[0], key[1]) in kept}
        self._waiting = {cell: group for cell, group in self._waiting.items() if group}


class _Recent:
    """How long first bytes took of late; what follows from it is reckoned anew once a second at most."""

    __slots__ = ("_latencies", "_overdue_after", "_reckoned_at", "_samples")

    def __init__(self) -> None:
        self._latencies = LatencyWindow(RECENT_SECONDS)
        self._samples = 0
        self._overdue_after: float | None = None
        self._reckoned_at = float("-inf")

    def learn(self, seconds: float, now: float) -> None:
        self._samples += 1
        self._latencies.observe(seconds, now)

    def overdue_after(self, now: float) -> float | None:
        if self._samples < LEAST_SAMPLES:
            return None
        if self._overdue_after is None or abs(now - self._reckoned_at) >= RECKON_SECONDS:
            recent = self._latencies.quantile(0.99, now, least=LEAST_SAMPLES)
            self._overdue_after = None if recent is None else max(LEAST_SECONDS, FACTOR * recent)
            self._reckoned_at = now
        return self._overdue_after
