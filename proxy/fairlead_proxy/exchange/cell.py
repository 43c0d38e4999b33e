"""How a cell stands at one moment, as its breaker tells it."""

from dataclasses import dataclass

from fairlead_proxy.contract.names import BreakerState, FailureClass


@dataclass(frozen=True, slots=True)
class CellReading:
    """A breaker as it stands now. `until`: Unix seconds of the next try; `retry_after`: the provider named the time.

    `overdue`: attempts that wait at this moment without a byte, for longer than this model ever takes.
    `trial`: half open, and the one call that it lets through is under way.
    """

    state: BreakerState
    reason: FailureClass | None = None
    until: float | None = None
    retry_after: bool = False
    overdue: int = 0
    trial: bool = False


WELL = CellReading(BreakerState.CLOSED)
