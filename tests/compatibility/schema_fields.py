"""Every field of the schemas of our kinds, and those that documents set: what is kept of a version leaves none out."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from fairlead_operator.resources.schema import crd_files


def fields_of_schema() -> set[str]:
    """Return each as Kind.spec-path, lists as [], values of maps as {}."""
    found: set[str] = set()
    for text in crd_files().values():
        crd = yaml.safe_load(text)["spec"]
        for version in crd["versions"]:
            spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
            found.update(_declared(spec, crd["names"]["kind"]))
    return found


def fields_set_by(documents: Iterable[Mapping[str, Any]]) -> set[str]:
    return {field for each in documents if "spec" in each for field in _set(each["spec"], each["kind"])}


def _declared(schema: Mapping[str, Any], at: str) -> Iterator[str]:
    for name, child in schema.get("properties", {}).items():
        yield f"{at}.{name}"
        yield from _declared(child, f"{at}.{name}")
    if "items" in schema:
        yield from _declared(schema["items"], f"{at}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from _declared(schema["additionalProperties"], f"{at}{{}}")


def _set(value: Any, at: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, child in value.items():
            yield f"{at}.{name}"
            yield from _set(child, f"{at}.{name}")
            yield from _set(child, f"{at}{{}}")
    elif isinstance(value, list):
        for child in value:
            yield from _set(child, f"{at}[]")
