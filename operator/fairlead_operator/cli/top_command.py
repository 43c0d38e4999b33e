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

    from fairlead_operator.cli.showing import show
    from fairlead_operator.cli.top_view import top_providers, top_teams
    from fairlead_operator.resources.meta import Kind

    where, now = Where(namespace, every, context, kubeconfig, state), time.time()
    if of is Of.PROVIDERS:
        show(Kind.MODEL_PROVIDER, where, output, lambda found: top_providers(found, now=now, namespaces=every))
    else:
        show(Kind.ROUTE_POLICY, where, output, lambda found: top_teams(found, now=now))
