"""The bearer tokens of a fleet's admin port: made here, kept in its key Secret, renewed with overlap."""

from collections.abc import Callable
from dataclasses import dataclass, field

ROTATE_AFTER_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class AdminTokens:
    """The present token, then the one before it; `since`: when the present one was made, in Unix seconds."""

    tokens: tuple[str, ...] = field(default=(), repr=False)
    since: float = 0.0

    def renewed(self, now: float, make: Callable[[], str]) -> "AdminTokens":
        """Return these tokens, or a new one in front where there is none, or the present one is a day old."""
        if self.tokens and now - self.since < ROTATE_AFTER_SECONDS:
            return self
        return AdminTokens((make(), *self.tokens[:1]), now)

    @property
    def for_use(self) -> str:
        """The token that every proxy knows, also one that has not yet loaded the last renewal; "" where none is."""
        return self.tokens[-1] if self.tokens else ""


NO_TOKENS = AdminTokens()
