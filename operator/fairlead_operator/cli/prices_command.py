"""`fairlead prices`: what each model costs, and where its price comes from."""

from enum import StrEnum
from typing import Annotated

import typer

from fairlead_operator.cli.options import Files, refuse


class Format(StrEnum):
    """How prices are printed."""

    TABLE = "table"
    JSON = "json"


def prices(
    file: Files,
    form: Annotated[Format, typer.Option("--format", help="How the prices are printed.")] = Format.TABLE,
) -> None:
    """Show what every model of these files costs: as its ModelProvider says, or else by the price book."""
    import json
    import sys
    import time

    from fairlead_operator.cli.price_list import price_lines, price_objects, price_table
    from fairlead_operator.cli.sources import SourcesRefused, read_sources
    from fairlead_operator.price_book.book import PricesNow
    from fairlead_operator.price_book.shelf import Shelf, needs_book

    try:
        sources = read_sources(file)
    except SourcesRefused as refused:
        refuse(str(refused))
    for problem in sources.problems:
        print(problem, file=sys.stderr)
    inventory, shelf = sources.objects.inventory(), Shelf()
    for ref, found in sources.objects.found.items():
        if ref.id in inventory.providers and found.spec is None:
            print(f"{ref}: is not valid, and has no prices; see fairlead validate", file=sys.stderr)
    book = shelf.book() if needs_book(inventory) else None
    lines = price_lines(inventory, PricesNow(book, time.time()))
    if form is Format.JSON:
        print(json.dumps(price_objects(lines), indent=2))
    else:
        print(price_table(lines), end="")
    if shelf.problem:
        print(f"There is no price book: {shelf.problem}", file=sys.stderr)
