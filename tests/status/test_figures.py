"""Figures are rounded, and keep still."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_operator.status.figures import steady_rate, steady_seconds


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
