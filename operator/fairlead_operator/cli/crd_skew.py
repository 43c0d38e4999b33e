"""What a served definition of a kind lacks, or has more, than this program knows: fields and values, by path."""

from collections.abc import Iterator, Mapping
from typing import Any

from fairlead_operator.cli.diagnosis import Finding, Level, Unread
from fairlead_operator.resources.meta import GROUP, VERSION, Kind
from fairlead_operator.resources.schema import KINDS, crd_of
from fairlead_operator.status.conditions import listed

Schema = Mapping[str, Any]

INSTALL = "fairlead crds | kubectl apply --server-side -f -"


def definition_name(kind: Kind) -> str:
    return f"{KINDS[kind].plural}.{GROUP}"


def check_definition(kind: Kind, served: Schema | Unread | None) -> Finding:
    """Return how the definition that an API server holds stands to ours; None: it holds none."""
    what = f"definition {definition_name(kind)}"
    if isinstance(served, Unread):
        return Finding.unread(what, served)
    if served is None:
        return Finding(Level.FAIL, what, "it is not installed", INSTALL)
    theirs = _schema_of(served)
    if theirs is None:
        versions = ", ".join(version["name"] for version in served["spec"]["versions"] if version.get("served"))
        return Finding(Level.FAIL, what, f"it serves {versions or 'no version'}, not {VERSION}", INSTALL)
    ours = _schema_of(crd_of(kind))
    assert ours is not None
    wanted, there = set(_paths(ours)), set(_paths(theirs))
    if wanted - there:
        why = f"older than this program: it lacks {_outermost(wanted - there)}; what users write there is dropped"
        return Finding(Level.FAIL, what, why, INSTALL)
    if not _is_established(served):
        return Finding(Level.FAIL, what, "it is not established", f"kubectl describe crd {definition_name(kind)}")
    if there - wanted:
        why = f"newer than this program: it also has {_outermost(there - wanted)}"
        return Finding(Level.WARN, what, why, "update this program: pip install --upgrade fairlead")
    return Finding(Level.OK, what, f"serves {VERSION} with every field that this program knows")


def published_definition(kind: Kind, published: Schema) -> Schema | None:
    """Return a kind's definition from the OpenAPI document of our group and version; None where it is not served."""
    for schema in published["components"]["schemas"].values():
        wanted = {"group": GROUP, "version": VERSION, "kind": str(kind)}
        if wanted in schema.get("x-kubernetes-group-version-kind", ()):
            version = {"name": VERSION, "served": True, "schema": {"openAPIV3Schema": schema}}
            # Only what is established is published.
            return {
                "spec": {"versions": [version]},
                "status": {"conditions": [{"type": "Established", "status": "True"}]},
            }
    return None


def _schema_of(definition: Schema) -> Schema | None:
    """Return the schema of our version, where it is served."""
    for version in definition["spec"]["versions"]:
        if version["name"] == VERSION and version.get("served"):
            schema: Schema = (version.get("schema") or {}).get("openAPIV3Schema") or {}
            return schema
    return None


def _is_established(definition: Schema) -> bool:
    conditions = (definition.get("status") or {}).get("conditions") or []
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def _paths(schema: Schema, path: str = "") -> Iterator[str]:
    """Yield every field, and every value of a closed choice as `field=value`."""
    for value in schema.get("enum") or ():
        yield f"{path}={value}"
    for name, field in (schema.get("properties") or {}).items():
        below = f"{path}.{name}" if path else name
        if below == "metadata":
            continue  # the API server's own
        yield below
        yield from _paths(field, below)
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(schema.get(key), Mapping):
            yield from _paths(schema[key], path + mark)


def _outermost(paths: set[str]) -> str:
    """Return the outermost paths: a field that is missing is named without what stands in it."""
    outermost = sorted(path for path in paths if not any(_is_within(path, other) for other in paths))
    return listed(outermost, ", ")


def _is_within(path: str, other: str) -> bool:
    return path != other and path.startswith(other) and path[len(other)] in ".[{="
