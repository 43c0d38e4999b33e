"""What is found on the way through a request that the neutral vocabulary has no word for."""

import re

_LONGEST_NOTE = 120
"""A note may quote a caller's own words, which may be of any length."""

_POSITION = re.compile(r"\[\d+\]")
_DOTTED_POSITION = re.compile(r"\.\d+(?=\.|$)")


class Notes:
    """See `left_out` and `bound_to` of Conversation; each is told once, in order of the alphabet."""

    __slots__ = ("_bound_to", "_left_out")

    def __init__(self) -> None:
        self._left_out: set[str] = set()
        self._bound_to: set[str] = set()

    def leave_out(self, path: str) -> None:
        """Note a member, wherever in a list it stands."""
        self._left_out.add(_DOTTED_POSITION.sub("", _POSITION.sub("[]", path))[:_LONGEST_NOTE])

    def bind_to(self, what: str) -> None:
        self._bound_to.add(what[:_LONGEST_NOTE])

    @property
    def left_out(self) -> tuple[str, ...]:
        return tuple(sorted(self._left_out))

    @property
    def bound_to(self) -> tuple[str, ...]:
        return tuple(sorted(self._bound_to))
