"""What a provider reports is booked as it is: tokens by kind, and their cost to the nano-unit (B1, B5, B7)."""

import json
from typing import Any

import pytest
from billing.demands import check_exact
from billing.house import CELLS, MODES, Cell, House
from billing.objects import FREE, LONG, PARTLY_PRICED, UNPRICED, price_of
from doubles.cost_oracle import nano_cost
from doubles.invoice import WHOLE
from doubles.vendor_counts import Tokens

EACH_CELL = pytest.mark.parametrize("cell", CELLS, ids=str)

CACHES: dict[str, Any] = {
    "tokens": 7,
    "input_tokens": 1013,
    "cached_tokens": 219,
    "cache_write_tokens": 37,
    "cache_write_long_tokens": 11,
    "reasoning_tokens": 53,
}


@EACH_CELL
def test_b1_a_normal_end_is_booked_as_reported_and_costs_what_the_oracle_says(house: House, cell: Cell) -> None:
    house.upstream.behave(tokens=9, input_tokens=777)
    got = house.ask(cell.caller, cell.provider, stream=cell.stream)
    assert got.status == 200, got
    (record,), (line,) = house.records(got.decision), house.settled_lines(got.tag)
    assert (record.basis, record.outcome, record.status, line.charge) == ("reported", "Answered", 200, WHOLE)
    assert line.tokens == Tokens(777, output=9)
    check_exact(record, line, cell.provider)


@EACH_CELL
def test_b1_a_call_is_told_what_it_cost_where_its_dialect_has_a_place_for_it(house: House, cell: Cell) -> None:
    house.upstream.behave(tokens=9, input_tokens=777)
    got = house.ask(cell.caller, cell.provider, stream=cell.stream)
    cost = nano_cost(Tokens(777, output=9), price_of(cell.provider))
    assert cost is not None
    # google-genai takes a comment for an error: Gemini's streams say nothing of it.
    told = None if cell.stream and cell.caller == "gemini" else cost
    assert got.cost_nano == told


@EACH_CELL
def test_b1_a_long_prompt_has_all_its_tokens_charged_by_its_tier(house: House, cell: Cell) -> None:
    house.upstream.behave(tokens=9, input_tokens=LONG - 100, cached_tokens=101)
    got = house.ask(cell.caller, cell.provider, stream=cell.stream)
    (record,), (line,) = house.records(got.decision), house.settled_lines(got.tag)
    check_exact(record, line, cell.provider)
    assert json.loads(record.price)["above"] == LONG
    house.upstream.behave(tokens=9, input_tokens=LONG - 100, cached_tokens=100)
    got = house.ask(cell.caller, cell.provider, stream=cell.stream)
    (record,), (line,) = house.records(got.decision), house.settled_lines(got.tag)
    check_exact(record, line, cell.provider)
    assert json.loads(record.price)["above"] == 0


@EACH_CELL
def test_b5_an_explicit_zero_stays_zero_and_is_not_estimated(house: House, cell: Cell) -> None:
    house.upstream.behave(tokens=9, usage="zero")
    got = house.ask(cell.caller, cell.provider, stream=cell.stream)
    (record,), (line,) = house.records(got.decision), house.settled_lines(got.tag)
    assert (line.charge, line.tokens) == (WHOLE, Tokens())
    assert (record.basis, record.cost_nano) == ("reported", 0)
    check_exact(record, line, cell.provider)


@EACH_CELL
def test_b7_what_caches_and_reasoning_had_to_do_with_is_booked_once(house: House, cell: Cell) -> None:
    house.upstream.behave(**CACHES)
    got = house.ask(cell.caller, cell.provider, stream=cell.stream)
    (record,), (line,) = house.records(got.decision), house.settled_lines(got.tag)
    assert line.tokens.input == 1013 + 219 + 37 + 11
    assert line.tokens.output == 7 + 53
    check_exact(record, line, cell.provider)


@EACH_CELL
def test_b7_reasoning_that_is_shown_is_output_once(house: House, cell: Cell) -> None:
    house.upstream.behave(answer="reasoning", reasoning_tokens=5)
    got = house.ask(cell.caller, cell.provider, stream=cell.stream)
    (record,), (line,) = house.records(got.decision), house.settled_lines(got.tag)
    assert line.tokens.output == 5 + 3 + 5
    check_exact(record, line, cell.provider)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("model", "cost"), [(UNPRICED, None), (PARTLY_PRICED, None), (FREE, 0)])
def test_an_unknown_price_is_no_cost_and_a_price_of_zero_is_a_cost_of_zero(
    house: House, mode: str, model: str, cost: int | None
) -> None:
    house.upstream.behave(tokens=9, input_tokens=777)
    got = house.ask("chat", model, stream=mode == "stream")
    (record,) = house.records(got.decision)
    assert (record.basis, record.input_tokens, record.output_tokens) == ("reported", 777, 9)
    assert record.cost_nano == cost
    assert record.currency == ("" if model == UNPRICED else "USD")
    assert got.cost_nano == cost


def test_a_record_says_who_asked_what_and_by_which_way_it_went(house: House) -> None:
    house.upstream.behave(tokens=9)
    got = house.ask("messages", "bedrock", stream=True)
    (record,), (line,) = house.records(got.decision), house.settled_lines(got.tag)
    assert (record.gateway, record.namespace, record.policy, record.rule) == (
        "default/main", "default", "default/bedrock", "only",
    )  # fmt: skip
    assert (record.provider, record.credential, record.model) == ("default/bedrock", "main", "m")
    assert (record.upstream_model, record.virtual_model) == (line.model, "bedrock")
    assert (record.operation, record.mode) == ("chat", "stream")
    assert abs(record.at / 1000 - line.at) < 1
    assert record.id == f"{got.decision}.1"
