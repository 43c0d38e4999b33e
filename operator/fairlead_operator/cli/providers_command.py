"""`fairlead providers`: what is observed of each provider, down to its credentials and models."""

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
from fairlead_operator.cli.completion import provider_names
from fairlead_operator.cli.options import refuse


def providers(
    name: Annotated[
        str | None, typer.Argument(help="Only the provider of this name.", autocompletion=provider_names)
    ] = None,
    namespace: Namespace = "",
    every: Every = False,
    output: ShapeOption = Shape.TABLE,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    state: StateOption = None,
) -> None:
    """Show each provider's state, since when, which credentials and models are down, until when, and who uses it."""
    import time

    from fairlead_operator.cli.gathering import GatherRefused, gather
    from fairlead_operator.cli.provider_view import provider_answer
    from fairlead_operator.cli.telling import fail_absent, tell, tell_nothing
    from fairlead_operator.resources.meta import Kind

    try:
        found = gather([Kind.MODEL_PROVIDER], Where(namespace, every, context, kubeconfig, state))
    except GatherRefused as refused:
        refuse(str(refused))
    wanted = [content for content in found.objects if name in (None, content["metadata"]["name"])]
    if name is not None and not wanted:
        fail_absent(Kind.MODEL_PROVIDER, name)
    if not wanted and output is Shape.TABLE:
        tell_nothing(found, notes=found.notes)
        return
    tell(provider_answer(wanted, now=time.time(), namespaces=every), output, notes=found.notes)
