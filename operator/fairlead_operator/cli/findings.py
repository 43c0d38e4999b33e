"""What validate tells: each problem of a file or an object with its place, from the same verdicts as status."""

import re
from dataclasses import dataclass
from enum import StrEnum

from fairlead_operator.cli.sources import Sources
from fairlead_operator.cluster.local_objects import IMPLIED_SOURCE
from fairlead_operator.cluster.local_problems import Place, place_of
from fairlead_operator.resources.documents import Document
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_operator.resources.parse import UnknownKind, parse_resource
from fairlead_operator.verdict import Reason, Ruling, Truth, Verdict

_STEP = re.compile(r"\.?\w+|\[[^\]]*\]")
_NEXT = re.compile(r"; (?=spec[.[])")
_ABSENT_SECRET = (Reason.SECRET_NOT_FOUND, Reason.SECRET_KEY_MISSING, Reason.SECRET_NOT_PERMITTED)


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to tell. `about` is the object, or empty; `reason` that of the condition that would be False.

    `column` 0: not known. `field`: its path where the message names one.
    """

    severity: Severity
    place: Place
    about: str
    reason: str
    message: str
    column: int = 0
    field: str = ""

    def __str__(self) -> str:
        about = f"{self.about}: " if self.about else ""
        return f"{self.place}: {self.severity}: {about}{self.message} ({self.reason})"

    def as_json(self) -> dict[str, object]:
        return {
            "severity": self.severity,
            "file": self.place.source,
            "line": self.place.line,
            "column": self.column,
            "object": self.about,
            "field": self.field,
            "reason": self.reason,
            "message": self.message,
        }


def findings_of(sources: Sources, *, partial: bool) -> list[Finding]:
    """Return everything that is wrong, in the order of the files. An absent Secret is a warning: it stands elsewhere.

    `partial`: absent providers and gateways are warnings too.
    """
    found = [
        Finding(
            Severity.WARNING if problem.ignored or problem.unset else Severity.ERROR,
            problem.place,
            "",
            "Ignored" if problem.ignored else "Unset" if problem.unset else Reason.INVALID,
            problem.message,
        )
        for problem in sources.problems
    ]
    for document in sources.faulty:
        found = _with_content(found, document)
    for ref, verdict in sources.compilation.verdicts.items():
        found.extend(_of_object(sources, ref, verdict, partial=partial))
    order = {document.source: place for place, document in enumerate(sources.objects.documents.values())}
    return sorted(found, key=lambda finding: (order.get(finding.place.source, -1), finding.place.line))


def _with_content(found: list[Finding], document: Document) -> list[Finding]:
    """Return the findings with all that is wrong with a document that is no object, such as one with a name of true.

    What is found in its metadata is better than the mere finding that it is no object, and takes its place.
    """
    try:
        problems = parse_resource(document.content).problems
    except UnknownKind:
        return found
    about = str(document.content["kind"])
    if any(problem.startswith("metadata") for problem in problems):
        place = place_of(document)
        found = [each for each in found if each.place != place or each.reason != Reason.INVALID]
    return found + [_placed(document, Severity.ERROR, about, Reason.INVALID, problem) for problem in problems]


def _of_object(sources: Sources, ref: ObjectRef, verdict: Verdict, *, partial: bool) -> list[Finding]:
    problems = sources.objects.found[ref].problems
    if problems:
        reason = verdict.accepted.reason
        return [_finding(sources, ref, Severity.ERROR, reason, problem) for problem in problems]
    findings = []
    if verdict.accepted.truth is not Truth.TRUE:
        findings.append(_finding(sources, ref, Severity.ERROR, verdict.accepted.reason, verdict.accepted.message))
    refs = verdict.resolved_refs
    if refs.truth is Truth.FALSE:
        for message in _NEXT.split(refs.message):
            severity = Severity.WARNING if partial or _lacks_a_secret(ref, refs, message) else Severity.ERROR
            findings.append(_finding(sources, ref, severity, refs.reason, message))
    elif refs.truth is Truth.TRUE and refs.message:  # resolved, with something that its owner should know
        findings.append(_finding(sources, ref, Severity.WARNING, refs.reason, refs.message))
    return findings


def _finding(sources: Sources, ref: ObjectRef, severity: Severity, reason: str, message: str) -> Finding:
    return _placed(sources.objects.documents[ref], severity, str(ref), reason, message)


def _placed(document: Document, severity: Severity, about: str, reason: str, message: str) -> Finding:
    """Place a message by the field that it begins with; the object's first line where it names none."""
    field = message.partition(": ")[0] if message.startswith(("spec", "metadata")) else ""
    line, column = document.mark_of(_by_position(field, document.content))
    line = 0 if document.source == IMPLIED_SOURCE else line
    return Finding(severity, Place(document.source, line), about, reason, message, column, field)


def _by_position(field: str, content: object) -> str:
    """Return a path with list entries by position where it has them by name: `credentials[main]`, `credentials[0]`."""
    path = ""
    for step in _STEP.findall(field):
        if step.startswith("[") and isinstance(content, list):
            names = [entry.get("name") if isinstance(entry, dict) else None for entry in content]
            key = step[1:-1]
            position = names.index(key) if key in names else int(key) if key.isdigit() else len(names)
            path, content = f"{path}[{position}]", content[position] if position < len(content) else None
        else:
            path, content = f"{path}{step}", content.get(step.lstrip(".")) if isinstance(content, dict) else None
    return path


def _lacks_a_secret(ref: ObjectRef, refs: Ruling, message: str) -> bool:
    """Say whether this is but a Secret that is missing; a provider that serves in part may miss a gateway instead."""
    if refs.reason is Reason.PARTIALLY_RESOLVED or ref.kind is Kind.MODEL_PROVIDER:
        return ref.kind is Kind.MODEL_PROVIDER and not message.startswith("spec.gatewayRefs")
    return refs.reason in _ABSENT_SECRET
