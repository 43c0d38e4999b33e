"""Options of the commands that look at a cluster, or at a standalone run: where to look, and how it is printed."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Shape(StrEnum):
    """How an answer is printed; `name` is `kind.group/name`, a line each, as kubectl prints it."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Where:
    """Which objects are looked at. `namespace` empty: that of the context; `state` None: a cluster, by kubeconfig."""

    namespace: str = ""
    every: bool = False
    context: str | None = None
    kubeconfig: str | None = None
    state: Path | None = None


Namespace = Annotated[
    str,
    typer.Option("-n", "--namespace", metavar="NS", help="The namespace.", show_default="that of the context"),
]
Every = Annotated[bool, typer.Option("-A", "--all-namespaces", help="Every namespace.")]
Context = Annotated[
    str | None, typer.Option("--context", metavar="NAME", help="Which context of the kubeconfig.", show_default=False)
]
Kubeconfig = Annotated[
    str | None,
    typer.Option(
        "--kubeconfig",
        metavar="PATH",
        help="Default: $KUBECONFIG, ~/.kube/config, then this pod's account.",
        show_default=False,
    ),
]
StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="DIR",
        help="Look at the standalone run that keeps its state here, not at a cluster.",
        show_default=False,
    ),
]
ShapeOption = Annotated[Shape, typer.Option("-o", "--output", help="How it is printed.")]
OperatorNamespace = Annotated[
    str, typer.Option("--operator-namespace", metavar="NS", help="Where the operator and its Lease are.")
]
ServiceAccount = Annotated[
    str, typer.Option("--service-account", metavar="NAME", help="The operator's, in its namespace.")
]
