"""What tokens cost: to the nano-unit, and unknown where a price that is needed is."""

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.contract.price import NANO, Price, Rates, Tier, write_amount
from fairlead_proxy.exchange.usage import Usage

PER_MILLION = st.none() | st.sampled_from([0, 1, NANO]) | st.integers(0, 1000 * NANO)
RATES = st.builds(
    Rates,
    input=PER_MILLION,
    output=PER_MILLION,
    cached_input=PER_MILLION,
    cache_write=PER_MILLION,
    cache_write_long=PER_MILLION,
)
COUNTS = st.integers(0, 3) | st.integers(0, 3_000_000)
BOUNDS = st.lists(st.integers(1, 4_000_000), max_size=4, unique=True).map(sorted)


@st.composite
def prices(draw: st.DrawFn) -> Price:
    tiers = tuple(Tier(above=above, rates=draw(RATES)) for above in draw(BOUNDS))
    return Price(rates=draw(RATES), tiers=tiers)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    plain, cached, written, long = (draw(COUNTS if place == 0 else st.just(0) | COUNTS) for place in range(4))
    return Usage(plain + cached + written + long, draw(COUNTS), cached, written, cache_write_long_tokens=long)


def cost_by_fractions(usage: Usage, price: Price) -> int | None:
    """Return the cost as a bill of materials would have it: each kind for itself, exact, rounded once at the end."""
    rates = [price.rates, *(tier.rates for tier in price.tiers if usage.input_tokens > tier.above)][-1]
    written = [each for each in (rates.cache_write, rates.input) if each is not None]
    kept = [each for each in (rates.cache_write_long, *written) if each is not None]
    cached = [each for each in (rates.cached_input, rates.input) if each is not None]
    plain = [each for each in (rates.input,) if each is not None]
    output = [each for each in (rates.output,) if each is not None]
    parts = [
        (usage.plain_input_tokens, plain),
        (usage.cached_input_tokens, cached),
        (usage.cache_write_tokens, written),
        (usage.cache_write_long_tokens, kept),
        (usage.output_tokens, output),
    ]
    needed = [(tokens, known) for tokens, known in parts if tokens]
    if not all(known for _, known in needed):
        return None
    return floor(sum(Fraction(tokens * known[0], 1_000_000) for tokens, known in needed) + Fraction(1, 2))


@given(usages(), prices())
def test_cost_is_what_fractions_say_and_unknown_only_where_a_price_that_is_needed_is(
    usage: Usage, price: Price
) -> None:
    assert usage.cost(price) == cost_by_fractions(usage, price)


@pytest.mark.parametrize(
    ("usage", "shown"),
    [
        (Usage(25, 150), "0.001525"),
        (Usage(1_000_000, 0), "1"),
        (Usage(0, 0), "0"),
        (Usage(1_000_000, 0, cached_input_tokens=1_000_000), "0.5"),
        (Usage(1_000_000, 0, cache_write_tokens=1_000_000), "1.25"),
        (Usage(1_000_000, 0, cache_write_long_tokens=1_000_000), "2"),
    ],
)
def test_each_kind_has_its_own_price(usage: Usage, shown: str) -> None:
    rates = Rates(
        input=1 * NANO,
        cached_input=NANO // 2,
        cache_write=5 * NANO // 4,
        cache_write_long=2 * NANO,
        output=10 * NANO,
    )
    cost = usage.cost(Price(rates=rates))
    assert cost is not None
    assert write_amount(cost) == shown


def test_a_long_call_pays_the_rates_of_its_tier_for_all_its_tokens() -> None:
    tier = Tier(above=200_000, rates=Rates(input=4 * NANO, output=18 * NANO))
    price = Price(rates=Rates(input=2 * NANO, output=12 * NANO), tiers=(tier,))
    assert Usage(200_000, 1_000_000).cost(price) == NANO * 2 // 5 + 12 * NANO
    assert Usage(200_001, 1_000_000).cost(price) == 200_001 * 4000 + 18 * NANO
    assert Usage(200_001, 0, cached_input_tokens=200_001).cost(price) == 200_001 * 4000


def test_a_count_that_contradicts_another_costs_nothing_less() -> None:
    price = Price(rates=Rates(input=NANO, cached_input=NANO // 2))
    assert Usage(1, 0, cached_input_tokens=1_000_000).cost(price) == NANO // 2


def test_without_a_price_nothing_has_a_cost() -> None:
    assert Usage().cost(None) is None
