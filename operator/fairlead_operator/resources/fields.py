"""Checks of one field, each written once: pydantic makes them here, the API server makes them by the CRD."""

import ipaddress
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from fairlead_operator.resources.meta import duration_seconds

T = TypeVar("T")

BROKEN = "fairlead_broken"
"""The type of the pydantic errors that come from here; their message is whole as it stands."""


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
        twice = repeated(entries if self.key is None else [getattr(entry, self.key) for entry in entries])
        if twice:
            what = "" if self.key is None else f"the {self.key} "
            shown = {"message": f'{what}"{twice[0]}" stands more than once; each may stand once'}
            raise PydanticCustomError(BROKEN, "{message}", shown)
        return entries


SET = ListType()
BY_NAME = ListType("name")


def repeated(entries: Iterable[T]) -> list[T]:
    """Return the entries that stand more than once, each of them once, in order."""
    return [entry for entry, times in Counter(entries).items() if times > 1]


def within(least: str, most: str) -> Checked:
    """A duration from `least` to `most`, both inclusive."""
    low, high = duration_seconds(least), duration_seconds(most)
    return Checked(
        cel=f"duration(self) >= duration('{least}') && duration(self) <= duration('{most}')",
        message=f"must be a duration from {least} to {most}",
        holds=lambda text: low <= duration_seconds(text) <= high,
    )


URL_PATTERN = r"^https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[^?#\s]*)?$"


def _is_base_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    return parts.hostname is not None and (port is None or port > 0)


BASE_URL = Checked(
    cel="isURL(self) && (url(self).getPort() == '' || (int(url(self).getPort()) > 0 && "
    "int(url(self).getPort()) < 65536))",
    message="must be a URL with a host and, where one is given, a port from 1 to 65535",
    holds=_is_base_url,
)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=True)
    except ValueError:
        return False
    return True


NETWORK = Checked(
    cel="isCIDR(self) && cidr(self) == cidr(self).masked()",
    message="must be a network such as 10.20.0.0/16 or fd00::/8, with no bits set behind its prefix",
    holds=_is_network,
)
