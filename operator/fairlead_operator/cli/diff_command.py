"""`fairlead diff`: what changes in effective routing from one set of files to another."""

from typing import Annotated

import typer

from fairlead_operator.cli.options import FINDINGS, Output, refuse


def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A file or directory as it is now.", show_default=False)],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The same as it shall be.", show_default=False)],
    output: Annotated[Output, typer.Option("-o", "--output", help="How changes are printed.")] = Output.TEXT,
) -> None:
    """Say what changes for callers, per tenant and virtual model: rules, targets, resilience; exit 1 if anything does.

    Nothing is said of what has no effect, such as comments or the order of fields.
    """
    import json
    import sys

    from fairlead_operator.cli.routing import routing_of
    from fairlead_operator.cli.routing_causes import FoundCause
    from fairlead_operator.cli.routing_diff import changes_between
    from fairlead_operator.cli.sources import SourcesRefused, read_sources
    from fairlead_operator.resources.meta import Kind

    if old == new == "-":
        refuse("OLD and NEW: both are standard input; give a file or a directory for one of them")
    try:
        before, after = read_sources([old]), read_sources([new])
    except SourcesRefused as refused:
        refuse(str(refused))
    unread = [
        problem for sources in (before, after) for problem in sources.problems if not (problem.ignored or problem.unset)
    ]
    if unread:
        refuse("\n".join(map(str, unread)))
    was, now = routing_of(before.compilation), routing_of(after.compilation)
    changes = changes_between(was, now, FoundCause(after))
    served = {*was.policies.values(), *now.policies.values()}
    for ref in sorted(before.compilation.verdicts.keys() | after.compilation.verdicts.keys()):
        if ref.kind is Kind.ROUTE_POLICY and ref.id not in served:
            print(f"note: {ref} is served neither before nor after; fairlead validate says why", file=sys.stderr)
    if output is Output.JSON:
        print(json.dumps([change.as_json() for change in changes], indent=2))
    else:
        print("\n".join(map(str, changes)) or "no difference in routing")
    if changes:
        raise typer.Exit(FINDINGS)
