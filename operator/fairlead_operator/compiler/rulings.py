"""The rulings that several kinds share: what is accepted, what is not, and how several failures become one."""

from collections.abc import Sequence
from typing import Any

from fairlead_operator.resources.found import Found
from fairlead_operator.verdict import Reason, Ruling, Truth

MESSAGE_LIMIT = 1024
ACCEPTED = Ruling(Truth.TRUE, Reason.ACCEPTED)
RESOLVED = Ruling(Truth.TRUE, Reason.RESOLVED_REFS)
NOT_LOOKED_AT = Ruling(Truth.UNKNOWN, Reason.INVALID, "references are looked at once the spec is valid")


def refusal_of(found: Found[Any]) -> Ruling:
    """Return the Accepted ruling of an object that could not be read as its kind."""
    reason = Reason.UNSUPPORTED_VALUE if found.unsupported else Reason.INVALID
    return Ruling(Truth.FALSE, reason, clip("; ".join(found.problems) or "the spec is not valid"))


def internal_error(error: Exception) -> Ruling:
    """Return the ruling for a fault of ours; it names the type only, since the text might quote anything."""
    return Ruling(
        Truth.UNKNOWN,
        Reason.INTERNAL_ERROR,
        f"the operator failed on this object ({type(error).__name__}); please report it",
    )


def resolution(failures: Sequence[Ruling], *, serves: bool) -> Ruling:
    """Return the ResolvedRefs ruling: PartiallyResolved while something of the object still serves."""
    if not failures:
        return RESOLVED
    reason = Reason.PARTIALLY_RESOLVED if serves else failures[0].reason
    return Ruling(Truth.FALSE, reason, clip("; ".join(dict.fromkeys(failure.message for failure in failures))))


def clip(message: str) -> str:
    """Return the message in at most 1,024 characters."""
    return message if len(message) <= MESSAGE_LIMIT else message[: MESSAGE_LIMIT - 1] + "…"
