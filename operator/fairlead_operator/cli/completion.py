"""Names of objects for the shell's completion, and the program that kubectl asks for those of its plugin."""

import contextlib
import io
import os
import shlex
import sys
from typing import TYPE_CHECKING

import typer

from fairlead_operator.cli.cluster_options import Where

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairlead_operator.cli.gathered import Content
    from fairlead_operator.resources.meta import Kind

NO_FILES = ":4"
"""What tells kubectl that files are no completion here. Source: spf13/cobra, ShellCompDirectiveNoFileComp."""


def provider_names(context: typer.Context, incomplete: str) -> list[str]:
    from fairlead_operator.resources.meta import Kind

    return _names(Kind.MODEL_PROVIDER, context, incomplete)


def policy_names(context: typer.Context, incomplete: str) -> list[str]:
    from fairlead_operator.resources.meta import Kind

    return _names(Kind.ROUTE_POLICY, context, incomplete)


def virtual_models(context: typer.Context, incomplete: str) -> list[str]:
    """Return what the policies of a cluster or a run offer; of files nothing."""
    from fairlead_operator.resources.meta import Kind

    if context.params.get("file"):
        return []
    policies = _found(Kind.ROUTE_POLICY, context)
    models = dict.fromkeys(str(model) for content in policies for model in content["spec"].get("models") or ())
    return [model for model in models if model.startswith(incomplete)]


def main() -> None:
    """Complete for kubectl, which calls `kubectl_complete-fairlead` with the words so far, the last one unfinished."""
    words = ["fairlead", *(sys.argv[1:] or [""])]
    os.environ |= {
        "_FAIRLEAD_COMPLETE": "complete_bash",
        "COMP_WORDS": shlex.join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    from fairlead_operator.cli.app import app

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        app(prog_name="fairlead")
    for line in (*said.getvalue().split(), NO_FILES):
        print(line)


def _names(kind: "Kind", context: typer.Context, incomplete: str) -> list[str]:
    """Return the names that begin so."""
    names = dict.fromkeys(str(content["metadata"]["name"]) for content in _found(kind, context))
    return [name for name in names if name.startswith(incomplete)]


def _found(kind: "Kind", context: typer.Context) -> "Sequence[Content]":
    """Return the objects of a kind; none where they cannot be read: a completion must not complain."""
    from fairlead_operator.cli.gathered import GatherRefused
    from fairlead_operator.cli.gathering import gather

    given = context.params
    where = Where(
        namespace=given.get("namespace") or "",
        every=bool(given.get("every")),
        context=given.get("context"),
        kubeconfig=given.get("kubeconfig"),
        state=given.get("state"),
    )
    try:
        return gather([kind], where).objects
    except GatherRefused:
        return []
