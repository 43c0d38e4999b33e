"""What came of one attempt: read by breaker, health window, metrics and log, none of which knows another."""

from dataclasses import dataclass
from decimal import Decimal

from fairlead_proxy.contract.config import Price
from fairlead_proxy.contract.names import FailureClass, Mode, Operation


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one attempt. `input_tokens` includes cached ones; `estimated` where no provider reported them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False

    def cost(self, price: Price | None) -> Decimal | None:
        """Return what these tokens cost in the price's currency; None where a price that is needed is unknown."""
        if price is None:
            return None
        cached = price.cached_input if price.cached_input is not None else price.input
        written = price.cache_write if price.cache_write is not None else price.input
        plain_input = self.input_tokens - self.cached_input_tokens - self.cache_write_tokens
        parts = (
            (plain_input, price.input),
            (self.cached_input_tokens, cached),
            (self.cache_write_tokens, written),
            (self.output_tokens, price.output),
        )
        total = Decimal(0)
        for tokens, per_million in parts:
            if tokens <= 0:
                continue
            if per_million is None:
                return None
            total += tokens * per_million / 1_000_000
        return total


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attempt, ended. Instants are Unix seconds; `failure` None means that it answered.

    `first_byte_at` is the first byte of the answer's body, `first_token_at` its first content (streams only).
    `committed`: something of this attempt reached the client.
    """

    call: str
    tenant: str
    policy: str
    rule: str
    provider: str
    credential: str
    model: str
    operation: Operation
    mode: Mode
    started_at: float
    ended_at: float
    failure: FailureClass | None = None
    status: int | None = None
    detail: str = ""
    first_byte_at: float | None = None
    first_token_at: float | None = None
    retry_after_seconds: float | None = None
    committed: bool = False
    usage: Usage | None = None
    cost: Decimal | None = None
    currency: str = ""
