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

    from fairlead_operator.cli.provider_view import provider_answer
    from fairlead_operator.cli.showing import show
    from fairlead_operator.resources.meta import Kind

    where = Where(namespace, every, context, kubeconfig, state)
    show(
        Kind.MODEL_PROVIDER,
        where,
        output,
        lambda found: provider_answer(found, now=time.time(), namespaces=every),
        name=name,
    )
