"""What a model's tokens cost, in whole numbers: nano-units of a currency (10^-9) per million tokens."""

from msgspec import Struct

NANO = 1_000_000_000
"""Nano-units of a unit of currency."""

_PLACES = 9
MILLION = 1_000_000
HALF = MILLION // 2


class Rates(Struct, frozen=True, kw_only=True):
    """Nano-units per million tokens of each kind; None: unknown, which is not 0. The kinds do not overlap.

    `cached_input` and `cache_write` omitted are as `input`, `cache_write_long` (kept for an hour) as `cache_write`.
    """

    input: int | None = None
    cached_input: int | None = None
    cache_write: int | None = None
    cache_write_long: int | None = None
    output: int | None = None


class Tier(Struct, frozen=True, kw_only=True):
    """The rates of a call, all its tokens included, whose whole input is longer than `above` tokens."""

    above: int
    rates: Rates


class Price(Struct, frozen=True, kw_only=True):
    """What one model costs in `currency`. `tiers` grow in `above`. `source`: the price book, its version and the entry;
    empty where the provider's owner gave the figures.
    """

    currency: str = "USD"
    rates: Rates
    tiers: tuple[Tier, ...] = ()
    source: str = ""

    def rates_of(self, input_tokens: int) -> Rates:
        """Return the rates of a call whose whole input is so long."""
        rates = self.rates
        for tier in self.tiers:
            if input_tokens <= tier.above:
                break
            rates = tier.rates
        return rates

    def cost(self, plain: int, cached: int, written: int, written_long: int, output: int) -> int | None:
        """Return what one attempt's tokens cost in nano-units, rounded half up; None where a rate that is needed is
        unknown. The kinds do not overlap, and none is negative.
        """
        rates = self.rates_of(plain + cached + written + written_long) if self.tiers else self.rates
        total = 0
        if plain:
            if rates.input is None:
                return None
            total = plain * rates.input
        if cached or written or written_long:
            write = rates.input if rates.cache_write is None else rates.cache_write
            long = write if rates.cache_write_long is None else rates.cache_write_long
            cheap = rates.input if rates.cached_input is None else rates.cached_input
            for tokens, rate in ((cached, cheap), (written, write), (written_long, long)):
                if tokens:
                    if rate is None:
                        return None
                    total += tokens * rate
        if output:
            if rates.output is None:
                return None
            total += output * rates.output
        return (total + HALF) // MILLION


def write_amount(nano: int) -> str:
    """Return so many nano-units as a decimal number of units: exact, no exponent, no zeros at its end."""
    sign, nano = ("-", -nano) if nano < 0 else ("", nano)
    units, rest = divmod(nano, NANO)
    return f"{sign}{units}.{rest:0{_PLACES}}".rstrip("0") if rest else f"{sign}{units}"


def read_amount(text: str) -> int:
    """Return a decimal number of units, such as `1.25`, in nano-units; raise ValueError for anything else, or finer."""
    units, point, rest = text.partition(".")
    digits = units + rest
    if not units or not digits.isascii() or not digits.isdigit() or (point and not rest) or len(rest) > _PLACES:
        raise ValueError(f"{text!r} is no decimal number of at most {_PLACES} places")
    return int(units) * NANO + int(rest.ljust(_PLACES, "0"))
