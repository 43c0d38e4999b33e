"""The grain at which health is kept: one credential of a provider, for one model, in one mode."""

from dataclasses import dataclass
from typing import NamedTuple

from fairlead_proxy.contract.names import BreakerState, FailureClass, Mode
from fairlead_proxy.decision.plan import Step


class Cell(NamedTuple):
    """Provider × credential × model × mode: each has its own breaker and its own window."""

    provider: str
    credential: str
    model: str
    mode: Mode

    @classmethod
    def of(cls, step: Step, mode: Mode) -> "Cell":
        """Return the cell that an attempt of this step asks."""
        return cls(step.provider.id, step.credential.name, step.model.name, mode)


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
