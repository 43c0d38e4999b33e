"""The tokens of one attempt, and what they cost."""

from msgspec import Struct

from fairlead_proxy.contract.price import Price

MOST_TOKENS = 10**12
"""More than any attempt can have used: a count beyond it says nothing. So every sum of them has room."""


class Usage(Struct, frozen=True, gc=False):
    """Tokens of one attempt; `estimated` where no provider reported them.

    `input_tokens` includes those read from a cache and those written to one: `cache_write_tokens` for minutes,
    `cache_write_long_tokens` for an hour.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    cache_write_long_tokens: int = 0

    def cost(self, price: Price | None) -> int | None:
        """Return what these tokens cost in nano-units of the price's currency, rounded half up.

        None where a price that is needed is unknown. A count below 0 is taken for 0.
        """
        if price is None:
            return None
        return price.cost(
            max(self.plain_input_tokens, 0),
            max(self.cached_input_tokens, 0),
            max(self.cache_write_tokens, 0),
            max(self.cache_write_long_tokens, 0),
            max(self.output_tokens, 0),
        )

    @property
    def plain_input_tokens(self) -> int:
        """The prompt's tokens that no cache had anything to do with."""
        return self.input_tokens - self.cached_input_tokens - self.cache_write_tokens - self.cache_write_long_tokens
