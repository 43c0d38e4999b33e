"""What came of one attempt: read by breaker, health window, metrics and log, none of which knows another."""

from fairlead_proxy.contract.cell import Cell
from fairlead_proxy.contract.linked import Step
from fairlead_proxy.contract.names import FailureClass, Mode, Operation
from fairlead_proxy.exchange.usage import Usage


class Outcome:
    """One attempt, ended; never changed. Instants are Unix seconds; `failure` None means that it answered.

    `cell` is the step's own, in the call's mode. `first_byte_at` is the first byte of the answer's body,
    `first_token_at` its first content (streams only). `committed`: something of this attempt reached the client.
    `cost`: of `usage`, in nano-units of `currency`; None where a price that is needed is unknown. `cached`: what
    `is_cached` says of `usage`. `lost`: what of the request this target was not told, for want of words in its dialect.
    """

    __slots__ = (
        "cached", "cell", "committed", "cost", "detail", "ended_at", "failure", "first_byte_at", "first_token_at",
        "lost", "operation", "retry_after_seconds", "started_at", "status", "step", "usage",
    )  # fmt: skip

    def __init__(
        self,
        step: Step,
        cell: Cell,
        operation: Operation,
        started_at: float,
        ended_at: float,
        failure: FailureClass | None = None,
        status: int | None = None,
        detail: str = "",
        first_byte_at: float | None = None,
        first_token_at: float | None = None,
        retry_after_seconds: float | None = None,
        committed: bool = False,
        usage: Usage | None = None,
        cost: int | None = None,
        lost: tuple[str, ...] = (),
        cached: bool | None = None,
    ) -> None:
        """`cached`: omitted, it is looked up in `usage`."""
        self.step = step
        self.cell = cell
        self.operation = operation
        self.started_at = started_at
        self.ended_at = ended_at
        self.failure = failure
        self.status = status
        self.detail = detail
        self.first_byte_at = first_byte_at
        self.first_token_at = first_token_at
        self.retry_after_seconds = retry_after_seconds
        self.committed = committed
        self.usage = usage
        self.cached: bool = is_cached(usage) if cached is None else cached
        self.cost = cost
        self.lost = lost

    @property
    def provider(self) -> str:
        return self.cell.provider

    @property
    def model(self) -> str:
        return self.cell.model

    @property
    def mode(self) -> Mode:
        return self.cell.mode

    @property
    def currency(self) -> str:
        price = self.step.model.price
        return "" if price is None else price.currency


def is_cached(usage: Usage | None) -> bool:
    """Say whether a cache had to do with the prompt: with nearly none, and whoever books attempts asks this of each."""
    return usage is not None and (
        usage.cached_input_tokens > 0 or usage.cache_write_tokens > 0 or usage.cache_write_long_tokens > 0
    )
