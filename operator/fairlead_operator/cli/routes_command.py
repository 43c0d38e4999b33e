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
from fairlead_operator.cli.options import refuse


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
    from fairlead_operator.cli.gathering import GatherRefused, gather
    from fairlead_operator.cli.route_view import route_answer
    from fairlead_operator.cli.telling import fail_absent, tell, tell_nothing
    from fairlead_operator.resources.meta import Kind

    try:
        found = gather([Kind.ROUTE_POLICY], Where(namespace, every, context, kubeconfig, state))
    except GatherRefused as refused:
        refuse(str(refused))
    wanted = [content for content in found.objects if name in (None, content["metadata"]["name"])]
    if name is not None and not wanted:
        fail_absent(Kind.ROUTE_POLICY, name)
    if not wanted and output is Shape.TABLE:
        tell_nothing(found, notes=found.notes)
        return
    tell(route_answer(wanted, namespaces=every), output, notes=found.notes)
