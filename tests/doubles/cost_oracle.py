"""What tokens cost by a price list as a ModelProvider writes it, reckoned in fractions; nothing of the product in it.

A price list is `{perMTok: {input, cachedInput, cacheWrite, cacheWriteLong, output}, longContext: [{above, perMTok}]}`,
its figures decimal texts in units of the currency per million tokens.
"""

from collections.abc import Mapping
from fractions import Fraction
from math import floor
from typing import Any

from doubles.vendor_counts import Tokens

NANO = 10**9
MILLION = 10**6


def nano_cost(tokens: Tokens, prices: Mapping[str, Any]) -> int | None:
    """Return the cost in nano-units, rounded half up once; None where the price of a kind that occurs is unknown.

    A prompt that is longer than a tier's `above` has all its tokens, output too, charged by that tier. A cache's price
    omitted is that of the input, that of an hour omitted is that of a write.
    """
    rates = prices.get("perMTok", {})
    for tier in sorted(prices.get("longContext", ()), key=lambda each: int(each["above"])):
        if tokens.input > tier["above"]:
            rates = tier["perMTok"]
    write = rates.get("cacheWrite", rates.get("input"))
    charged = (
        (tokens.plain, rates.get("input")),
        (tokens.cached, rates.get("cachedInput", rates.get("input"))),
        (tokens.written, write),
        (tokens.written_long, rates.get("cacheWriteLong", write)),
        (tokens.output, rates.get("output")),
    )
    total = Fraction(0)
    for count, rate in charged:
        if count and rate is None:
            return None
        total += Fraction(count) * Fraction(str(rate or 0)) * NANO / MILLION
    return floor(total + Fraction(1, 2))
