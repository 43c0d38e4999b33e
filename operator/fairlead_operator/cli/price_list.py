"""What each model of these files costs, and where the price comes from: as values, and as the table that shows them."""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from fairlead_operator.cli.columns import render_table
from fairlead_operator.compiler.provider_document import own_price_of, quote_of, upstream_name_of
from fairlead_operator.inventory import Inventory
from fairlead_operator.price_book.book import PricesNow
from fairlead_operator.resources.meta import Kind
from fairlead_operator.resources.provider import ModelProviderSpec, ModelSpec
from fairlead_proxy.contract.price import Price, Rates, write_amount

UNPRICED = "none: unpriced"
_KINDS = ("input", "cachedInput", "cacheWrite", "cacheWriteLong", "output")
_HEADS = ["PROVIDER", "MODEL", "ABOVE", "INPUT", "CACHED", "WRITE", "WRITE-1H", "OUTPUT", "CURRENCY", "SOURCE"]


class PriceLine(Struct, frozen=True, kw_only=True):
    """One model of one provider. `provider`: `namespace/name`. `price` None: unpriced. `notes`: what it leaves out."""

    provider: str
    model: str
    upstream_model: str
    price: Price | None
    source: str
    notes: tuple[str, ...] = ()

    @property
    def known_in_part(self) -> bool:
        """Say whether there are calls, beside those that count nothing, whose cost this price does not tell."""
        if self.price is None:
            return False
        rates = [self.price.rates, *(tier.rates for tier in self.price.tiers)]
        return any(each.input is None or each.output is None for each in rates)


def price_lines(inventory: Inventory, book: PricesNow) -> list[PriceLine]:
    """Return a line for every model of every valid provider, sorted by provider, models as they are written."""
    return [
        _line_of(provider_id, found.spec, model, book)
        for provider_id, found in inventory.providers.items()
        if found.spec is not None
        for model in found.spec.models
    ]


def price_table(lines: Sequence[PriceLine]) -> str:
    """Return the table, a row for each model and one more for each of its bounds, and below it what to know of them."""
    if not lines:
        return "There is no model in these files.\n"
    rows = [_HEADS, *(row for line in lines for row in _rows_of(line))]
    below = [*_notes_of(lines), *_lacks_of(lines)]
    head = "Prices per million tokens; - is unknown. ABOVE: where the whole input is longer than so many tokens."
    return render_table(rows) + "\n" + "".join(f"{each}\n" for each in [head, *below])


def price_objects(lines: Iterable[PriceLine]) -> list[dict[str, object]]:
    """Return the lines as JSON has them, prices as a ModelProvider would give them."""
    return [
        {
            "provider": line.provider,
            "model": line.model,
            "upstreamModel": line.upstream_model,
            "price": None if line.price is None else _written(line.price),
            "source": line.source if line.price is not None else None,
            "notes": list(line.notes),
        }
        for line in lines
    ]


def _line_of(provider_id: str, spec: ModelProviderSpec, model: ModelSpec, book: PricesNow) -> PriceLine:
    own = own_price_of(model)
    quote = None if own is not None else quote_of(spec, model, book)
    price = quote.price if quote is not None else own
    return PriceLine(
        provider=provider_id,
        model=model.name,
        upstream_model=upstream_name_of(model),
        price=price,
        source=UNPRICED if price is None else price.source or Kind.MODEL_PROVIDER,
        notes=quote.notes if quote is not None else (),
    )


def _rows_of(line: PriceLine) -> Iterator[list[str]]:
    if line.price is None:
        yield [line.provider, line.model, "", *["-"] * len(_KINDS), "", line.source]
        return
    steps = [("", line.price.rates), *((str(tier.above), tier.rates) for tier in line.price.tiers)]
    for above, rates in steps:
        figures = ["-" if each is None else write_amount(each) for each in _figures(rates)]
        yield [line.provider, line.model, above, *figures, line.price.currency, line.source]


def _figures(rates: Rates) -> Sequence[int | None]:
    """Return what each kind of tokens costs, those included that cost what another kind does."""
    write = rates.input if rates.cache_write is None else rates.cache_write
    return (
        rates.input,
        rates.input if rates.cached_input is None else rates.cached_input,
        write,
        write if rates.cache_write_long is None else rates.cache_write_long,
        rates.output,
    )


def _written(price: Price) -> dict[str, object]:
    written: dict[str, object] = {"currency": price.currency, "perMTok": _written_rates(price.rates)}
    if price.tiers:
        tiers = [{"above": tier.above, "perMTok": _written_rates(tier.rates)} for tier in price.tiers]
        written["longContext"] = tiers
    return written


def _written_rates(rates: Rates) -> dict[str, str]:
    return {
        kind: write_amount(figure) for kind, figure in zip(_KINDS, _figures(rates), strict=True) if figure is not None
    }


def _notes_of(lines: Iterable[PriceLine]) -> Iterator[str]:
    """Yield each note once, with the models that it is about."""
    about: dict[str, list[str]] = {}
    for line in lines:
        for note in line.notes:
            about.setdefault(note, []).append(f"{line.provider}/{line.model}")
    for note, models in about.items():
        yield f"Note: {note} ({', '.join(models)})"


def _lacks_of(lines: Sequence[PriceLine]) -> Iterator[str]:
    lacking = {
        "unpriced: no call has a cost": [line for line in lines if line.price is None],
        "priced in part: calls that use what has no price have no cost": [line for line in lines if line.known_in_part],
    }
    for what, found in lacking.items():
        if found:
            names = ", ".join(f"{line.provider}/{line.model}" for line in found)
            yield f"{len(found)} of {len(lines)} models {'is' if len(found) == 1 else 'are'} {what} ({names})"
    if any(lacking.values()):
        yield 'To set a price, give the model one in its ModelProvider: price: {perMTok: {input: "1.25", output: "10"}}'
