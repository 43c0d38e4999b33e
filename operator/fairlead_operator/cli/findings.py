"""What validate tells: each problem of a file or an object with its place, from the same verdicts as status."""

import re
from dataclasses import dataclass
from enum import StrEnum

from fairlead_operator.cli.sources import Sources
from fairlead_operator.cluster.local_objects import IMPLIED_SOURCE
from fairlead_operator.cluster.local_problems import Place
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_operator.verdict import Reason, Truth, Verdict

_STEP = re.compile(r"\.?\w+|\[[^\]]*\]")
_ABSENT_SECRET = (Reason.SECRET_NOT_FOUND, Reason.SECRET_KEY_MISSING, Reason.SECRET_NOT_PERMITTED)


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to tell. `about` is the object, or empty; `reason` that of the condition that would be False."""

    severity: Severity
    place: Place
    about: str
    reason: str
    message: str

    def __str__(self) -> str:
        about = f"{self.about}: " if self.about else ""
        return f"{self.place}: {self.severity}: {about}{self.message} ({self.reason})"

    def as_json(self) -> dict[str, object]:
        return {
            "severity": self.severity,
            "file": self.place.source,
            "line": self.place.line,
            "object": self.about,
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
    for ref, verdict in sources.compilation.verdicts.items():
        found.extend(_of_object(sources, ref, verdict, partial=partial))
    order = {document.source: place for place, document in enumerate(sources.objects.documents.values())}
    return sorted(found, key=lambda finding: (order.get(finding.place.source, -1), finding.place.line))


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
        severity = Severity.WARNING if partial or _lacks_secrets_only(ref, verdict) else Severity.ERROR
        findings.append(_finding(sources, ref, severity, refs.reason, refs.message))
    elif refs.truth is Truth.TRUE and refs.message:  # resolved, with something that its owner should know
        findings.append(_finding(sources, ref, Severity.WARNING, refs.reason, refs.message))
    return findings


def _finding(sources: Sources, ref: ObjectRef, severity: Severity, reason: str, message: str) -> Finding:
    """Place a message by the field that it begins with; the object's first line where it names none."""
    document = sources.objects.documents[ref]
    field = message.partition(":")[0] if message.startswith(("spec", "metadata")) else ""
    line = 0 if document.source == IMPLIED_SOURCE else document.line_of(_by_position(field, document.content))
    return Finding(severity, Place(document.source, line), str(ref), reason, message)


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


def _lacks_secrets_only(ref: ObjectRef, verdict: Verdict) -> bool:
    """Say whether nothing but Secrets is missing; a provider that serves in part may miss a gateway instead."""
    refs = verdict.resolved_refs
    if refs.reason in _ABSENT_SECRET:
        return True
    return (
        ref.kind is Kind.MODEL_PROVIDER
        and refs.reason is Reason.PARTIALLY_RESOLVED
        and "gatewayRefs" not in refs.message
    )
