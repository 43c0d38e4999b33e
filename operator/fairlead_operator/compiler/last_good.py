"""What was published before: the fragments that stay in force while an object, as it is written now, is invalid."""

from collections.abc import Mapping
from typing import Any, TypeVar

from fairlead_operator.resources.found import Found
from fairlead_proxy.contract.config import Gateway, Policy, Provider
from fairlead_proxy.contract.snapshot import Fragment, SnapshotError

LastGood = Mapping[str, Mapping[str, Fragment]]
"""By gateway id, then by `Fragment.key`: what is published now."""

D = TypeVar("D", Gateway, Provider, Policy)


def find_last_good(last_good: LastGood, gateway: str, found: Found[Any], kind: type[D]) -> tuple[D, Fragment] | None:
    """Return what this gateway serves of this very object; None for another uid, or where it cannot be read."""
    fragment = last_good.get(gateway, {}).get(f"{found.ref.kind}/{found.ref.id}")
    if fragment is None or fragment.header.uid != found.uid:
        return None
    try:
        document = fragment.read()
    except SnapshotError:
        return None
    return (document, fragment) if isinstance(document, kind) else None
