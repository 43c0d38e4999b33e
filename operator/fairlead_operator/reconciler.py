"""One pass: compile, render, apply, publish, hear, tell. It reads all there is and acts on what differs."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fairlead_operator.cluster.api import Cluster, ClusterError, Snapshot, Written
from fairlead_operator.compiler.compile import (
    OPERATOR_ACCOUNT,
    Compilation,
    CompiledGateway,
    CompilerMemory,
    compile_inventory,
    secret_namespaces,
)
from fairlead_operator.fleet.duties import duties_of
from fairlead_operator.fleet.render import FleetSettings, FleetSpec, render_fleet
from fairlead_operator.fleet.scaling import Scale, first_scale, next_scale
from fairlead_operator.inventory import Inventory
from fairlead_operator.status.facts import Facts
from fairlead_operator.status.health import merge_reports
from fairlead_operator.status.proxies import FleetLog
from fairlead_operator.status.told import Told
from fairlead_operator.status.write_budget import StatusLedger
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.snapshot import Fragment

log = logging.getLogger(__name__)

SETTLE_SECONDS = 0.2  # changes are gathered for so long, then compiled together
TICK_SECONDS, EARLY_SECONDS = 1.0, 0.25
REPUBLISH_SECONDS = 60.0
BACKOFF_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class ReconcilerSettings:
    """`operator_account` is `namespace:name`; it stands in the command that would let the operator read a Secret."""

    fleet: FleetSettings = field(default_factory=lambda: FleetSettings(image=""))
    operator_account: str = OPERATOR_ACCOUNT


@dataclass(slots=True)
class _Fleet:
    """What is remembered of one gateway's fleet from pass to pass."""

    good: Mapping[str, Fragment] = field(default_factory=dict)
    log: FleetLog = field(default_factory=FleetLog)
    scale: Scale | None = None
    given: tuple[Snapshot, KeyRing] | None = None
    given_at: float = 0.0


