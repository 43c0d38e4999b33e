"""Figures are rounded, and keep still."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_operator.status.figures import nano_of, steady_amount, steady_count, steady_rate, steady_seconds


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(1.834, "1800ms"), (0.0004, "1ms"), (0.0123, "12ms"), (0.996, "1000ms"), (12.55, "13000ms"), (0.15, "150ms")],
)
def test_times_have_two_digits(seconds: float, shown: str) -> None:
    assert steady_seconds(seconds, None) == shown


@pytest.mark.parametrize(("rate", "shown"), [(1.0, "1.00"), (0.999, "0.99"), (0.625, "0.62"), (0.0, "0.00")])
def test_rates_have_two_digits_and_are_whole_only_when_they_are(rate: float, shown: str) -> None:
    assert steady_rate(rate, None) == shown


def test_nothing_is_shown_for_nothing() -> None:
    assert steady_rate(None, "0.99") is None
    assert steady_seconds(None, "100ms") is None


def test_what_cannot_be_read_is_replaced() -> None:
    assert steady_rate(0.5, "half") == "0.50"
    assert steady_seconds(0.5, "soon") == "500ms"


@given(st.floats(0.001, 600.0))
def test_a_time_that_is_shown_stays_for_the_same_time(seconds: float) -> None:
    shown = steady_seconds(seconds, None)
    assert steady_seconds(seconds, shown) == shown


@given(st.floats(0.05, 1.0))
def test_a_rate_that_is_shown_stays_for_the_same_rate(rate: float) -> None:
    shown = steady_rate(rate, None)
    assert steady_rate(rate, shown) == shown


@pytest.mark.parametrize(
    ("nano", "shown"),
    [(0, "0"), (1, "0.000000001"), (8_125_000, "0.0081"), (1_250_000_000, "1.3"), (1_234_000_000_000, "1200")],
)
def test_amounts_have_two_digits(nano: int, shown: str) -> None:
    assert steady_amount(nano, None) == shown


@pytest.mark.parametrize(("count", "shown"), [(0, 0), (99, 99), (104, 100), (105, 110), (1_849_999, 1_800_000)])
def test_counts_have_two_digits(count: int, shown: int) -> None:
    assert steady_count(count, None) == shown


def test_figures_keep_still_within_a_tenth() -> None:
    assert [steady_count(count, 1_000) for count in (1_099, 1_101)] == [1_000, 1_100]
    assert [steady_amount(nano, "0.5") for nano in (549_000_000, 551_000_000)] == ["0.5", "0.55"]


@pytest.mark.parametrize("shown", [None, "", "much", "-1", "1.", "1e3", "0.0000000001", 5, True, {}])
def test_an_amount_or_count_that_cannot_be_read_is_replaced(shown: object) -> None:
    assert steady_amount(2_000_000_000, shown) == "2"
    assert nano_of(shown) is None


@pytest.mark.parametrize("number", [2**63 - 1, 2**63, 10**19, 10**400], ids=["most", "above", "far", "absurd"])
@pytest.mark.parametrize("shown", [None, 1, 2**63 - 1, 10**400, "1", "9" * 18, "9" * 40], ids=range(7))
def test_absurd_figures_are_shown_as_the_greatest_that_can_be_read_again(number: int, shown: object) -> None:
    count, amount = steady_count(number, shown), steady_amount(number * 10**12, shown)
    assert count == 9_200_000_000_000_000_000 < 2**63
    assert steady_count(number, count) == count
    assert nano_of(amount) is not None
    assert steady_amount(number * 10**12, amount) == amount


def test_an_absurd_figure_that_is_shown_is_replaced() -> None:
    assert steady_count(5, 10**400) == 5
    assert steady_seconds(0.5, f"{'9' * 400}h") == "500ms"
    assert [steady_rate(0.5, shown) for shown in ("1e999", "-inf", "nan", "9" * 400)] == ["0.50"] * 4


@given(st.integers(0, 10**18))
def test_an_amount_or_count_that_is_shown_stays_for_the_same_one(number: int) -> None:
    amount, count = steady_amount(number, None), steady_count(number, None)
    assert steady_amount(number, amount) == amount
    assert steady_count(number, count) == count
