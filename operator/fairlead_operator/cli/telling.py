"""Prints an answer in the shape that is asked for; notes, and that there is nothing, go to stderr."""

import sys
from collections.abc import Iterable

import typer

from fairlead_operator.cli.answer import Answer
from fairlead_operator.cli.cluster_options import Shape
from fairlead_operator.cli.gathered import Gathered
from fairlead_operator.cli.options import FINDINGS
from fairlead_operator.resources.meta import Kind


def tell(answer: Answer, shape: Shape, *, notes: Iterable[str] = ()) -> None:
    tell_notes(notes)
    print(answer.render(shape), end="")


def tell_notes(notes: Iterable[str]) -> None:
    """Print what stands beside an answer."""
    for note in notes:
        print(note, file=sys.stderr)


def tell_nothing(found: Gathered) -> None:
    """Say that no object is there, as kubectl says it."""
    tell_notes(found.notes)
    where = "" if found.namespace is None else f" in {found.namespace} namespace."
    print(f"No resources found{where}", file=sys.stderr)


def fail_absent(kind: Kind, name: str) -> None:
    """End with exit code 1: the object that was named is not there."""
    print(f'Error from fairlead: {kind.lower()} "{name}" not found', file=sys.stderr)
    raise typer.Exit(FINDINGS)
