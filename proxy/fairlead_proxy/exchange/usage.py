"""The tokens of one attempt, and what they cost."""

from decimal import Decimal

from msgspec import Struct

from fairlead_proxy.contract.config import Price

_NOTHING = Decimal(0)
_MILLION = Decimal(1_000_000)


class Usage(Struct, frozen=True, gc=False):
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
        cached, written = self.cached_input_tokens, self.cache_write_tokens
        plain, output = self.input_tokens - cached - written, self.output_tokens
        if not cached and not written and plain > 0 and output > 0 and price.input and price.output:
            return (plain * price.input + output * price.output) / _MILLION  # as nearly every call ends
        total = _NOTHING
        if plain > 0:
            if price.input is None:
                return None
            total = plain * price.input
        if cached > 0 or written > 0:
            for tokens, per_million in ((cached, price.cached_input), (written, price.cache_write)):
                per_million = per_million if per_million is not None else price.input
                if tokens > 0 and per_million is None:
                    return None
                total += max(tokens, 0) * (per_million or _NOTHING)
        if output > 0:
            if price.output is None:
                return None
            total += output * price.output
        return total / _MILLION

    @property
    def plain_input_tokens(self) -> int:
        """The prompt's tokens that no cache had anything to do with."""
        return self.input_tokens - self.cached_input_tokens - self.cache_write_tokens
