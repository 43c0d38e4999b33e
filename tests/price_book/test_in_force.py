"""Prices for whoever compiles again and again: the same view while nothing changes, a new one when something may."""

import logging
import sys
from pathlib import Path

import msgspec
import pytest
from doubles.compiled import read_inventory

from fairlead_operator.inventory import Inventory
from fairlead_operator.price_book.book import NO_PRICES, Listed, ListedModel, ListedProvider, PriceBook
from fairlead_operator.price_book.clauses import Clause, Op
from fairlead_operator.price_book.in_force import ListPrices
from fairlead_operator.price_book.shelf import Shelf
from fairlead_proxy.contract.names import ProviderType
from fairlead_proxy.contract.price import Price, Rates

PRICED = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: lab, namespace: team}
spec: {type: OpenAI, models: [{name: gpt, price: {perMTok: {input: "1"}}}]}
"""
UNPRICED = PRICED.replace(', price: {perMTok: {input: "1"}}', "")
BEFORE, AFTER = (Price(rates=Rates(input=rate)) for rate in (1, 2))
DAY = 1000.0
LISTED = ListedModel(
    id="gpt", match=Clause(Op.EQUALS, "gpt"), prices=(Listed(price=BEFORE), Listed(price=AFTER, since=int(DAY)))
)
BOOK = PriceBook(
    edition="genai-prices 0", providers=(ListedProvider(id="openai", url_pattern="https://lab", models=(LISTED,)),)
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def shelf() -> Shelf:
    code = "import sys; sys.stdout.write(sys.argv[1])"
    return Shelf({}, generator=(sys.executable, "-c", code, msgspec.json.encode(BOOK).decode()))


async def found(prices: ListPrices, inventory: Inventory) -> Price | None:
    quote = (await prices.for_inventory(inventory)).find(ProviderType.OPENAI, "https://lab", "gpt")
    return None if quote is None else quote.price


async def test_a_price_that_changes_is_taken_over_when_its_day_comes() -> None:
    clock, inventory = Clock(), read_inventory(UNPRICED)
    prices = ListPrices(shelf(), clock)
    assert not prices.are_outdated()
    assert await found(prices, inventory) == BEFORE
    clock.now = DAY - 0.5
    assert not prices.are_outdated()
    clock.now = DAY
    assert prices.are_outdated()
    assert await found(prices, inventory) == AFTER
    assert not prices.are_outdated()


async def test_the_same_answers_are_kept_while_nothing_changes() -> None:
    prices, inventory = ListPrices(shelf(), Clock()), read_inventory(UNPRICED)
    assert await prices.for_inventory(inventory) is await prices.for_inventory(inventory)


async def test_where_every_model_has_a_price_no_book_is_fetched(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    touching = Shelf({}, generator=(sys.executable, "-c", f"open({str(mark)!r}, 'w')"))
    assert await ListPrices(touching, Clock()).for_inventory(read_inventory(PRICED)) is NO_PRICES
    assert await ListPrices(None, Clock()).for_inventory(read_inventory(UNPRICED)) is NO_PRICES
    assert not mark.exists()


async def test_that_there_is_no_book_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    prices = ListPrices(Shelf({}, package="genai-prices-of-nobody"), Clock())
    for _ in range(2):
        assert await found(prices, read_inventory(UNPRICED)) is None
    (record,) = caplog.records
    assert record.message == "models whose owners give no price are unpriced"
    assert "pip install" in vars(record)["problem"]
