"""List prices as they are in force, for whoever compiles again and again."""

import asyncio
import logging
from collections.abc import Callable

from fairlead_operator.inventory import Inventory
from fairlead_operator.price_book.book import NO_PRICES, PricesNow
from fairlead_operator.price_book.shelf import Shelf, needs_book

log = logging.getLogger(__name__)


class ListPrices:
    """Takes the book from the shelf when an inventory first needs it, and follows the prices that change by date.

    `clock` returns Unix seconds. Without a shelf there are no list prices.
    """

    def __init__(self, shelf: Shelf | None, clock: Callable[[], float]) -> None:
        self._shelf = shelf
        self._clock = clock
        self._now: PricesNow | None = None

    async def for_inventory(self, inventory: Inventory) -> PricesNow:
        """Return the prices in force. The first time this takes seconds where no process has made the book before."""
        if self._shelf is None or not needs_book(inventory):
            return NO_PRICES
        if self._now is None or self.are_outdated():
            book = await asyncio.to_thread(self._shelf.book)
            if book is None and self._now is None:
                log.info("models whose owners give no price are unpriced", extra={"problem": self._shelf.problem})
            self._now = PricesNow(book, self._clock())
        return self._now

    def are_outdated(self) -> bool:
        """Say whether a price that was asked for may be another one by now."""
        return self._now is not None and self._clock() >= self._now.until
