"""An answer as a table for people, with its totals and a line for each thing that is not known exactly."""

import io

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from fairlead_ledger.spending.answer import Answer, Row
from fairlead_ledger.spending.money import money_text, percent_text
from fairlead_ledger.spending.question import COLUMNS, moment_text

UNKNOWN = "unknown"
"""What stands for a cost that nobody knows."""

TABLE_WIDTH = 240
"""Columns of a table that is not written to a terminal: nothing is cut off."""


def table_text(answer: Answer, width: int | None = None) -> str:
    """Return the table. `width`: that of the terminal."""
    table = Table(box=SIMPLE_HEAD, show_footer=False, pad_edge=False)
    for name in COLUMNS[answer.question.by]:
        table.add_column(name.upper(), overflow="fold")
    for name in ("ATTEMPTS", "INPUT", "CACHED", "CACHE-WRITE", "OUTPUT", "UNPRICED", "ESTIMATED", "COST"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in answer.rows:
        table.add_row(*(cell or "-" for cell in row.key), *_cells(row))
    if answer.rows:
        table.add_section()
    for total in answer.totals:
        table.add_row("total", *[""] * (len(COLUMNS[answer.question.by]) - 1), *_cells(total))
    out = io.StringIO()
    console = Console(file=out, width=width or TABLE_WIDTH, highlight=False, markup=False, emoji=False)
    console.print(table)
    lines = (line.rstrip() for line in out.getvalue().splitlines())
    return "\n".join([*(line for line in lines if line), *_notes(answer)]) + "\n"


def _notes(answer: Answer) -> list[str]:
    question = answer.question
    since, until = moment_text(question.since), moment_text(question.until)
    notes = [f"from {since} until {until}; sums are kept by the hour, so the first and the last hour count whole"]
    attempts = sum(row.attempts for row in answer.totals)
    unpriced = sum(row.unpriced for row in answer.totals)
    estimated = sum(row.estimated for row in answer.totals)
    if unpriced:
        share = percent_text(unpriced, attempts)
        notes.append(f"unpriced: {unpriced} attempts ({share}) have no known price and are in no cost")
    if estimated:
        costs = ", ".join(_money(row.estimated_cost_nano, row.currency) for row in answer.totals if row.estimated)
        share = percent_text(estimated, attempts)
        notes.append(f"estimated: {estimated} attempts ({share}); {costs} of the cost is by estimate")
    if answer.losses:
        lost = ", ".join(f"{reason} {number}" for reason, number in answer.losses.items())
        whose = ", of any namespace" if question.namespace else ""
        notes.append(f"lost: {sum(answer.losses.values())} attempts{whose} are in no row ({lost})")
    return notes


def _cells(row: Row) -> list[str]:
    cost = UNKNOWN if row.cost_nano is None else _money(row.cost_nano, row.currency)
    numbers = (
        row.attempts,
        row.input_tokens,
        row.cached_input_tokens,
        row.cache_write_tokens,
        row.output_tokens,
        row.unpriced,
        row.estimated,
    )
    return [*map(str, numbers), cost]


def _money(nano: int, currency: str) -> str:
    return f"{money_text(nano)} {currency}".rstrip()
