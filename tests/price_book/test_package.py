"""The book says what its package says: which model a name is, what is in force when, and what a call comes to."""

from datetime import UTC, datetime, time
from decimal import Decimal
from fractions import Fraction
from math import floor

import msgspec
import pytest
from genai_prices import types as given
from genai_prices.data import providers

from fairlead_operator.compiler.provider_document import DEFAULT_URLS, bedrock_url, vertex_url
from fairlead_operator.price_book.book import ListedModel, PriceBook, PricesNow
from fairlead_operator.price_book.generate import generate_book, price_of
from fairlead_proxy.contract.names import ProviderType
from fairlead_proxy.contract.price import NANO, Price, Rates, Tier

BOOK = generate_book()
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
MOMENTS = [NOW, datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 3, 12, 23, 59, 59, tzinfo=UTC), NOW.replace(hour=3)]
PAIRS = [
    (theirs, model, ours.models[position])
    for theirs, ours in zip(providers, BOOK.providers, strict=True)
    for position, model in enumerate(theirs.models)
]
URLS = {
    **DEFAULT_URLS,
    ProviderType.AZURE_OPENAI: "https://name.openai.azure.com",
    ProviderType.BEDROCK: bedrock_url("us-east-1"),
    ProviderType.VERTEX_AI: vertex_url("global"),
}
TIERS = (0, 99_999, 100_000, 100_001, 200_000, 200_001, 1_000_000)


def spellings(place: int, model: str) -> list[str]:
    """Return a model's id, and of every seventh what else it may be called: a look-up is a thousand comparisons."""
    others = [model.upper(), f"{model}-20251211", f"{model}-20250231", f"{model}@20250929", f"x/{model}", model[:-1]]
    return [model, *others] if place % 7 == 0 else [model]


@pytest.mark.parametrize("provider", providers, ids=lambda provider: provider.id)
def test_every_name_leads_to_the_entry_to_which_the_package_leads(provider: given.Provider) -> None:
    prices = PricesNow(BOOK, NOW.timestamp())
    for name in (name for place, model in enumerate(provider.models) for name in spellings(place, model.id)):
        theirs = provider.find_model(name, all_providers=providers)
        quote = prices.find_in(provider.id, name.lower())
        assert (quote.entry.partition("/")[2] if quote else None) == (theirs.id if theirs else None), name


