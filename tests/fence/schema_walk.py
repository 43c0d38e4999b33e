"""Every leaf field of our kinds, as the schema has them, held against the tables that say what each of them is."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from fairlead_operator.resources.meta import Kind, Resource
from fairlead_operator.resources.schema import KINDS, resolved_schema

PLAIN_FILE = Path(__file__).parent / "plain_fields.yaml"
UNKNOWN = "\n".join(
    (
        "{field}: a new field, and no table says whether it refers to anything. If it names another object, a Secret",
        "or namespaces, or grants something to them: give it a row in CONSENTED or OWN_NAMESPACE of",
        "tests/fence/references.py, or in GRANTS of tests/fence/test_consent.py, and with it its tests. If it does",
        "not: list it in tests/fence/plain_fields.yaml.",
    )
)
GONE = "{field}: stands in the tables of tests/fence, and no kind has such a field; take it out."
TWICE = "{field}: stands in the tables of tests/fence more than once; leave it where it belongs."
_NOT_WALKED = frozenset({"$ref", "allOf", "anyOf", "oneOf", "not", "if", "patternProperties", "prefixItems"})


class NotWalked(Exception):
    """A schema holds fields in a way that the walk does not know, so that it cannot say that it has seen them all."""


def all_leaves() -> list[str]:
    """Return the path of every leaf of the specs of all kinds, as in `ModelProvider.spec.models[].name`."""
    return [leaf for kind in Kind for leaf in leaves_of(kind, KINDS[kind].spec)]


def leaves_of(kind: str, spec: type[Resource]) -> list[str]:
    """`[]` is any entry of a list, `{}` the key and the value of any entry of a map. Raises NotWalked."""
    return list(_leaves(f"{kind}.spec", resolved_schema(spec)))


def complaints(leaves: Iterable[str], references: Mapping[str, Iterable[str]], plain: Iterable[str]) -> list[str]:
    """Say what stands in no table, what is gone, and what stands there twice.

    `references`: by the path of each, what stands below it. A part that is new there is a new field like any other.
    """
    listed = Counter([*(field + part for field, parts in references.items() for part in parts), *plain])
    found = set(leaves)
    return [
        *(UNKNOWN.format(field=field) for field in sorted(found - listed.keys())),
        *(GONE.format(field=field) for field in sorted(listed.keys() - found)),
        *(TWICE.format(field=field) for field, times in sorted(listed.items()) if times > 1),
    ]


def plain_fields() -> list[str]:
    """Return what is listed as no reference, in whatever group."""
    groups: dict[str, list[str]] = yaml.safe_load(PLAIN_FILE.read_text())
    return [field for fields in groups.values() for field in fields]


def _leaves(path: str, node: Mapping[str, Any]) -> Iterator[str]:
    if unknown := _NOT_WALKED & node.keys():
        raise NotWalked(f"{path}: {', '.join(sorted(unknown))}; teach tests/fence/schema_walk.py what it means")
    below = [(f"{path}.{name}", each) for name, each in node.get("properties", {}).items()]
    if isinstance(node.get("additionalProperties"), Mapping):
        below.append((f"{path}{{}}", node["additionalProperties"]))
    if "items" in node:
        below.append((f"{path}[]", node["items"]))
    if not below:
        yield path
    for place, each in below:
        yield from _leaves(place, each)
