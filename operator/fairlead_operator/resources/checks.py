"""Checks of one value, each written once: pydantic makes them here, the API server makes them by the CRD."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

T = TypeVar("T")

BROKEN = "fairlead_broken"
"""The type of the pydantic errors that come from here; their message is whole as it stands.

Where a list is at fault for one of its entries, the context names it as `entry`.
"""


@dataclass(frozen=True, slots=True)
class Checked:
    """One check of a value: `holds` in Python and `cel` in the API server decide alike, and say `message`."""

    cel: str
    message: str
    holds: Callable[[Any], bool]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = dict(handler(core))
        given = schema.get("x-kubernetes-validations", [])
        return {**schema, "x-kubernetes-validations": [*given, {"rule": self.cel, "message": self.message}]}

    def _check(self, value: Any) -> Any:
        if not self.holds(value):
            raise PydanticCustomError(BROKEN, "{message}", {"message": self.message})
        return value


@dataclass(frozen=True, slots=True)
class ListType:
    """How the API server merges a list, and which entries count as the same; none may stand twice.

    `key`: the field that tells entries apart; None: the entries themselves.
    """

    key: str | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        if self.key is None:
            return {**handler(core), "x-kubernetes-list-type": "set"}
        return {**handler(core), "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [self.key]}

    def _check(self, entries: list[Any]) -> list[Any]:
        keys = entries if self.key is None else [getattr(entry, self.key) for entry in entries]
        twice = repeated(keys)
        if twice:
            what = "" if self.key is None else f"the {self.key} "
            again = keys.index(twice[0], keys.index(twice[0]) + 1)
            shown = {"message": f'{what}"{twice[0]}" stands more than once; each may stand once', "entry": again}
            raise PydanticCustomError(BROKEN, "{message}", shown)
        return entries


SET = ListType()
BY_NAME = ListType("name")


def repeated(entries: Iterable[T]) -> list[T]:
    """Return the entries that stand more than once, each of them once, in order."""
    given = list(entries)
    if len(set(given)) == len(given):
        return []
    return [entry for entry, times in Counter(given).items() if times > 1]
