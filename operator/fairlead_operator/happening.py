"""A condition that has just turned bad or good again: what is told once, beside the status that says how it is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Happening:
    """`reason` and `message` are the condition's. `bad`: it is not as it should be, from now on."""

    condition: str
    reason: str
    message: str
    bad: bool
