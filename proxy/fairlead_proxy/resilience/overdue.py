"""Which attempts have waited without a byte for longer than their target ever takes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

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


@dataclass(slots=True, eq=False)
class Waiting:
    """An attempt of which no byte of an answer has come yet. `move_on` ends it if there is somewhere to go."""

    cell: Cell
    operation: Operation
    started_at: float
    overdue_after: float | None
    move_on: Callable[[], None]
    overdue: bool = False


def _stay() -> None:
    """Where an attempt goes that does not wait any more."""


class Waits:
    """The attempts that wait, by cell, and how long first bytes took of late, by target."""

    def __init__(self) -> None:
        self._waiting: dict[Cell, set[Waiting]] = {}
        self._recent: dict[tuple[str, str, Operation, Mode], _Recent] = {}

    def begin(self, cell: Cell, operation: Operation, now: float, move_on: Callable[[], None]) -> Waiting:
        """Note an attempt that starts now. It is to be declared overdue after `overdue_after` seconds; None: never."""
        waiting = Waiting(cell, operation, now, self.overdue_after(cell, operation, now), move_on)
        self._waiting.setdefault(cell, set()).add(waiting)
        return waiting

    def end(self, waiting: Waiting) -> None:
        """The attempt got its first byte, or ended; may be repeated. It is not told to move on any more."""
        waiting.move_on = _stay  # which holds the attempt, and with it the call: the two would keep each other alive
        group = self._waiting.get(waiting.cell)
        if group is None:
            return
        group.discard(waiting)
        if not group:
            del self._waiting[waiting.cell]

    def learn(self, outcome: Outcome) -> None:
        """Take an attempt that answered as a sample of how long this target takes to its first byte."""
        if outcome.failure is not None or outcome.first_byte_at is None:
            return
        provider, _, model, mode = outcome.cell
        key = (provider, model, outcome.operation, mode)
        window = self._recent.get(key)
        if window is None:
            window = self._recent[key] = _Recent()
        window.latencies.observe(outcome.first_byte_at - outcome.started_at, outcome.ended_at)

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


class _Recent:
    """How long first bytes took of late; what follows from it is reckoned anew once a second at most."""

    __slots__ = ("_overdue_after", "_reckoned_at", "latencies")

    def __init__(self) -> None:
        self.latencies = LatencyWindow(RECENT_SECONDS)
        self._overdue_after: float | None = None
        self._reckoned_at = float("-inf")

    def overdue_after(self, now: float) -> float | None:
        if self._overdue_after is None or abs(now - self._reckoned_at) >= RECKON_SECONDS:
            recent = self.latencies.quantile(0.99, now, least=LEAST_SAMPLES)
            self._overdue_after = None if recent is None else max(LEAST_SECONDS, FACTOR * recent)
            self._reckoned_at = now
        return self._overdue_after
