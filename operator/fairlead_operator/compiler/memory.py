"""What was compiled before, kept for each object for as long as all that it was compiled from is equal."""

from collections.abc import Callable, Container
from typing import Generic, TypeVar

I = TypeVar("I")  # noqa: E741 (the type of what goes in)
R = TypeVar("R")


class Kept(Generic[I, R]):
    """The last result of a pure function for each object. Equal inputs give the very same result again.

    Whoever owns it decides how long it lives; it changes how long a compilation takes, and nothing else. What raises is
    not kept.
    """

    def __init__(self) -> None:
        self._entries: dict[str, tuple[I, R]] = {}

    def result(self, key: str, inputs: I, compute: Callable[[I], R]) -> R:
        """Return `compute(inputs)`; it must read nothing but these inputs."""
        entry = self._entries.get(key)
        if entry is not None and entry[0] == inputs:
            return entry[1]
        result = compute(inputs)
        self._entries[key] = (inputs, result)
        return result

    def forget_others(self, alive: Container[str]) -> None:
        """Forget every object that does not exist any more."""
        for key in [key for key in self._entries if key not in alive]:
            del self._entries[key]
