"""A world for the reconciler as tables: an inventory, proxies that take what is published, and faults on demand."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fairlead_operator.cluster.api import ClusterError, Manifest, Snapshot, Written
from fairlead_operator.happening import Happening
from fairlead_operator.heard import HeardProxy
from fairlead_operator.inventory import Inventory
from fairlead_operator.resources.meta import ObjectRef
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.report import Duties, ProxyReport


class TableCluster:
    """Implements `cluster.api.Cluster`. One ready proxy a gateway, which serves what is published, or `serving`.

    `arriving`: how the world is from when Secrets are next asked for. `faults`: what `published`, `publish` and `apply`
    raise, by gateway, until it is taken out again. `write_seconds`: how long each status takes to be written.
    """

    def __init__(self, inventory: Inventory, *, now: float) -> None:
        self.held = inventory
        self.now = now
        self.arriving: Inventory | None = None
        self.watched: list[frozenset[str]] = []
        self.faults: dict[str, ClusterError] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.serving: dict[str, ProxyReport] = {}
        self.asked: list[str] = []
        self.told: list[tuple[ObjectRef, str, str]] = []
        self.statuses: dict[ObjectRef, Mapping[str, Any]] = {}
        self.write_seconds = 0.0

    def clock(self) -> float:
        return self.now

    def conditions(self, ref: ObjectRef) -> dict[str, str]:
        """Return `Status/Reason` of each condition that was written on an object."""
        written = self.statuses.get(ref, {}).get("conditions", ())
        return {each["type"]: f"{each['status']}/{each['reason']}" for each in written}

    async def wait_for_change(self, timeout_seconds: float) -> None:
        self.now += timeout_seconds

    def inventory(self) -> Inventory:
        return self.held

    async def watch_secrets(self, namespaces: Iterable[str]) -> None:
        self.watched.append(frozenset(namespaces))
        self.held, self.arriving = self.arriving or self.held, None

    async def published(self, gateway: str) -> Snapshot | None:
        self._refuse(gateway)
        return self.snapshots.get(gateway)

    async def publish(self, gateway: str, snapshot: Snapshot, keys: KeyRing) -> str:
        self._refuse(gateway)
        self.snapshots[gateway] = snapshot
        return ""

    async def apply(self, gateway: str, manifests: Sequence[Manifest]) -> None:
        self._refuse(gateway)

    async def retire(self, gateways: Iterable[str]) -> None:
        """Do nothing: no test looks at what is left."""

    def proxies(self, gateway: str) -> tuple[HeardProxy, ...]:
        snapshot = self.snapshots.get(gateway)
        revision = snapshot.revision if snapshot else ""
        report = self.serving.get(gateway) or ProxyReport(proxy="one", sequence=1, now=self.now, revision=revision)
        return (HeardProxy("one", True, report, self.now),)

    def address_of(self, gateway: str) -> str:
        return ""

    async def nudge(self, gateway: str, proxies: Iterable[str]) -> None:
        """Do nothing: the proxy sees the table."""

    def ask_fragments(self, gateway: str, proxies: Iterable[str]) -> None:
        self.asked += [f"{gateway}: {name}" for name in proxies]

    def give_duties(self, gateway: str, duties: Mapping[str, Duties]) -> None:
        """Do nothing: no test looks at them."""

    async def write_status(self, ref: ObjectRef, resource_version: str, status: Mapping[str, Any]) -> Written:
        self.now += self.write_seconds
        self.statuses[ref] = status
        return Written.DONE

    def tell(self, ref: ObjectRef, uid: str, happenings: Iterable[Happening]) -> None:
        self.told += [(ref, each.condition, each.reason) for each in happenings]

    def edit(self, inventory: Inventory) -> None:
        """Change the world; objects keep the status that was written on them."""
        self.held = replace(
            inventory,
            policies={
                key: replace(found, status=self.statuses.get(found.ref, {}))
                for key, found in inventory.policies.items()
            },
        )

    def _refuse(self, gateway: str) -> None:
        if gateway in self.faults:
            raise self.faults[gateway]
