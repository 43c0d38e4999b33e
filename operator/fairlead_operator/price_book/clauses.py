"""Which names of a model an entry of the price book is for, by the rules that the book's package has for it."""

import re
from datetime import date
from enum import StrEnum

from msgspec import Struct

_COMPACT_DATE = re.compile(r"-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")


class Op(StrEnum):
    """How a clause looks at a name."""

    EQUALS = "equals"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    CONTAINS = "contains"
    REGEX = "regex"
    ANY = "any"
    ALL = "all"


class Clause(Struct, frozen=True, array_like=True):
    """One condition on a name in lower case: `text` for those that compare, `parts` for ANY and ALL."""

    op: Op
    text: str = ""
    parts: tuple["Clause", ...] = ()

    def holds(self, name: str) -> bool:
        """Say whether it holds of a name, which is in lower case."""
        match self.op:
            case Op.EQUALS:
                return name == self.text
            case Op.STARTS_WITH:
                return name.startswith(self.text)
            case Op.ENDS_WITH:
                return name.endswith(self.text)
            case Op.CONTAINS:
                return self.text in name
            case Op.REGEX:
                return re.search(self.text, name) is not None
            case Op.ANY:
                return any(part.holds(name) for part in self.parts)
            case Op.ALL:
                return all(part.holds(name) for part in self.parts)


def with_dashed_date(name: str) -> str:
    """Return a name whose date is written 20251211 with the date written 2025-12-11, as entries have it."""

    def dashed(found: re.Match[str]) -> str:
        try:
            return f"-{date(*map(int, found.groups()))}"
        except ValueError:  # 20250231 is no date
            return found[0]

    return _COMPACT_DATE.sub(dashed, name)
