"""`fairlead top`: who used and spent most today, providers or teams."""

from enum import StrEnum
from typing import Annotated

import typer

from fairlead_operator.cli.cluster_options import (
    Context,
    Every,
    Kubeconfig,
    Namespace,
    Shape,
    ShapeOption,
    StateOption,
    Where,
)
from fairlead_operator.cli.options import refuse


class Of(StrEnum):
    """What a row stands for; a team is a namespace that has policies."""

    PROVIDERS = "providers"
    TEAMS = "teams"


def top(
    of: Annotated[Of, typer.Argument(metavar="providers|teams", help="What a row stands for.")],
    namespace: Namespace = "",
    every: Every = False,
    output: ShapeOption = Shape.TABLE,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    state: StateOption = None,
) -> None:
    """Show tokens and cost of today, the most expensive first, from what status tells."""
    import time

    from fairlead_operator.cli.gathering import GatherRefused, gather
    from fairlead_operator.cli.telling import tell, tell_nothing
    from fairlead_operator.cli.top_view import top_providers, top_teams
    from fairlead_operator.resources.meta import Kind

    kind = Kind.MODEL_PROVIDER if of is Of.PROVIDERS else Kind.ROUTE_POLICY
    try:
        found = gather([kind], Where(namespace, every, context, kubeconfig, state))
    except GatherRefused as refused:
        refuse(str(refused))
    if not found.objects and output is Shape.TABLE:
        tell_nothing(found, notes=found.notes)
        return
    now = time.time()
    if of is Of.PROVIDERS:
        answer = top_providers(found.objects, now=now, namespaces=every)
    else:
        answer = top_teams(found.objects, now=now)
    tell(answer, output, notes=found.notes)
