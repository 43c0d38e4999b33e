"""What every Kubernetes object has, read in one way."""

from collections.abc import Mapping
from typing import Any

Content = Mapping[str, Any]


def key_of(content: Content) -> str:
    """Return `namespace/name`; the key of an object without a namespace is `/name`."""
    metadata = content["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}"


def version_of(content: Content) -> int:
    """Return the resourceVersion as the number that it is since Kubernetes 1.35 by contract, and ever was in fact."""
    return int(content["metadata"]["resourceVersion"])


def is_going(content: Content) -> bool:
    """Say whether somebody has deleted the object, and it only has not gone yet."""
    return "deletionTimestamp" in content["metadata"]


def slim(content: Content) -> Content:
    """Return the object without what nobody here reads and every write makes larger."""
    metadata = {name: value for name, value in content["metadata"].items() if name != "managedFields"}
    return {**content, "metadata": metadata}


def covers(live: Any, wanted: Any) -> bool:
    """Return whether a live value has all that is wanted; the server may have added defaults to it."""
    match wanted:
        case Mapping():
            return isinstance(live, Mapping) and all(
                covers(live.get(name), value) for name, value in wanted.items() if value is not None
            )
        case list() | tuple():
            return (
                isinstance(live, list)
                and len(live) == len(wanted)
                and all(covers(one, other) for one, other in zip(live, wanted, strict=True))
            )
        case _:
            return bool(live == wanted)
