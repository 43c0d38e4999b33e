"""Options that several commands share, and the one way in which a command is refused."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

GOOD, FINDINGS, USAGE = 0, 1, 2
"""The exit codes of every command."""

DEFAULT_STATE = Path(".fairlead/state")

Files = Annotated[
    list[str],
    typer.Option(
        "-f",
        "--file",
        metavar="PATH",
        help="A file, a directory (read recursively: *.yaml, *.yml, *.json), or - for standard input; repeatable.",
        show_default=False,
    ),
]
State = Annotated[Path, typer.Option("--state", metavar="DIR", help="Where a run keeps each object with its status.")]
Gateway = Annotated[
    str | None,
    typer.Option(metavar="NAMESPACE/NAME", help="Which ModelGateway, where the files hold several."),
]


class Output(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"


def refuse(message: str) -> NoReturn:
    """End the process with exit code 2 and this message: option or field, value and remedy."""
    print(message, file=sys.stderr)
    raise typer.Exit(USAGE)
