"""`fairlead routes`: how each rule of each policy is served now."""

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
from fairlead_operator.cli.completion import policy_names


def routes(
    name: Annotated[
        str | None, typer.Argument(help="Only the policy of this name.", autocompletion=policy_names)
    ] = None,
    namespace: Namespace = "",
    every: Every = False,
    output: ShapeOption = Shape.TABLE,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    state: StateOption = None,
) -> None:
    """Show the rules of each policy: their state, the target that a call would go to now, and why."""
    from fairlead_operator.cli.route_view import route_answer
    from fairlead_operator.cli.showing import show
    from fairlead_operator.resources.meta import Kind

    where = Where(namespace, every, context, kubeconfig, state)
    show(
        Kind.ROUTE_POLICY,
        where,
        output,
        lambda found: route_answer(found, namespaces=every),
        name=name,
    )
