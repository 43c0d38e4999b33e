"""A small book: whose list a provider's is, which price is in force, and when it may be another."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_operator.price_book.book import (
    NO_PRICES,
    Listed,
    ListedModel,
    ListedProvider,
    PriceBook,
    PricesNow,
)
from fairlead_operator.price_book.clauses import Clause, Op, with_dashed_date
from fairlead_proxy.contract.names import ProviderType
from fairlead_proxy.contract.price import NANO, Price, Rates

DAY = 86_400
NIGHT = (22 * 3600, 6 * 3600)


def price(units: int) -> Price:
    return Price(rates=Rates(input=units * NANO, output=units * NANO), source=f"book {units}")


def model(name: str, *listed: Listed) -> ListedModel:
    return ListedModel(id=name, match=Clause(Op.STARTS_WITH, name), prices=listed)


BOOK = PriceBook(
    edition="genai-prices 0",
    providers=(
        ListedProvider(
            id="openai", url_pattern=r"https://api\.openai\.com", models=(model("gpt", Listed(price=price(1))),)
        ),
        ListedProvider(id="anthropic", url_pattern=r"https://api\.anthropic\.com"),
        ListedProvider(
            id="azure",
            url_pattern=r"(https?://)?([^.]*\.)?openai\.azure\.com",
            stand_ins=("nowhere", "openai"),
            models=(model("phi", Listed(price=price(2))),),
        ),
        ListedProvider(
            id="vendor",
            url_pattern=r"https://(.*\.)?vendor\.example",
            models=(
                model("day", Listed(price=price(3)), Listed(price=price(4), since=10 * DAY)),
                model("night", Listed(price=price(5)), Listed(price=price(6), daily=NIGHT)),
                model("speech", Listed(notes=("not counted: audio",))),
                model("dated-2025-12-11", Listed(price=price(7))),
                model("empty"),
            ),
        ),
    ),
)


def found(
    name: str, *, now: float = 0.0, of: ProviderType = ProviderType.OPENAI_COMPATIBLE, url: str = ""
) -> int | None:
    """Return how many units the price is that is found."""
    quote = PricesNow(BOOK, now).find(of, url or "https://eu.vendor.example/v1", name)
    return None if quote is None or quote.price is None else (quote.price.rates.input or 0) // NANO


OPENAI = "https://api.openai.com/v1"
AZURE = "https://name.openai.azure.com"


@pytest.mark.parametrize(
    ("of", "url", "name", "units"),
    [
        (ProviderType.OPENAI, OPENAI, "gpt-x", 1),
        (ProviderType.OPENAI, OPENAI, "GPT-X", 1),
        (ProviderType.OPENAI, OPENAI, "phi", None),
        (ProviderType.OPENAI, "https://eu.vendor.example/v1", "day", 3),
        (ProviderType.AZURE_OPENAI, AZURE, "phi", 2),
        (ProviderType.AZURE_OPENAI, AZURE, "gpt-x", 1),
        (ProviderType.OPENAI_COMPATIBLE, OPENAI, "gpt-x", 1),
        (ProviderType.OPENAI_COMPATIBLE, "https://vendor.example/v1", "day", 3),
        (ProviderType.OPENAI_COMPATIBLE, "http://vllm.lab.svc:8000/v1", "gpt-x", None),
        (ProviderType.ANTHROPIC, "https://api.anthropic.com", "gpt-x", None),
        (ProviderType.SIMULATED, "", "gpt-x", None),
    ],
)
def test_a_provider_has_the_list_of_its_vendor_and_of_who_stands_in(
    of: ProviderType, url: str, name: str, units: int | None
) -> None:
    assert found(name, of=of, url=url) == units


@pytest.mark.parametrize("of", [ProviderType.OPENAI, ProviderType.OPENAI_COMPATIBLE])
@pytest.mark.parametrize("url", ["http://localhost:1/v1", "https://api.openai.com.evil.example/v1"])
def test_a_list_is_for_its_own_addresses_whatever_the_type_says(of: ProviderType, url: str) -> None:
    assert found("gpt-x", of=of, url=url) is None


@pytest.mark.parametrize("url", ["https://eu.vendor.example/v1", "http://localhost:1/v1"])
def test_where_a_vendors_type_has_another_address_it_is_said_why_it_has_no_price(url: str) -> None:
    quote = PricesNow(BOOK, 0).find(ProviderType.OPENAI, url, "gpt-x")
    host = urlsplit(url).hostname
    assert quote is not None
    assert (quote.price, quote.entry) == (None, "")
    assert quote.notes == (f"{host} is no address that the list prices of type OpenAI are for",)


def test_an_entry_without_a_price_at_another_address_keeps_its_notes() -> None:
    quote = PricesNow(BOOK, 0).find(ProviderType.ANTHROPIC, "https://vendor.example", "speech-1")
    assert quote is not None
    assert quote.entry == "vendor/speech"
    assert "not counted: audio" in quote.notes


def test_a_price_is_taken_over_on_its_day_and_not_before() -> None:
    assert [found("day", now=now) for now in (0, 10 * DAY - 1, 10 * DAY)] == [3, 3, 4]


def test_hours_of_the_day_may_go_over_midnight() -> None:
    hours = (0, 5.99, 6, 21.99, 22, 23.99)
    assert [found("night", now=5 * DAY + hour * 3600) for hour in hours] == [6, 6, 5, 5, 6, 6]


@given(st.sampled_from(["day", "night"]), st.integers(0, 20 * DAY), st.integers(0, 2 * DAY))
def test_a_price_holds_until_it_says_it_may_change(name: str, now: int, later: int) -> None:
    prices = PricesNow(BOOK, now)
    prices.find(ProviderType.OPENAI_COMPATIBLE, "https://vendor.example", name)
    assert prices.until > now
    if now + later < prices.until:
        assert found(name, now=now) == found(name, now=now + later)


def test_only_prices_that_were_asked_for_bound_how_long_the_answers_hold() -> None:
    prices = PricesNow(BOOK, 9 * DAY)
    assert prices.until == float("inf")
    prices.find(ProviderType.OPENAI, OPENAI, "gpt-x")
    assert prices.until == float("inf")
    prices.find(ProviderType.OPENAI_COMPATIBLE, "https://vendor.example", "day")
    assert prices.until == 10 * DAY


def test_an_entry_without_a_price_for_tokens_says_why() -> None:
    quote = PricesNow(BOOK, 0).find(ProviderType.OPENAI_COMPATIBLE, "https://vendor.example", "speech-1")
    assert quote is not None
    assert (quote.price, quote.entry, quote.notes) == (None, "vendor/speech", ("not counted: audio",))
    assert found("empty") is None


def test_a_compact_date_is_looked_up_with_dashes() -> None:
    assert [found(name) for name in ("dated-20251211", "dated-20251211:free", "dated-20250231")] == [7, 7, None]


@pytest.mark.parametrize(
    ("name", "dashed"),
    [
        ("m-20251211", "m-2025-12-11"),
        ("m-20240229-x", "m-2024-02-29-x"),
        ("m-20230229", "m-20230229"),
        ("m20251211", "m20251211"),
        ("m-202512110", "m-202512110"),
    ],
)
def test_dates_are_spelled_with_dashes_where_they_are_dates(name: str, dashed: str) -> None:
    assert with_dashed_date(name) == dashed


@pytest.mark.parametrize(
    ("clause", "names"),
    [
        (Clause(Op.EQUALS, "ab"), ["ab"]),
        (Clause(Op.STARTS_WITH, "ab"), ["ab", "abc"]),
        (Clause(Op.ENDS_WITH, "ab"), ["ab", "cab"]),
        (Clause(Op.CONTAINS, "ab"), ["ab", "abc", "cab"]),
        (Clause(Op.REGEX, "^ab?"), ["ab", "abc", "a"]),
        (Clause(Op.ANY, parts=(Clause(Op.EQUALS, "a"), Clause(Op.EQUALS, "ab"))), ["ab", "a"]),
        (Clause(Op.ALL, parts=(Clause(Op.CONTAINS, "ab"), Clause(Op.CONTAINS, "c"))), ["abc", "cab"]),
        (Clause(Op.ANY), []),
    ],
)
def test_clauses_compare_as_their_names_say(clause: Clause, names: list[str]) -> None:
    assert [name for name in ("ab", "abc", "cab", "a") if clause.holds(name)] == names


def test_without_a_book_nothing_is_found_and_nothing_remembered() -> None:
    assert NO_PRICES.find(ProviderType.OPENAI, "", "gpt-x") is None
    assert NO_PRICES.until == float("inf")


def test_where_prices_differ_from_place_to_place_that_is_said() -> None:
    quote = PricesNow(BOOK, 0).find(ProviderType.AZURE_OPENAI, AZURE, "gpt-x")
    assert quote is not None
    assert quote.notes == ("found by the deployment's name; the price of Global deployments: others may cost more",)
