"""What the price book holds, and what of it is in force at a moment."""

from collections.abc import Iterator

from msgspec import Struct

from fairlead_operator.price_book.addresses import host_of, is_at
from fairlead_operator.price_book.clauses import Clause, with_dashed_date
from fairlead_proxy.contract.names import ProviderType
from fairlead_proxy.contract.price import Price

BOOK_FORMAT = 1
"""The form in which a book is kept in a file; whatever has another one is made anew."""

_DAY = 86_400
_LISTED_AS = {
    ProviderType.OPENAI: "openai",
    ProviderType.ANTHROPIC: "anthropic",
    ProviderType.GEMINI: "google",
    ProviderType.VERTEX_AI: "google",
    ProviderType.BEDROCK: "aws",
    ProviderType.AZURE_OPENAI: "azure",
}
_ALSO_AT = {"aws": r"https://(?:[^./]+\.)?bedrock-runtime(?:-fips)?\.[a-z0-9-]+(?:\.vpce)?\.amazonaws\.com"}
"""Addresses with the prices of a list that its own pattern does not know: those with FIPS, and of a private network.

Source: https://docs.aws.amazon.com/bedrock/latest/userguide/vpc-interface-endpoints.html
"""
_NOTES = {
    ProviderType.VERTEX_AI: "the price of the global endpoint: regions may cost more",
    ProviderType.AZURE_OPENAI: "found by the deployment's name; the price of Global deployments: others may cost more",
}


class Listed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A price and when it is in force. None: the entry has no price for tokens.

    `since`: Unix seconds, 0: always; `daily`: from and until which second of the UTC day, over midnight where the first
    is greater. `notes`: what whoever relies on the price should know.
    """

    price: Price | None = None
    since: int = 0
    daily: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()

    def is_in_force(self, now: float) -> bool:
        if now < self.since:
            return False
        if self.daily is None:
            return True
        begin, end = self.daily
        second = now % _DAY
        return begin <= second < end if begin <= end else second >= begin or second < end

    def changes(self, now: float) -> Iterator[float]:
        """Yield the next moments at which it may come into force or go out of it."""
        if self.since > now:
            yield self.since
        for second in self.daily or ():
            yield now + ((second - now % _DAY) % _DAY or _DAY)


class ListedModel(Struct, frozen=True, kw_only=True):
    """One model in a provider's list. Of its prices the last that is in force counts, or else the first."""

    id: str
    match: Clause
    prices: tuple[Listed, ...] = ()

    def price_at(self, now: float) -> Listed:
        for listed in reversed(self.prices):
            if listed.is_in_force(now):
                return listed
        return self.prices[0] if self.prices else Listed()


class ListedProvider(Struct, frozen=True, kw_only=True):
    """One provider's list. `url_pattern`: which urls are its own. `stand_ins`: whose lists hold what its own lacks."""

    id: str
    url_pattern: str
    stand_ins: tuple[str, ...] = ()
    models: tuple[ListedModel, ...] = ()

    def is_at(self, url: str) -> bool:
        """Say whether the list is for what is called at this url."""
        return is_at(url, self.url_pattern) or (self.id in _ALSO_AT and is_at(url, _ALSO_AT[self.id]))

    def find(self, name: str) -> ListedModel | None:
        return next((model for model in self.models if model.match.holds(name)), None)


class PriceBook(Struct, frozen=True, kw_only=True):
    """All lists. `edition`: the package they come from, with its version."""

    format: int = BOOK_FORMAT
    edition: str
    providers: tuple[ListedProvider, ...] = ()


class Quote(Struct, frozen=True, kw_only=True):
    """What the book says of one model. `price` None: it has no price for tokens, and the notes say why.

    `entry`: `provider/model` as the book calls them; empty where the list that would have one is not for this address.
    `until`: when it may change, in Unix seconds; None: never.
    """

    price: Price | None
    entry: str
    notes: tuple[str, ...] = ()
    until: float | None = None


