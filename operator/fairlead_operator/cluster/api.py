"""The seam between the reconciler and the world it works in: a Kubernetes cluster, or files and child processes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from fairlead_operator.happening import Happening
from fairlead_operator.heard import HeardProxy
from fairlead_operator.inventory import Inventory
from fairlead_operator.resources.meta import ObjectRef
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.report import Duties
from fairlead_proxy.contract.snapshot import Fragment

Manifest = Mapping[str, Any]
"""A Kubernetes object as JSON."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a gateway's proxies shall serve."""

    revision: str
    fragments: tuple[Fragment, ...]


class Written(StrEnum):
    """What became of a status write; after OUTDATED the object has changed or gone, and its event will come."""

    DONE = "Done"
    OUTDATED = "Outdated"


class Cluster(Protocol):
    """All methods raise ClusterError for a fault of the world that is worth trying again.

    `published`, `publish` and `apply` raise NotGranted where it is this one gateway that the operator may not touch.
    """

    async def wait_for_change(self, timeout_seconds: float) -> None:
        """Return when something in the inventory, a fleet or a report has changed since the last call, or in time."""
        ...

    def inventory(self) -> Inventory: ...

    async def watch_secrets(self, namespaces: Iterable[str]) -> None:
        """Read the Secrets of these namespaces, and of no others, from now on; to be called before each compilation.

        Returns once it is known of each whether they may be read; the inventory to compile is the one after it. Raises
        ClusterError where that cannot be found out now: not knowing must never be taken for not permitted.
        """
        ...

    async def published(self, gateway: str) -> Snapshot | None:
        """Return the snapshot that is published now, also one of a process before us; None where there is none."""
        ...

    async def publish(self, gateway: str, snapshot: Snapshot, keys: KeyRing) -> str:
        """Put both where this gateway's proxies find them and nudge them; return the key ring's version.

        Adds the admin tokens to the ring. Publishing what is published already costs nothing.
        """
        ...

    async def apply(self, gateway: str, manifests: Sequence[Manifest]) -> None:
        """Make these objects exist as given, and remove objects of this gateway that are no longer among them."""
        ...

    async def retire(self, gateways: Iterable[str]) -> None:
        """Remove the fleets of all gateways but these."""
        ...

    def proxies(self, gateway: str) -> tuple[HeardProxy, ...]: ...

    def address_of(self, gateway: str) -> str:
        """Return host:port where applications reach this gateway; empty where nothing listens yet."""
        ...

    async def nudge(self, gateway: str, proxies: Iterable[str]) -> None:
        """Make these proxies look at their configuration now."""
        ...

    def ask_fragments(self, gateway: str, proxies: Iterable[str]) -> None:
        """Have the next report of each of these proxies list what it has in force."""
        ...

    def give_duties(self, gateway: str, duties: Mapping[str, Duties]) -> None:
        """Hand each proxy, by name, its duties with the next report request, and renew them before they expire."""
        ...

    async def write_status(self, ref: ObjectRef, resource_version: str, status: Mapping[str, Any]) -> Written:
        """Replace the whole status of an object that is still at this resourceVersion."""
        ...

    def tell(self, ref: ObjectRef, uid: str, happenings: Iterable[Happening]) -> None:
        """Tell users of what has just become of an object; nobody waits for it, and it may get lost."""
        ...


class ClusterError(Exception):
    """A fault of the world outside: it may pass, so the reconciler tries again with back-off."""


class NotGranted(ClusterError):
    """We may not do this where it was tried; elsewhere nothing is the matter."""
