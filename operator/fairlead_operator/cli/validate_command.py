"""`fairlead validate`: what would be wrong with these files, before anything takes them."""

from enum import StrEnum
from typing import Annotated

import typer

from fairlead_operator.cli.options import FINDINGS, refuse


class Report(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"
    SARIF = "sarif"


_PATH = "A file, a directory (read recursively: *.yaml, *.yml, *.json), or - for standard input"


def validate(
    paths: Annotated[list[str] | None, typer.Argument(metavar="PATH...", help=f"{_PATH}.", show_default=False)] = None,
    file: Annotated[
        list[str] | None,
        typer.Option("-f", "--file", metavar="PATH", help=f"{_PATH}; repeatable.", show_default=False),
    ] = None,
    output: Annotated[Report, typer.Option("-o", "--output", help="How findings are printed.")] = Report.TEXT,
    partial: Annotated[
        bool, typer.Option("--partial", help="Providers and gateways may stand elsewhere: absent ones are warnings.")
    ] = False,
) -> None:
    """Check schema, rules, references, consent and conflicts of all objects in these files; exit 1 on errors."""
    import json

    from fairlead_operator.cli.findings import Severity, findings_of
    from fairlead_operator.cli.main import installed_version
    from fairlead_operator.cli.reports import as_junit, as_sarif
    from fairlead_operator.cli.sources import SourcesRefused, read_sources
    from fairlead_operator.cluster.local_objects import IMPLIED_SOURCE

    given = [*(paths or []), *(file or [])]
    if not given:
        refuse("PATH: missing; give a file, a directory or -")
    try:
        sources = read_sources(given)
    except SourcesRefused as refused:
        refuse(str(refused))
    findings = findings_of(sources, partial=partial)
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    written = [each for each in sources.objects.documents.values() if each.source != IMPLIED_SOURCE]
    match output:
        case Report.TEXT:
            for finding in findings:
                print(finding)
            counts = f"{_count(errors, 'error')}, {_count(len(findings) - errors, 'warning')}"
            print(f"{_count(len(written), 'object')}: {counts if findings else 'nothing to complain about'}")
        case Report.JSON:
            print(json.dumps([finding.as_json() for finding in findings], indent=2))
        case Report.JUNIT:
            print(as_junit(findings, [*written, *sources.faulty]), end="")
        case Report.SARIF:
            print(as_sarif(findings, installed_version()), end="")
    if errors:
        raise typer.Exit(FINDINGS)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
