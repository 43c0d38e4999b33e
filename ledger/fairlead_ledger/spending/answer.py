"""The answer to a question: one row for each key and currency, the totals, and what is not known."""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from fairlead_ledger.spending.question import COLUMNS, Spending, read_row
from fairlead_proxy.contract.usage_record import Basis


class Row(Struct):
    """What the attempts of one key have used and cost, in one currency.

    `cost_nano`: None where no cost is known; `unpriced`: attempts whose cost is not; `estimated`: attempts whose tokens
    are, and what of `cost_nano` is theirs. `cached_input` and `cache_write` are beside `input`, not in it.
    """

    key: tuple[str, ...]
    currency: str
    attempts: int = 0
    unpriced: int = 0
    unbilled: int = 0
    estimated: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost_nano: int | None = None
    estimated_cost_nano: int = 0


class Answer(Struct, frozen=True):
    """`rows` by key; `totals`: one row a currency, their keys empty; `losses`: attempts by reason."""

    question: Spending
    rows: list[Row]
    totals: list[Row]
    losses: dict[str, int]


def group_columns(question: Spending) -> tuple[str, ...]:
    """Return what the statement groups by."""
    return (*COLUMNS[question.by], "basis", "currency")


def answer_of(question: Spending, rows: Sequence[tuple[Any, ...]], losses: Iterable[tuple[Any, ...]]) -> Answer:
    """Return the answer that these rows of the statement, grouped by `group_columns`, add up to."""
    width, columns = len(COLUMNS[question.by]), group_columns(question)
    found = [(row[:width], row[width], row[width + 1], read_row(columns, row)) for row in rows]
    currencies: dict[tuple[str, ...], str] = {}
    for key, _, currency, _ in found:
        if currency:
            currencies.setdefault(key, currency)
    main = next((currency for _, _, currency, _ in found if currency), "")
    by_key: dict[tuple[tuple[str, ...], str], Row] = {}
    totals: dict[str, Row] = {}
    for key, basis, currency, sums in found:
        # What has no price stands beside what has one, in the same row: it must not be overlooked.
        shown = currency or currencies.get(key, "")
        _add(by_key.setdefault((key, shown), Row(key, shown)), basis, sums)
        _add(totals.setdefault(currency or main, Row((), currency or main)), basis, sums)
    ordered = sorted(by_key.values(), key=lambda row: (-(row.cost_nano or 0), row.key, row.currency))
    return Answer(question, ordered, sorted(totals.values(), key=lambda row: row.currency), dict(losses))


def _add(row: Row, basis: str, sums: dict[str, Any]) -> None:
    row.attempts += sums["attempts"]
    row.unpriced += sums["unpriced"]
    row.input_tokens += sums["input_tokens"]
    row.cached_input_tokens += sums["cached_input_tokens"]
    row.cache_write_tokens += sums["cache_write_tokens"] + sums["cache_write_long_tokens"]
    row.output_tokens += sums["output_tokens"]
    row.reasoning_tokens += sums["reasoning_tokens"]
    if basis == Basis.UNBILLED:
        row.unbilled += sums["attempts"]
    if basis == Basis.ESTIMATED:
        row.estimated += sums["attempts"]
        row.estimated_cost_nano += sums["cost_nano"]
    if sums["priced"]:
        row.cost_nano = (row.cost_nano or 0) + sums["cost_nano"]