class PricesNow:
    """The book as it is at one moment; it remembers what it was asked, so that asking again costs next to nothing."""

    def __init__(self, book: PriceBook | None, now: float) -> None:
        self._lists = {provider.id: provider for provider in book.providers} if book is not None else {}
        self._now = now
        self._known: dict[tuple[str, str], Quote | None] = {}
        self._listed_at: dict[tuple[str, str], str] = {}

    def find(self, provider_type: ProviderType, url: str, model: str) -> Quote | None:
        """Return what the book says of a model; `model` as the provider calls it. None: nothing.

        A list is for the addresses of its vendor. A vendor's type at another address has no price of that vendor: who
        answers there is not known, nor what for.
        """
        vendor = _LISTED_AS.get(provider_type, "")
        any_vendor = provider_type is ProviderType.OPENAI_COMPATIBLE
        if not self._lists or not (any_vendor or vendor in self._lists):
            return None
        list_id = self._list_at(url, vendor)
        quote = self.find_in(list_id, _bare_name(provider_type, model)) if list_id else None
        priced = quote is not None and quote.price is not None
        if any_vendor or list_id == vendor:
            note = _NOTES.get(provider_type, "") if priced else ""
        else:
            note = (
                "" if priced else f"{host_of(url)} is no address that the list prices of type {provider_type} are for"
            )
            quote = quote or Quote(price=None, entry="")
        return _with_note(quote, note)

    def find_in(self, list_id: str, name: str) -> Quote | None:
        """Return what a list, or whose lists stand in for it, has for a name in lower case."""
        key = (list_id, name)
        if key not in self._known:
            self._known[key] = self._look_up(list_id, name)
        return self._known[key]

    @property
    def until(self) -> float:
        """When a price that was asked for may change, in Unix seconds; infinite: never."""
        changes = [quote.until for quote in self._known.values() if quote is not None and quote.until is not None]
        return min(changes, default=float("inf"))

    def _list_at(self, url: str, vendor: str) -> str:
        """Return whose list is for an address, this vendor's before any other; empty where there is none."""
        key = (url, vendor)
        if key not in self._listed_at:
            first = [self._lists[vendor]] if vendor else []
            self._listed_at[key] = next((each.id for each in (*first, *self._lists.values()) if each.is_at(url)), "")
        return self._listed_at[key]

    def _look_up(self, list_id: str, name: str) -> Quote | None:
        for spelling in dict.fromkeys((name, with_dashed_date(name))):
            for holder in self._holders(list_id):
                model = holder.find(spelling)
                if model is not None:
                    return self._quote(holder, model)
        return None

    def _holders(self, list_id: str) -> Iterator[ListedProvider]:
        own = self._lists.get(list_id)
        if own is not None:
            yield own
            yield from (self._lists[each] for each in own.stand_ins if each in self._lists)

    def _quote(self, holder: ListedProvider, model: ListedModel) -> Quote:
        listed = model.price_at(self._now)
        changes = [moment for each in model.prices for moment in each.changes(self._now)]
        return Quote(
            price=listed.price,
            entry=f"{holder.id}/{model.id}",
            notes=listed.notes,
            until=min(changes, default=None),
        )


NO_PRICES = PricesNow(None, 0.0)
"""No book: whatever has no price of its own has none."""


def _with_note(quote: Quote | None, note: str) -> Quote | None:
    """Return what was found with one note more, if there is one, before its others."""
    if quote is None or not note:
        return quote
    return Quote(price=quote.price, entry=quote.entry, notes=(note, *quote.notes), until=quote.until)


def _bare_name(provider_type: ProviderType, model: str) -> str:
    """Return a model's name as the lists have it, in lower case."""
    name = model.lower()
    match provider_type:
        case ProviderType.GEMINI:
            return name.removeprefix("models/")
        case ProviderType.VERTEX_AI:
            return name.rpartition("/")[2]
        case _:
            return name
