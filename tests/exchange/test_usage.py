"""What tokens cost: exact, and unknown where a price that is needed is."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.contract.config import Price
from fairlead_proxy.exchange.usage import Usage

PER_MILLION = st.none() | st.decimals(0, 1000, places=4) | st.sampled_from([Decimal(0), Decimal(1), Decimal("2.50")])
PRICES = st.builds(Price, input=PER_MILLION, output=PER_MILLION, cached_input=PER_MILLION, cache_write=PER_MILLION)
COUNTS = st.integers(0, 3) | st.integers(0, 3_000_000)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    plain, cached, written = draw(COUNTS), draw(st.just(0) | COUNTS), draw(st.just(0) | COUNTS)
    return Usage(plain + cached + written, draw(COUNTS), cached, written)


@given(usages(), PRICES)
def test_cost_is_exact_and_unknown_only_where_a_price_that_is_needed_is(usage: Usage, price: Price) -> None:
    parts = [
        (usage.plain_input_tokens, price.input),
        (usage.cached_input_tokens, price.input if price.cached_input is None else price.cached_input),
        (usage.cache_write_tokens, price.input if price.cache_write is None else price.cache_write),
        (usage.output_tokens, price.output),
    ]
    needed = [(tokens, per_million) for tokens, per_million in parts if tokens]
    known = [tokens * Fraction(per_million) for tokens, per_million in needed if per_million is not None]
    cost = usage.cost(price)
    assert (cost is None) == (len(known) < len(needed))
    assert cost is None or Fraction(cost) == sum(known) / 1_000_000


@pytest.mark.parametrize(
    ("usage", "shown"),
    [
        (Usage(25, 150), "0.001525"),
        (Usage(1_000_000, 0), "1"),
        (Usage(0, 0), "0"),
        (Usage(1_000_000, 0, cached_input_tokens=1_000_000), "0.50"),
    ],
)
def test_cost_is_written_without_needless_digits(usage: Usage, shown: str) -> None:
    price = Price(input=Decimal(1), cached_input=Decimal("0.50"), output=Decimal(10))
    assert str(usage.cost(price)) == shown


def test_without_a_price_nothing_has_a_cost() -> None:
    assert Usage().cost(None) is None