@pytest.mark.parametrize("now", MOMENTS, ids=str)
def test_calls_cost_what_they_cost_by_the_package(now: datetime) -> None:
    """To the nano-USD, where the package's figures are no finer than that and have a price for each kind."""
    compared = 0
    for _, theirs, ours in PAIRS:
        price = price_now(ours, now)
        figures = {key: value for key, value in vars(theirs.get_prices(now)).items() if value is not None}
        if price is None or price.rates.input is None or price.rates.output is None or is_apart(figures):
            continue
        written = "cache_write_mtok" in figures
        for tokens in TIERS:
            kinds = (tokens, tokens // 3 if "cache_read_mtok" in figures else 0, 7 if written else 0, 777)
            usage = given.Usage(
                input_tokens=sum(kinds[:3]),
                cache_read_tokens=kinds[1],
                cache_write_tokens=kinds[2],
                output_tokens=kinds[3],
            )
            exact = Fraction(given.ModelPrice(**tokens_only(figures)).calc_price(usage)["total_price"]) * NANO
            assert price.cost(kinds[0], kinds[1], kinds[2], 0, kinds[3]) == floor(exact + Fraction(1, 2)), theirs.id
            compared += 1
    assert compared > 10_000


def price_now(model: ListedModel, now: datetime) -> Price | None:
    return model.price_at(now.timestamp()).price


def tokens_only(figures: dict[str, Decimal | given.TieredPrices]) -> dict[str, Decimal | given.TieredPrices]:
    kinds = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")
    return {kind: figures[kind] for kind in kinds if kind in figures}


def is_apart(figures: dict[str, Decimal | given.TieredPrices]) -> bool:
    """Say whether a figure is finer than a nano-USD, so that the book rounds it."""
    return any(
        amount * NANO % 1
        for value in tokens_only(figures).values()
        for amount in ([value] if isinstance(value, Decimal) else [value.base, *(tier.price for tier in value.tiers)])
    )


@pytest.mark.parametrize(
    ("provider_type", "name", "figures", "tier"),
    [
        (ProviderType.OPENAI, "gpt-4o", ("2.5", "1.25", None, None, "10"), None),
        (ProviderType.OPENAI, "gpt-4o-mini-2024-07-18", ("0.15", "0.075", None, None, "0.6"), None),
        (ProviderType.OPENAI, "gpt-5", ("1.25", "0.125", None, None, "10"), None),
        (ProviderType.AZURE_OPENAI, "gpt-4o", ("2.5", "1.25", None, None, "10"), None),
        (ProviderType.ANTHROPIC, "claude-3-5-haiku-20241022", ("0.8", "0.08", "1", "1.6", "4"), None),
        (ProviderType.ANTHROPIC, "claude-opus-4-1-20250805", ("15", "1.5", "18.75", "30", "75"), None),
        (
            ProviderType.ANTHROPIC,
            "claude-sonnet-4-5-20250929",
            ("3", "0.3", "3.75", "6", "15"),
            (200_000, ("6", "0.6", "7.5", "12", "22.5")),
        ),
        (
            ProviderType.VERTEX_AI,
            "anthropic/claude-sonnet-4-5@20250929",
            ("3", "0.3", "3.75", "6", "15"),
            (200_000, ("6", "0.6", "7.5", "12", "22.5")),
        ),
        (
            ProviderType.GEMINI,
            "models/gemini-2.5-pro",
            ("1.25", "0.125", None, None, "10"),
            (200_000, ("2.5", "0.25", None, None, "15")),
        ),
        (ProviderType.GEMINI, "gemini-2.5-flash", ("0.3", "0.03", None, None, "2.5"), None),
        (ProviderType.BEDROCK, "eu.anthropic.claude-sonnet-4-20250514-v1:0", ("3", "0.3", "3.75", "6", "15"), None),
        (
            ProviderType.BEDROCK,
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-pro-v1:0",
            ("0.8", "0.2", None, None, "3.2"),
            None,
        ),
    ],
)
def test_well_known_models_cost_what_their_vendors_say(
    provider_type: ProviderType,
    name: str,
    figures: tuple[str | None, ...],
    tier: tuple[int, tuple[str | None, ...]] | None,
) -> None:
    quote = PricesNow(BOOK, NOW.timestamp()).find(provider_type, URLS[provider_type], name)
    assert quote is not None
    assert quote.price is not None
    assert quote.price.rates == rates(figures)
    assert quote.price.tiers == (() if tier is None else (Tier(above=tier[0], rates=rates(tier[1])),))
    assert quote.price.source.startswith(f"{BOOK.edition} {quote.entry}")


@pytest.mark.parametrize(
    "url",
    [
        "https://bedrock-runtime-fips.us-east-1.amazonaws.com",
        "https://vpce-0f-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com",
    ],
)
def test_bedrock_costs_the_same_by_fips_and_from_a_private_network(url: str) -> None:
    quote = PricesNow(BOOK, NOW.timestamp()).find(ProviderType.BEDROCK, url, "amazon.nova-pro-v1:0")
    assert quote is not None
    assert quote.price is not None


@pytest.mark.parametrize("region", ["cn-north-1", "eusc-de-east-1"])
def test_partitions_that_stand_apart_have_no_list_price(region: str) -> None:
    quote = PricesNow(BOOK, NOW.timestamp()).find(ProviderType.BEDROCK, bedrock_url(region), "amazon.nova-pro-v1:0")
    assert quote is not None
    assert (quote.price, len(quote.notes)) == (None, 1)


def rates(figures: tuple[str | None, ...]) -> Rates:
    kinds = ("input", "cached_input", "cache_write", "cache_write_long", "output")
    nano = {
        kind: None if each is None else int(Decimal(each) * NANO) for kind, each in zip(kinds, figures, strict=True)
    }
    return Rates(**nano)


def test_writes_for_an_hour_cost_twice_the_input_where_the_package_has_no_figure_for_claude() -> None:
    figures = {"input_mtok": Decimal(3), "cache_write_mtok": Decimal("3.75"), "output_mtok": Decimal(15)}
    priced, _ = price_of(figures, "book a/claude", claude=True)
    assert priced is not None
    assert (priced.rates.cache_write_long, priced.source) == (
        6 * NANO,
        "book a/claude; writes for an hour: twice the input",
    )
    other, _ = price_of(figures, "book a/other", claude=False)
    assert other is not None
    assert (other.rates.cache_write_long, other.source) == (None, "book a/other")


def test_what_is_not_counted_is_said() -> None:
    price, notes = price_of({"input_mtok": Decimal(1), "requests_kcount": Decimal(5)}, "", claude=False)
    assert price == Price(rates=Rates(input=NANO))
    assert notes == ["not counted: requests"]
    assert price_of({"input_audio_hours": Decimal(1)}, "", claude=False) == (None, ["not counted: input audio"])


def test_a_figure_that_is_too_fine_is_rounded_and_that_is_said() -> None:
    price, notes = price_of({"input_mtok": Decimal("0.0833333333333333")}, "", claude=False)
    assert price == Price(rates=Rates(input=83_333_333))
    assert notes == ["rounded to nano-USD per million tokens"]


def test_bounds_of_one_kind_are_bounds_of_all() -> None:
    tiered = given.TieredPrices(base=Decimal(1), tiers=[given.Tier(start=10, price=Decimal(2))])
    price, _ = price_of({"input_mtok": tiered, "output_mtok": Decimal(4)}, "", claude=False)
    assert price == Price(
        rates=Rates(input=NANO, output=4 * NANO),
        tiers=(Tier(above=10, rates=Rates(input=2 * NANO, output=4 * NANO)),),
    )


def test_hours_of_another_zone_are_hours_of_the_day_in_utc() -> None:
    (listed,) = (
        listed
        for provider in BOOK.providers
        if provider.id == "deepseek"
        for model in provider.models
        if model.id == "deepseek-chat"
        for listed in model.prices
        if listed.daily is not None
    )
    assert listed.daily == seconds_of(time(0, 30), time(16, 30))


def seconds_of(*moments: time) -> tuple[int, ...]:
    return tuple(moment.hour * 3600 + moment.minute * 60 for moment in moments)


def test_the_book_is_read_as_it_was_written() -> None:
    assert msgspec.json.decode(msgspec.json.encode(BOOK), type=PriceBook) == BOOK


def test_a_price_begins_on_its_first_day_in_utc() -> None:
    opus = next(ours for theirs, model, ours in PAIRS if (theirs.id, model.id) == ("anthropic", "claude-opus-4-6"))
    assert opus.prices[-1].since == datetime(2026, 3, 13, tzinfo=UTC).timestamp()
