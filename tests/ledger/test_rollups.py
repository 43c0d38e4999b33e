"""The sums of an hour are those of its records, to the last nano-unit and the last token."""

import json

import pytest
from doubles.usage_records import usage_record
from hypothesis import given
from hypothesis import strategies as st

from fairlead_ledger.shipping.gathering import BATCH_RECORDS
from fairlead_ledger.spool.lines import MOST_COST_NANO, MOST_TOKENS
from fairlead_ledger.store.rollups import HOUR_MS, KINDS, fold, kind_rates, split_cost
from fairlead_ledger.store.statements import MOST_SUM
from fairlead_proxy.contract.price import Price, Rates
from fairlead_proxy.contract.usage_record import UsageRecord

TOKENS = st.integers(0, 10**7)
RATES = st.one_of(st.none(), st.integers(0, 10**12))


@st.composite
def records(draw: st.DrawFn) -> UsageRecord:
    """A record whose cost is that of its price, one whose cost is not, or one without a cost."""
    rates = {kind: draw(RATES) for kind in KINDS}
    tokens = {kind: draw(TOKENS) for kind in KINDS}
    price = Price(rates=Rates(**rates))
    counted = price.cost(
        tokens["input"],
        tokens["cached_input"],
        tokens["cache_write"],
        tokens["cache_write_long"],
        tokens["output"],
    )
    cost = draw(st.sampled_from([counted, draw(st.integers(0, 10**12)), None]))
    return usage_record(
        draw(st.uuids()).hex,
        at=draw(st.integers(0, 3 * HOUR_MS)),
        namespace=draw(st.sampled_from(["team-a", "team-b"])),
        basis=draw(st.sampled_from(["reported", "estimated", "unbilled"])),
        cost_nano=cost,
        price=json.dumps({"source": "book", "above": 0, "rates": rates}),
        **{f"{kind}_tokens": number for kind, number in tokens.items()},
    )


@given(records())
def test_the_costs_of_the_kinds_add_up_to_the_cost(record: UsageRecord) -> None:
    shares = split_cost(record)
    assert sum(shares) == (record.cost_nano or 0)
    assert min(shares) >= 0


@given(st.lists(records(), max_size=20))
def test_the_sums_are_those_of_the_records(found: list[UsageRecord]) -> None:
    rows = fold(found)
    assert [row["key"] for row in rows] == sorted({row["key"] for row in rows})
    assert sum(row["attempts"] for row in rows) == len(found)
    assert sum(row["cost_nano"] for row in rows) == sum(record.cost_nano or 0 for record in found)
    for kind in KINDS:
        assert sum(row[f"{kind}_tokens"] for row in rows) == sum(getattr(one, f"{kind}_tokens") for one in found)
    for row in rows:
        assert row["cost_nano"] == sum(row[f"{kind}_cost_nano"] for kind in KINDS)
        assert row["hour"] % HOUR_MS == 0


def test_each_kind_costs_what_its_tokens_cost() -> None:
    record = usage_record("a", cached_input_tokens=500, cost_nano=2_312_500)
    assert split_cost(record) == (1_250_000, 62_500, 0, 0, 1_000_000)


def test_a_kind_without_a_rate_of_its_own_has_the_one_that_stands_for_it() -> None:
    price = json.dumps({"source": "book", "above": 0, "rates": {"input": 4, "output": 9}})
    assert kind_rates(price) == (4, 4, 4, 4, 9)
    dearer = json.dumps({"source": "book", "above": 0, "rates": {"input": 4, "cache_write": 5, "output": 9}})
    assert kind_rates(dearer) == (4, 4, 5, 5, 9)


def test_an_unknown_cost_is_counted_and_is_no_zero() -> None:
    (row,) = fold([usage_record("a", cost_nano=None, currency="", price="")])
    assert (row["unpriced"], row["priced"], row["cost_nano"], row["currency"]) == (1, 0, 0, "")


def test_an_explicit_zero_is_a_known_cost() -> None:
    (row,) = fold([usage_record("a", cost_nano=0)])
    assert (row["unpriced"], row["priced"], row["cost_nano"], row["currency"]) == (0, 1, 0, "USD")


def test_what_is_unbilled_lacks_no_price() -> None:
    (row,) = fold([usage_record("a", basis="unbilled", cost_nano=None, currency="", price="")])
    assert (row["unpriced"], row["priced"], row["attempts"]) == (0, 0, 1)


@pytest.mark.parametrize("cost", [None, 0, 7])
def test_a_cost_of_no_currency_is_unknown(cost: int | None) -> None:
    """A failure that cost nothing at a model without a price says 0 of nothing."""
    (row,) = fold([usage_record("a", basis="unbilled", cost_nano=cost, currency="", price="")])
    assert (row["attempts"], row["priced"], row["unpriced"], row["cost_nano"]) == (1, 0, 0, 0)


def test_a_batch_of_the_dearest_records_has_room_in_a_row() -> None:
    assert BATCH_RECORDS * max(MOST_COST_NANO, MOST_TOKENS) <= MOST_SUM < 2**63


def test_priced_and_unpriced_attempts_never_share_a_row() -> None:
    assert len(fold([usage_record("a"), usage_record("b", cost_nano=None)])) == 2


@pytest.mark.parametrize("field", ["namespace", "caller", "policy", "rule", "provider", "model", "basis", "currency"])
def test_records_that_differ_in_a_dimension_have_rows_of_their_own(field: str) -> None:
    assert len(fold([usage_record("a"), usage_record("b", **{field: "other"})])) == 2


def test_names_that_run_into_each_other_stay_apart() -> None:
    assert len(fold([usage_record("a", policy="x", rule="yz"), usage_record("b", policy="xy", rule="z")])) == 2
