"""What the rules of every dialect have in common: members of the right type, and the words that a prompt costs."""

from typing import Any

from doubles.scripted.turn import Unfit

Json = dict[str, Any]


def words(text: object) -> int:
    """Return how many tokens a text costs here: one for each word."""
    return len(str(text).split())


def objects(value: Any, name: str, **error: Any) -> list[Json]:
    """Return a list of objects; None is an empty one. Raises Unfit with these members of an error."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Unfit(f"{name}: Input should be a list of objects", **error)
    return value


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
