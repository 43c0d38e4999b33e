"""`fairlead trace`: what became of one call, from the proxy that served it."""

from typing import Annotated

import typer

from fairlead_operator.cli.cluster_options import Context, Kubeconfig, Shape, ShapeOption, StateOption, Where
from fairlead_operator.cli.options import FINDINGS, refuse


def trace(
    decision: Annotated[
        str, typer.Argument(metavar="DECISION_ID", help="What the answer's header x-fairlead-decision said.")
    ],
    gateway: Annotated[
        str | None,
        typer.Option(
            metavar="NAMESPACE/NAME", help="Whose proxies are asked; default: every gateway's.", show_default=False
        ),
    ] = None,
    namespace: Annotated[
        str,
        typer.Option(
            "-n", "--namespace", metavar="NS", help="Only gateways of this namespace.", show_default="every one"
        ),
    ] = "",
    output: ShapeOption = Shape.TABLE,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    state: StateOption = None,
) -> None:
    """Show which targets were considered for a call, what every attempt came to, and what it cost.

    In a cluster this takes the rights to read the gateway's key Secret, to list its pods and to forward their ports.
    """
    import sys

    from fairlead_operator.cli.gathered import GatherRefused
    from fairlead_operator.cli.telling import tell
    from fairlead_operator.cli.trace_lookup import DecisionUnknown, find_decision
    from fairlead_operator.cli.trace_view import trace_answer

    try:
        found = find_decision(decision, gateway, Where(namespace, not namespace, context, kubeconfig, state))
    except GatherRefused as refused:
        refuse(str(refused))
    except DecisionUnknown as unknown:
        print(unknown, file=sys.stderr)
        raise typer.Exit(FINDINGS) from None
    tell(trace_answer(found.record, found.proxy), output)
