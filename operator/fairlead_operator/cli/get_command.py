"""`fairlead get`: the objects of a standalone run in kubectl's columns, from its state directory."""

from enum import StrEnum
from typing import Annotated

import typer

from fairlead_operator.cli.options import DEFAULT_STATE, State, refuse


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
    import time

    from fairlead_operator.cli.cluster_options import Where
    from fairlead_operator.cli.gathered import GatherRefused, gather_local
    from fairlead_operator.cli.listing import KindUnknown, kinds_of, render_objects, render_tables
    from fairlead_operator.cli.telling import fail_absent, tell_notes, tell_nothing

    try:
        wanted = kinds_of(kinds)
        found = gather_local(wanted, Where(namespace, every), state)
    except (KindUnknown, GatherRefused) as refused:
        refuse(str(refused))
    objects = found.named(name)
    if not objects and name is None and output in (Shape.TABLE, Shape.WIDE):
        tell_nothing(found)
        return
    tell_notes(found.notes)
    if not objects and name is not None:
        fail_absent(wanted[0], name)
    if output in (Shape.YAML, Shape.JSON):
        print(render_objects(objects, as_json=output is Shape.JSON, single=name is not None), end="")
    else:
        wide = output is Shape.WIDE
        print(render_tables(wanted, objects, now=time.time(), wide=wide, namespaces=every), end="")
