"""`fairlead validate`: what would be wrong with these files, before anything takes them."""

from typing import Annotated

import typer

from fairlead_operator.cli.options import FINDINGS, Files, Output, refuse


def validate(
    file: Files,
    output: Annotated[Output, typer.Option("-o", "--output", help="How findings are printed.")] = Output.TEXT,
    partial: Annotated[
        bool, typer.Option("--partial", help="Providers and gateways may stand elsewhere: absent ones are warnings.")
    ] = False,
) -> None:
    """Check schema, rules, references and conflicts of all objects in these files; exit 1 if anything is wrong."""
    import json

    from fairlead_operator.cli.findings import Severity, findings_of
    from fairlead_operator.cli.sources import SourcesRefused, read_sources

    try:
        sources = read_sources(file)
    except SourcesRefused as refused:
        refuse(str(refused))
    findings = findings_of(sources, partial=partial)
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    if output is Output.JSON:
        print(json.dumps([finding.as_json() for finding in findings], indent=2))
    else:
        for finding in findings:
            print(finding)
        objects = sum(document.source != "(implied)" for document in sources.objects.documents.values())
        counts = f"{_count(errors, 'error')}, {_count(len(findings) - errors, 'warning')}"
        print(f"{_count(objects, 'object')}: {counts if findings else 'nothing to complain about'}")
    if errors:
        raise typer.Exit(FINDINGS)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
