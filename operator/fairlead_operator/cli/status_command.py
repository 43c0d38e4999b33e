"""`fairlead status`: one screen that says how everything is."""

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


def status(
    namespace: Namespace = "",
    every: Every = False,
    output: ShapeOption = Shape.TABLE,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    state: StateOption = None,
) -> None:
    """Show gateways, providers by state, policies that are not well, and what was used today."""
    import time

    from fairlead_operator.cli.showing import gather_or_refuse
    from fairlead_operator.cli.status_view import status_answer
    from fairlead_operator.cli.telling import tell
    from fairlead_operator.resources.meta import Kind

    found = gather_or_refuse(tuple(Kind), Where(namespace, every, context, kubeconfig, state))
    answer = status_answer(
        found.of(Kind.MODEL_GATEWAY),
        found.of(Kind.MODEL_PROVIDER),
        found.of(Kind.ROUTE_POLICY),
        now=time.time(),
        namespaces=every,
    )
    tell(answer, output, notes=found.notes)
