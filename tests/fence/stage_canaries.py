"""What the stages with a real cluster plant: eight keys and a prompt, the same for all stages of one test run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from fence.canaries import PARTIAL, make_canary

from fairlead_operator.resources.meta import KEY_LABEL

SHORTEST_KEY: Final = 2 * PARTIAL
"""A key with fewer characters is hardly told from other text once a part of it is enough."""


class Role(StrEnum):
    """What a canary is; it says which Secrets may hold it."""

    CALLER = "a caller's key"
    PROVIDER = "a provider's key"
    ADMIN = "an admin token"
    DEBUG = "a debug token"
    BYSTANDER = "a key that we were not given"
    PROMPT = "a prompt"


@dataclass(frozen=True, slots=True)
class Canary:
    """A text that must turn up nowhere but in the Secrets that are meant to hold it."""

    text: str = field(repr=False)
    role: Role


CANARIES: Final[Mapping[str, Canary]] = {
    name: Canary(make_canary(name), role)
    for name, role in (
        ("caller", Role.CALLER),
        ("tenant", Role.CALLER),
        ("neighbour", Role.CALLER),
        ("shortly", Role.CALLER),
        ("first", Role.PROVIDER),
        ("second", Role.PROVIDER),
        ("team", Role.PROVIDER),
        ("bystander", Role.BYSTANDER),
        ("prompt", Role.PROMPT),
    )
}
KEYS: Final[Mapping[str, str]] = {
    name: canary.text for name, canary in CANARIES.items() if canary.role is not Role.PROMPT
}
"""By name, the keys: of callers, of providers, and one in a Secret that nobody refers to."""
PROMPT: Final = CANARIES["prompt"].text
"""What every call says."""


def refuse_short_keys(secret: str, labels: Iterable[str], data: Mapping[str, str]) -> None:
    """Raise ValueError where a Secret of a caller's or a provider's key holds one that could not be searched for."""
    entries = [*(["key"] if KEY_LABEL in labels else []), "apiKey"]
    for entry in entries:
        if 0 < len(data.get(entry, "")) < SHORTEST_KEY:
            raise ValueError(
                f"Secret {secret}, {entry}: a key of {len(data[entry])} characters cannot be searched for in part; "
                f"take one of fence.stage_canaries.KEYS, or at least {SHORTEST_KEY} characters"
            )
