"""What a rule over several fields is: for the API server, for us, and with one message for both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from fairlead_operator.resources.meta import Resource

M = TypeVar("M", bound=Resource)


@dataclass(frozen=True, slots=True)
class Rule(Generic[M]):
    """One rule on every object of type `on`; `cel` sees that object as `self`.

    `breaks` says whether it is broken: by a truth value, or by the values that are at fault, which are then shown.
    `field` is where the fault lies, as YAML names it; empty: the object itself.
    """

    on: type[M]
    field: str
    message: str
    breaks: Callable[[M], bool | Sequence[str]]
    cel: str


def given_or(name: str, default: str) -> str:
    """A field as CEL reads it where the CRD itself has no default, as within lists."""
    return f"(has(self.{name}) ? self.{name} : {default})"
