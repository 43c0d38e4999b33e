"""What a model costs as proxies are told: as its owner says, else by the book, else unknown."""

import pytest
from doubles.compiled import read_inventory

from fairlead_operator.compiler.compile import CompilerMemory, compile_inventory
from fairlead_operator.inventory import Inventory
from fairlead_operator.price_book.book import NO_PRICES, Listed, ListedModel, ListedProvider, PriceBook, PricesNow
from fairlead_operator.price_book.clauses import Clause, Op
from fairlead_proxy.contract.price import NANO, Price, Rates, Tier

OBJECTS = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelGateway
metadata: {name: main, namespace: team}
spec: {}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: lab, namespace: team}
spec:
  type: OpenAI
  models:
  - {name: own, upstreamName: gpt, price: {perMTok: {output: "0.5"}}}
  - name: tiers
    price:
      currency: EUR
      perMTok: {input: "1", cachedInput: "0", cacheWrite: "1.25", cacheWriteLong: "2", output: "4.000000001"}
      longContext: [{above: 1000, perMTok: {input: "2"}}, {above: 2000, perMTok: {input: "3"}}]
  - {name: listed, upstreamName: gpt}
  - {name: unknown}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: sim, namespace: team}
spec: {type: Simulated, models: [{name: gpt}]}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: twin, namespace: team}
spec:
  type: OpenAI
  endpoint: {url: "https://api.openai.com.evil.example/v1"}
  models: [{name: twin, upstreamName: gpt}]
"""
OLD, NEW = (Price(rates=Rates(input=rate), source=f"book {rate}") for rate in (1, 2))


def book_at(now: float) -> PricesNow:
    listed = (Listed(price=OLD), Listed(price=NEW, since=1000))
    model = ListedModel(id="gpt", match=Clause(Op.EQUALS, "gpt"), prices=listed)
    provider = ListedProvider(id="openai", url_pattern=r"https://api\.openai\.com", models=(model,))
    return PricesNow(PriceBook(edition="book", providers=(provider,)), now)


def prices_of(
    inventory: Inventory, prices: PricesNow = NO_PRICES, memory: CompilerMemory | None = None
) -> dict[str, Price | None]:
    providers = compile_inventory(inventory, memory=memory, prices=prices).gateways["team/main"].providers
    return {model.name: model.price for provider in providers for model in provider.models}


@pytest.fixture
def inventory() -> Inventory:
    return read_inventory(OBJECTS)


def test_what_the_owner_says_counts_and_nothing_is_added_from_the_book(inventory: Inventory) -> None:
    found = prices_of(inventory, book_at(0))
    assert found["own"] == Price(rates=Rates(output=NANO // 2))
    assert found["tiers"] == Price(
        currency="EUR",
        rates=Rates(
            input=NANO, cached_input=0, cache_write=5 * NANO // 4, cache_write_long=2 * NANO, output=4 * NANO + 1
        ),
        tiers=(Tier(above=1000, rates=Rates(input=2 * NANO)), Tier(above=2000, rates=Rates(input=3 * NANO))),
    )


def test_where_the_owner_says_nothing_the_book_counts_by_the_upstream_name(inventory: Inventory) -> None:
    found = prices_of(inventory, book_at(0))
    assert (found["listed"], found["unknown"], found["gpt"]) == (OLD, None, None)
    assert prices_of(inventory)["listed"] is None


def test_the_prices_of_a_vendor_are_not_those_of_another_host(inventory: Inventory) -> None:
    assert prices_of(inventory, book_at(0))["twin"] is None


def test_a_memory_sees_a_price_that_has_changed(inventory: Inventory) -> None:
    memory = CompilerMemory()
    found = [prices_of(inventory, book_at(now), memory)["listed"] for now in (0, 999, 1000, 0)]
    assert found == [OLD, OLD, NEW, OLD]
