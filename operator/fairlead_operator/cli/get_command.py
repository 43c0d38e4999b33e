"""`fairlead get`: the objects of a standalone run in kubectl's columns, from its state directory."""

from enum import StrEnum
from typing import Annotated

import typer

from fairlead_operator.cli.options import DEFAULT_STATE, FINDINGS, State, refuse


class Shape(StrEnum):
    """How objects are printed; `table` is kubectl's."""

    TABLE = "table"
    WIDE = "wide"
    YAML = "yaml"
    JSON = "json"


def get(
    kinds: Annotated[str, typer.Argument(metavar="KIND[,KIND]", help="mp, rp, mg, their full names, or all.")],
    name: Annotated[str | None, typer.Argument(help="Only the object of this name.")] = None,
    namespace: Annotated[str, typer.Option("-n", "--namespace", help="The namespace.")] = "default",
    every: Annotated[bool, typer.Option("-A", "--all-namespaces", help="Every namespace.")] = False,
    output: Annotated[Shape, typer.Option("-o", "--output", help="How objects are printed.")] = Shape.TABLE,
    state: State = DEFAULT_STATE,
) -> None:
    """Show objects with their live status. Without a run that holds the directory, what was observed is Unknown."""
    import sys
    import time

    from fairlead_operator.cli.listing import KindUnknown, kinds_of, render_objects, render_tables
    from fairlead_operator.cli.staleness import as_stale
    from fairlead_operator.cluster.local_state import is_held, read_facts, read_objects

    try:
        wanted = kinds_of(kinds)
    except KindUnknown as unknown:
        refuse(str(unknown))
    if not state.is_dir():
        refuse(f"--state {state}: no such directory; start fairlead run here, or name the directory of one that runs")
    held = is_held(state)
    objects = [
        content if held else as_stale(content)
        for content in read_objects(state, wanted)
        if (every or content["metadata"]["namespace"] == namespace)
        and (name is None or content["metadata"]["name"] == name)
    ]
    for line in read_facts(state).get("problems", []) if held else []:
        print(f"not in force: {line}", file=sys.stderr)
    if not held:
        print("nobody runs on this directory: what was observed is Unknown", file=sys.stderr)
    if not objects and name is not None:
        print(f'Error from fairlead: {wanted[0].lower()} "{name}" not found', file=sys.stderr)
        raise typer.Exit(FINDINGS)
    if output in (Shape.YAML, Shape.JSON):
        print(render_objects(objects, as_json=output is Shape.JSON, single=name is not None), end="")
    elif objects:
        wide = output is Shape.WIDE
        print(render_tables(wanted, objects, now=time.time(), wide=wide, namespaces=every), end="")
    else:
        print("No resources found" if every else f"No resources found in {namespace} namespace.", file=sys.stderr)
