"""Amounts of money as text: exact both ways."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.contract.price import NANO, read_amount, write_amount


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "0"),
        (1, "0.000000001"),
        (60_000, "0.00006"),
        (1_525_000, "0.001525"),
        (NANO, "1"),
        (100 * NANO, "100"),
        (-NANO // 2, "-0.5"),
        (123_456_789 * NANO + 1, "123456789.000000001"),
    ],
)
def test_amounts_are_written_whole_and_without_needless_digits(nano: int, text: str) -> None:
    assert write_amount(nano) == text


@given(st.integers(0, 10**30))
def test_what_is_written_is_read_again_and_is_exact(nano: int) -> None:
    assert read_amount(write_amount(nano)) == nano
    assert Fraction(write_amount(nano)) * NANO == nano


@pytest.mark.parametrize(
    ("text", "nano"), [("0", 0), ("0.0", 0), ("1.25", 1_250_000_000), ("10", 10 * NANO), ("007.5", 15 * NANO // 2)]
)
def test_what_users_write_is_read(text: str, nano: int) -> None:
    assert read_amount(text) == nano


@pytest.mark.parametrize("text", ["", ".", "1.", "-1", "1e3", "1,5", "0.0000000001", " 1", "\u0661", "\u00b2"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no decimal number of at most 9 places"):
        read_amount(text)