class Reconciler:
    """Makes the cluster what its objects say, and their status what the proxies say."""

    def __init__(
        self,
        cluster: Cluster,
        settings: ReconcilerSettings | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._cluster = cluster
        self._settings = settings or ReconcilerSettings()
        self._clock = clock
        self._ledger, self._told = StatusLedger(), Told()
        self._fleets: dict[str, _Fleet] = {}
        self._compiled_from: Inventory | None = None
        self._compilation = Compilation({}, {})
        self._memory = CompilerMemory()
        self._changed_at: float | None = None

    async def run(self) -> None:
        """Reconcile until cancelled; a fault of the world is tried again with back-off."""
        failures = 0
        while True:
            try:
                pause = await self.reconcile()
                failures = 0
            except ClusterError as error:
                backoff = BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)]
                failures += 1
                log.warning("the cluster cannot be reconciled now", extra={"error": str(error), "again_in": backoff})
                await asyncio.sleep(backoff)
                continue
            await self._cluster.wait_for_change(pause)

    async def reconcile(self) -> float:
        """Make one pass; return in how many seconds the next is due if nothing changes. Raises ClusterError."""
        inventory = self._cluster.inventory()
        settling = self._settling(inventory)
        if settling <= 0:
            await self._compile(inventory)
        problem = await self._act()
        early = await self._tell(inventory)
        if problem is not None:
            raise problem
        due = self._ledger.next_due()
        waits = [TICK_SECONDS if due is None else due - self._clock(), EARLY_SECONDS if early else TICK_SECONDS]
        return max(0.01, min(*waits, settling if settling > 0 else TICK_SECONDS))

    def _settling(self, inventory: Inventory) -> float:
        """Return how many seconds are left before a change is compiled; infinite while there is none."""
        if self._compiled_from is None:
            return 0.0
        if inventory.compiles_like(self._compiled_from):
            self._changed_at = None
            return float("inf")
        if self._changed_at is None:
            self._changed_at = self._clock()
        return self._changed_at + SETTLE_SECONDS - self._clock()

    async def _compile(self, inventory: Inventory) -> None:
        await self._remember_published(inventory)
        good = {gateway: fleet.good for gateway, fleet in self._fleets.items()}
        await self._cluster.watch_secrets(secret_namespaces(inventory, good))
        inventory = self._cluster.inventory()
        account = self._settings.operator_account
        self._compilation = compile_inventory(inventory, good, operator_account=account, memory=self._memory)
        self._compiled_from, self._changed_at = inventory, None
        self._ledger.forget_others(self._compilation.verdicts)
        self._told.forget_others(self._compilation.verdicts)

    async def _remember_published(self, inventory: Inventory) -> None:
        """Learn what a process before us published, so that what is not valid now stays in force as it was."""
        for gateway in inventory.gateways:
            if gateway not in self._fleets:
                snapshot = await self._cluster.published(gateway)
                self._fleets[gateway] = fleet = _Fleet()
                if snapshot is not None:
                    self._note_published(fleet, snapshot)

    def _note_published(self, fleet: _Fleet, snapshot: Snapshot) -> None:
        fleet.good = {fragment.key: fragment for fragment in snapshot.fragments}
        fleet.log.note_published(snapshot.revision, (each.header.hash for each in snapshot.fragments), self._clock())

    async def _act(self) -> ClusterError | None:
        """Publish and apply every fleet; return the first fault, which keeps no other fleet from its turn."""
        problem: ClusterError | None = None
        for gateway, compiled in self._compilation.gateways.items():
            try:
                await self._publish(self._fleets[gateway], compiled)
                await self._apply(self._fleets[gateway], compiled)
            except ClusterError as error:
                problem = problem or error
        await self._cluster.retire(self._compilation.gateways)
        for gone in self._fleets.keys() - self._compilation.gateways.keys():
            del self._fleets[gone]
        return problem

    async def _publish(self, fleet: _Fleet, compiled: CompiledGateway) -> None:
        now = self._clock()
        snapshot = Snapshot(compiled.revision, compiled.fragments)
        if fleet.given == (snapshot, compiled.keys) and now - fleet.given_at < REPUBLISH_SECONDS:
            return
        await self._cluster.publish(compiled.id, snapshot, compiled.keys)
        self._note_published(fleet, snapshot)
        fleet.given, fleet.given_at = (snapshot, compiled.keys), now

    async def _apply(self, fleet: _Fleet, compiled: CompiledGateway) -> None:
        if compiled.spec is None:
            return
        proxies = self._cluster.proxies(compiled.id)
        replicas = compiled.spec.proxy.replicas
        if fleet.scale is None:
            fleet.scale = first_scale(replicas, len(proxies))
        in_flight = [proxy.report.in_flight if proxy.report else None for proxy in proxies if proxy.ready]
        fleet.scale = next_scale(fleet.scale, replicas, in_flight, self._clock())
        wanted = FleetSpec(compiled.id, compiled.uid, compiled.spec, fleet.scale.replicas)
        await self._cluster.apply(compiled.id, render_fleet(wanted, self._settings.fleet))

    async def _tell(self, inventory: Inventory) -> bool:
        """Hand out duties and write the statuses that are due; return whether some are too early to be written."""
        now = self._clock()
        heard = {gateway: self._cluster.proxies(gateway) for gateway in self._compilation.gateways}
        views = {
            gateway: self._fleets[gateway].log.view(gateway, proxies, now, address=self._cluster.address_of(gateway))
            for gateway, proxies in heard.items()
        }
        for gateway, proxies in heard.items():
            self._cluster.give_duties(gateway, duties_of(self._compilation.gateways[gateway].providers, proxies))
        health = merge_reports([proxy for proxies in heard.values() for proxy in proxies], now)
        facts = Facts(now, views, health)
        wanted, early = self._told.changed(self._compilation.verdicts, inventory, facts, self._ledger)
        for write in self._ledger.choose(wanted, now):
            written = await self._cluster.write_status(write.ref, write.resource_version, write.status)
            note = self._ledger.done if written is Written.DONE else self._ledger.outdated
            note(write, self._clock())
        return early
