"""`fairlead cost`: what was used and spent, from the ledger of a standalone run or of a database."""

from typing import Annotated

import typer

from fairlead_ledger.spending.choices import By, Form
from fairlead_operator.cli.options import DEFAULT_STATE, State, refuse


def cost(
    by: Annotated[By, typer.Option("--by", help="What a row stands for.")] = By.NAMESPACE,
    since: Annotated[
        str, typer.Option(metavar="TIME", help="How long ago, like 24h or 90m, or a moment like 2026-11-27T06:00:00Z.")
    ] = "24h",
    until: Annotated[str, typer.Option(metavar="TIME", help="Up to when, in the same forms.", show_default="now")] = "",
    namespace: Annotated[str, typer.Option("-n", "--namespace", help="Only this namespace's calls.")] = "",
    form: Annotated[Form, typer.Option("--format", help="How it is printed.")] = Form.TABLE,
    database: Annotated[
        str,
        typer.Option(
            metavar="URL|PATH",
            envvar="FAIRLEAD_LEDGER_DATABASE",
            help="A postgres:// URL or an SQLite file; by default that of the state directory.",
            show_default=False,
        ),
    ] = "",
    state: State = DEFAULT_STATE,
) -> None:
    """Show what attempts used and cost. The same sums answer every question, so totals agree with each other."""
    import sys
    import time

    from fairlead_ledger.spending.asking import ask, ask_focus
    from fairlead_ledger.spending.forms import csv_text, focus_text, json_text
    from fairlead_ledger.spending.moments import MomentUnknown, moment_of
    from fairlead_ledger.spending.question import spending
    from fairlead_ledger.spending.table import table_text
    from fairlead_ledger.store.errors import StoreAbsent, StoreError
    from fairlead_operator.cluster.local_state import LEDGER_FILE

    now_ms = int(time.time() * 1000)
    try:
        question = spending(by, moment_of("--since", since, now_ms), moment_of("--until", until, now_ms), namespace)
        if question.since >= question.until:
            refuse(f"--since {since}: is not before --until {until or 'now'}; give an earlier moment")
        store = database or str(state / LEDGER_FILE)
        if form is Form.FOCUS:
            charges = ask_focus(store, question)
            empty, text = not charges, focus_text(charges)
        else:
            answer = ask(store, question)
            empty = not answer.rows
            width = None if not sys.stdout.isatty() else _terminal_width()
            text = {
                Form.TABLE: lambda: table_text(answer, width),
                Form.CSV: lambda: csv_text(answer),
                Form.JSON: lambda: json_text(answer),
            }[form]()
    except MomentUnknown as unknown:
        refuse(str(unknown))
    except StoreAbsent as absent:
        refuse(f"{absent}; start fairlead run, or name the ledger with --database or --state")
    except StoreError as error:
        refuse(f"the ledger cannot be asked: {error}")
    print(text, end="")
    if empty:
        print("nothing was called in this time", file=sys.stderr)


def _terminal_width() -> int:
    import shutil

    return shutil.get_terminal_size().columns
