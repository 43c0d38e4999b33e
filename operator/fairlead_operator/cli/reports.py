"""Findings in the shapes that other programs read: JUnit for test reports, SARIF 2.1.0 for code scanning."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

from fairlead_operator.cli.findings import Finding, Severity
from fairlead_operator.cluster.local_objects import IMPLIED_SOURCE
from fairlead_operator.resources.documents import Document

SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"

_MEANINGS = {
    "Invalid": "The object breaks its schema or one of its rules; the API server refuses it.",
    "UnsupportedValue": "A closed choice has a value that this version does not know.",
    "Conflicted": "An older policy of the namespace offers the same virtual model; this one is withheld.",
    "NotAllowed": "The object may not stand in this namespace.",
    "ProviderNotFound": "No provider of this name is offered to the namespace by its gateway.",
    "GatewayNotFound": "No gateway of this name admits the namespace.",
    "PartiallyResolved": "Some references lead nowhere; the rest is served.",
    "SecretNotFound": "The Secret is not among the files; it may well exist in the cluster.",
    "SecretKeyMissing": "The Secret lacks the key that is referred to.",
    "SecretNotPermitted": "The operator may not read the Secret.",
    "Ignored": "The document is of a kind that Fairlead does not read.",
    "Unset": "A variable of the environment is not set here.",
}
"""What each reason that a finding may have is about."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Source: https://www.w3.org/TR/xml/#charsets"""


def as_sarif(findings: Sequence[Finding], version: str) -> str:
    """Return a SARIF log with one run. Source: OASIS SARIF 2.1.0, sections 3.13 to 3.30."""
    reasons = sorted({finding.reason for finding in findings})
    driver = {
        "name": "fairlead",
        "version": version,
        "rules": [{"id": reason, "shortDescription": {"text": _MEANINGS.get(reason, reason)}} for reason in reasons],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, reasons.index(finding.reason)) for finding in findings],
    }
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def as_junit(findings: Sequence[Finding], documents: Sequence[Document]) -> str:
    """Return a test report: one case for each object, and one for each file that could not be read.

    A case fails by errors only; warnings stand in its output.
    """
    cases: dict[tuple[str, int], list[Finding]] = {}
    starts: dict[str, list[Document]] = {}
    for document in documents:
        cases[document.source, document.line] = []
        starts.setdefault(document.source, []).append(document)
    for finding in findings:
        cases.setdefault(_case_of(finding, starts.get(finding.place.source, [])), []).append(finding)
    known = {(document.source, document.line): document for document in documents}
    suite = ElementTree.Element("testsuite", name="fairlead validate")
    failures = 0
    for (source, line), found in cases.items():
        case = ElementTree.SubElement(suite, "testcase", {**_title(source, known.get((source, line))), "file": source})
        if line:
            case.set("line", str(line))
        errors = [finding for finding in found if finding.severity is Severity.ERROR]
        if errors:
            failures += 1
            head = errors[0].message if len(errors) == 1 else f"{len(errors)} errors"
            failure = ElementTree.SubElement(case, "failure", type=errors[0].reason, message=_xml(head))
            failure.text = _xml("\n".join(map(str, errors)))
        warnings = [str(finding) for finding in found if finding.severity is Severity.WARNING]
        if warnings:
            ElementTree.SubElement(case, "system-out").text = _xml("\n".join(warnings))
    counts = {"tests": str(len(cases)), "failures": str(failures), "errors": "0", "skipped": "0"}
    for name, count in counts.items():
        suite.set(name, count)
    suites = ElementTree.Element("testsuites", counts)
    suites.append(suite)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=False) + "\n"


def _result(finding: Finding, rule: int) -> dict[str, object]:
    about = f"{finding.about}: " if finding.about else ""
    location: dict[str, object] = {}
    if finding.place.source != IMPLIED_SOURCE:
        physical: dict[str, object] = {"artifactLocation": {"uri": _uri(finding.place.source)}}
        if finding.place.line:
            column = {"startColumn": finding.column} if finding.column else {}
            physical["region"] = {"startLine": finding.place.line, **column}
        location["physicalLocation"] = physical
    if finding.about:
        name = f"{finding.about} {finding.field}".strip()
        location["logicalLocations"] = [{"fullyQualifiedName": name, "kind": "object"}]
    return {
        "ruleId": finding.reason,
        "ruleIndex": rule,
        "level": finding.severity.value,
        "message": {"text": f"{about}{finding.message}"},
        "locations": [location],
    }


def _uri(source: str) -> str:
    """Return a file as a reference: relative where it was given so, which a viewer resolves against its checkout."""
    return Path(source).as_uri() if Path(source).is_absolute() else quote(Path(source).as_posix())


def _case_of(finding: Finding, documents: Sequence[Document]) -> tuple[str, int]:
    """Return the document that a finding stands in: the last one that begins before it. Else its file: a finding on no
    object, such as one on a document that is left out, belongs to none that begins elsewhere.
    """
    line = finding.place.line
    before = [each for each in documents if each.line == line or (finding.about and each.line < line)]
    return finding.place.source, max((document.line for document in before), default=0)


def _title(source: str, document: Document | None) -> dict[str, str]:
    if document is None:
        return {"classname": "file", "name": _xml(source)}
    metadata = document.content.get("metadata")
    facts = metadata if isinstance(metadata, dict) else {}
    name = f"{facts.get('namespace') or 'default'}/{facts.get('name')}"
    return {"classname": _xml(str(document.content.get("kind"))), "name": _xml(name)}


def _xml(text: str) -> str:
    """Return the text without characters that XML has no way to write."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
