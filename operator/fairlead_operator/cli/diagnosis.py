"""What `fairlead doctor` says of one thing: how it is, why, and what to do; what could not be read is never well."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from fairlead_operator.cli.answer import Answer
from fairlead_operator.cli.columns import render_table


class Level(StrEnum):
    """`unknown`: it may not be read, or nobody told; that is no word about how it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Unread:
    """What stands in the place of something that could not be read: why, and what would help."""

    reason: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. `remedy` is empty where all is well."""

    level: Level
    what: str
    why: str
    remedy: str = ""

    @classmethod
    def unread(cls, what: str, unread: Unread) -> "Finding":
        return cls(Level.UNKNOWN, what, unread.reason, unread.remedy)


def diagnosis_answer(findings: Sequence[Finding]) -> Answer:
    """Return the findings as a table with a last line that counts them; names are those of what is not well."""
    rows = [
        ["LEVEL", "WHAT", "WHY", "REMEDY"],
        *([str(each.level), each.what, each.why, each.remedy] for each in findings),
    ]
    counts = ", ".join(f"{sum(each.level is level for each in findings)} {level}" for level in Level)
    return Answer(
        text=render_table(rows) + f"\n{counts}\n",
        document={
            "checks": [
                {"level": str(each.level), "what": each.what, "why": each.why, "remedy": each.remedy}
                for each in findings
            ]
        },
        names=tuple(each.what for each in findings if each.level is not Level.OK),
    )
