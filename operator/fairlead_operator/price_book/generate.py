"""Makes the price book from the genai-prices package. Run as a process of its own: the package is large to import."""

import argparse
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from importlib.metadata import version
from pathlib import Path

import msgspec
from genai_prices import types as given
from genai_prices.data import providers

from fairlead_operator.price_book.book import Listed, ListedModel, ListedProvider, PriceBook
from fairlead_operator.price_book.clauses import Clause, Op
from fairlead_operator.price_book.files import PACKAGE, write_whole
from fairlead_proxy.contract.price import NANO, Price, Rates, Tier

_LONG_WRITES = "writes for an hour: twice the input"
"""Source: https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching, "Pricing"."""

_INPUT, _OUTPUT, _READ = "input_mtok", "output_mtok", "cache_read_mtok"
_WRITE, _SHORT_WRITE, _LONG_WRITE = "cache_write_mtok", "cache_write_5m_mtok", "cache_write_1h_mtok"
_COUNTED = frozenset({_INPUT, _OUTPUT, _READ, _WRITE, _SHORT_WRITE, _LONG_WRITE})
_UNITS = ("_mtok", "_mchars", "_kcount", "_kpages", "_hours")

Figure = Decimal | given.TieredPrices


def generate_book() -> PriceBook:
    """Return all that the package has and we count."""
    edition = f"{PACKAGE} {version(PACKAGE)}"
    return PriceBook(edition=edition, providers=tuple(_provider(each, edition) for each in providers))


def _provider(provider: given.Provider, edition: str) -> ListedProvider:
    return ListedProvider(
        id=provider.id,
        url_pattern=provider.api_pattern,
        stand_ins=tuple(provider.fallback_model_providers or ()),
        models=tuple(_model(model, f"{edition} {provider.id}/{model.id}") for model in provider.models),
    )


def _model(model: given.ModelInfo, source: str) -> ListedModel:
    conditional = model.prices
    if isinstance(conditional, given.ModelPrice):
        conditional = [given.ConditionalPrice(prices=conditional)]
    others = sorted({word for variant in model.price_variants or () for word in variant.when.values()} - {"default"})
    notes = [f"calls of these sorts have other prices, which are not used: {', '.join(others)}"] if others else []
    return ListedModel(
        id=model.id,
        match=_clause(model.match),
        prices=tuple(_listed(each, source, notes, claude="claude" in model.id.lower()) for each in conditional),
    )


def _listed(conditional: given.ConditionalPrice, source: str, notes: Iterable[str], *, claude: bool) -> Listed:
    figures = {name: value for name, value in vars(conditional.prices).items() if value is not None}
    price, said = price_of(figures, source, claude=claude)
    since, daily = 0, None
    match conditional.constraint:
        case given.StartDateConstraint(start_date=day):
            since = _midnight(day)
        case given.TimeOfDateConstraint(start_time=begin, end_time=end):
            daily = _second_of_day(begin), _second_of_day(end)
        case None:
            pass
    return Listed(price=price, since=since, daily=daily, notes=(*said, *notes))


def price_of(figures: Mapping[str, Figure], source: str, *, claude: bool) -> tuple[Price | None, list[str]]:
    """Return the price that these figures of the package make, and what should be known of it.

    `claude`: it is Anthropic's, whose writes to a cache for an hour have a price of their own.
    """
    uncounted = sorted(_word(name) for name in figures if name not in _COUNTED)
    notes = [f"not counted: {', '.join(uncounted)}"] if uncounted else []
    if _INPUT not in figures and _OUTPUT not in figures:
        return None, notes
    counted = {name: value for name, value in figures.items() if name in _COUNTED}
    doubled = claude and _INPUT in counted and (_WRITE in counted or _SHORT_WRITE in counted)
    doubled = doubled and _LONG_WRITE not in counted
    bounds = sorted({tier.start for value in counted.values() for tier in _tiers(value)})
    rates = {bound: _rates(counted, bound, doubled=doubled) for bound in (-1, *bounds)}
    if any(amount * NANO % 1 for value in counted.values() for amount in _amounts(value)):
        notes.append("rounded to nano-USD per million tokens")
    price = Price(
        rates=rates[-1],
        tiers=tuple(Tier(above=bound, rates=rates[bound]) for bound in bounds),
        source=f"{source}; {_LONG_WRITES}" if doubled else source,
    )
    return price, notes


def _rates(figures: Mapping[str, Figure], bound: int, *, doubled: bool) -> Rates:
    """Return the rates of calls whose input is longer than `bound`; -1: those of all others."""

    def at(*names: str) -> int | None:
        value = next((figures[name] for name in names if name in figures), None)
        return None if value is None else _nano(_amount_above(value, bound))

    read, written = at(_INPUT), at(_SHORT_WRITE, _WRITE)
    return Rates(
        input=read,
        cached_input=at(_READ),
        cache_write=written,
        cache_write_long=2 * read if doubled and read is not None else at(_LONG_WRITE),
        output=at(_OUTPUT),
    )


def _amount_above(value: Figure, bound: int) -> Decimal:
    if isinstance(value, Decimal):
        return value
    reached = [tier.price for tier in value.tiers if tier.start <= bound]
    return reached[-1] if reached else value.base


def _tiers(value: Figure) -> list[given.Tier]:
    return [] if isinstance(value, Decimal) else value.tiers


def _amounts(value: Figure) -> list[Decimal]:
    return [value] if isinstance(value, Decimal) else [value.base, *(tier.price for tier in value.tiers)]


def _nano(amount: Decimal) -> int:
    return int((amount * NANO).quantize(Decimal(1), ROUND_HALF_UP))


def _word(name: str) -> str:
    unit = next((unit for unit in _UNITS if name.endswith(unit)), "")
    return name.removesuffix(unit).replace("_", " ")


def _clause(logic: given.MatchLogic) -> Clause:
    match logic:
        case given.ClauseEquals(equals=text):
            return Clause(Op.EQUALS, text.lower())
        case given.ClauseStartsWith(starts_with=text):
            return Clause(Op.STARTS_WITH, text.lower())
        case given.ClauseEndsWith(ends_with=text):
            return Clause(Op.ENDS_WITH, text.lower())
        case given.ClauseContains(contains=text):
            return Clause(Op.CONTAINS, text.lower())
        case given.ClauseRegex(regex=text):
            return Clause(Op.REGEX, text)
        case given.ClauseOr(or_=parts):
            return Clause(Op.ANY, parts=tuple(map(_clause, parts)))
        case given.ClauseAnd(and_=parts):
            return Clause(Op.ALL, parts=tuple(map(_clause, parts)))


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())


def _second_of_day(moment: time) -> int:
    aware = datetime.combine(date(1970, 1, 2), moment, moment.tzinfo or UTC)
    return int(aware.timestamp()) % 86_400


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, help="keep it in this directory, instead of writing it to standard output")
    directory = parser.parse_args().into
    encoded = msgspec.json.encode(generate_book())
    if directory is None:
        sys.stdout.buffer.write(encoded)
    else:
        write_whole(directory, version(PACKAGE), encoded)
