"""Which members an object of JSON may have, and which it has besides."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

Shape: TypeAlias = "Mapping[str, Shape | None] | None"
"""The members of an object, or of each object of a list; None: anything."""


def closed(*names: str, **members: Shape) -> Shape:
    """Return a shape with these members: the named ones may hold anything."""
    return dict.fromkeys(names) | members


def strangers(value: Any, shape: Shape, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every member that the shape does not have."""
    if shape is None:
        return
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from strangers(item, shape, (*path, place))
    elif isinstance(value, dict):
        for name, item in value.items():
            if name not in shape:
                yield (*path, name)
            else:
                yield from strangers(item, shape[name], (*path, name))


def dotted(path: tuple[str | int, ...]) -> str:
    """Return `messages.0.content`: how Anthropic, Amazon and Google write a path."""
    return ".".join(str(step) for step in path)


def bracketed(path: tuple[str | int, ...]) -> str:
    """Return `messages[0].content`: how OpenAI writes a path."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
