"""One pass: compile, render, apply, publish, hear, tell. It reads all there is and acts on what differs."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from fairlead_operator.cluster.api import Cluster, ClusterError, NotGranted, Snapshot, Written
from fairlead_operator.cluster.backoff import Backoff
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
from fairlead_operator.fleet.scaling import scale_by
from fairlead_operator.fleet_memory import FleetMemory
from fairlead_operator.inventory import Inventory
from fairlead_operator.price_book.in_force import ListPrices
from fairlead_operator.price_book.shelf import Shelf
from fairlead_operator.status.facts import Facts
from fairlead_operator.status.health import merge_reports
from fairlead_operator.status.told import Told
from fairlead_operator.status.write_budget import StatusLedger, StatusWrite

log = logging.getLogger(__name__)

SETTLE_SECONDS = 0.2  # changes are gathered for so long, then compiled together
JUST_ENDED_SECONDS = 0.05  # a change that is found so soon after a pass is taken to have come during it
TICK_SECONDS, EARLY_SECONDS = 1.0, 0.25
REPUBLISH_SECONDS = 60.0
WRITES_AT_ONCE = 5
"""One by one, twenty statuses would hold the next pass up for longer than it takes."""


@dataclass(frozen=True, slots=True)
class ReconcilerSettings:
    """`operator_account` is `namespace:name`; it stands in the command that would let the operator read a Secret."""

    fleet: FleetSettings = field(default_factory=lambda: FleetSettings(image=""))
    operator_account: str = OPERATOR_ACCOUNT


class Reconciler:
    """Makes the cluster what its objects say, and their status what the proxies say."""

    def __init__(
        self,
        cluster: Cluster,
        settings: ReconcilerSettings | None = None,
        *,
        clock: Callable[[], float] = time.time,
        shelf: Shelf | None = None,
    ) -> None:
        self._cluster = cluster
        self._prices = ListPrices(shelf, clock)
        self._settings = settings or ReconcilerSettings()
        self._clock = clock
        self._ledger, self._told = StatusLedger(), Told()
        self._fleets: dict[str, FleetMemory] = {}
        self._compiled_from: Inventory | None = None
        self._compilation, self._memory = Compilation({}, {}), CompilerMemory()
        self._changed_at: float | None = None
        self._last_pass = float("-inf"), float("-inf")

    async def run(self) -> None:
        """Reconcile until cancelled; after a fault, of the world or of ours, it is tried again with back-off."""
        backoff = Backoff()
        while True:
            try:
                pause = await self.reconcile()
                backoff.succeed()
                await self._cluster.wait_for_change(pause)
            except Exception as error:
                again = backoff.fail(self._clock())
                tell = log.warning if isinstance(error, ClusterError) else log.exception
                tell("the cluster cannot be reconciled now", extra={"error": str(error), "again_in": again})
                await asyncio.sleep(again)

    async def reconcile(self) -> float:
        """Make one pass; return in how many seconds the next is due if nothing changes. Raises ClusterError."""
        began, inventory = self._clock(), self._cluster.inventory()
        settling = self._settling(inventory, began)
        if settling <= 0:
            await self._compile(inventory)
        await self._act()
        early = await self._tell(inventory)
        waits = [settling if settling > 0 else TICK_SECONDS, EARLY_SECONDS if early else TICK_SECONDS]
        due = self._ledger.next_due()
        self._last_pass = began, self._clock()
        return max(0.01, min(waits if due is None else [*waits, due - self._clock()]))

    def _settling(self, inventory: Inventory, began: float) -> float:
        """Return how many seconds are left before a change is compiled; infinite while there is none."""
        if self._compiled_from is None or any(fleet.is_to_be_asked(self._clock()) for fleet in self._fleets.values()):
            return 0.0
        if self._prices.are_outdated():
            return 0.0
        if inventory.compiles_like(self._compiled_from):
            self._changed_at = None
            return float("inf")
        if self._changed_at is None or self._changed_at > began:  # or the clock was set back
            since, until = self._last_pass
            self._changed_at = since if 0 <= began - until < JUST_ENDED_SECONDS else began
        return self._changed_at + SETTLE_SECONDS - self._clock()

    async def _compile(self, inventory: Inventory) -> None:
        await self._remember_published(inventory)
        good = {gateway: fleet.good for gateway, fleet in self._fleets.items()}
        ungranted = (gateway for gateway, fleet in self._fleets.items() if not fleet.granted)
        inventory = replace(inventory, ungranted=frozenset(ungranted))
        await self._cluster.watch_secrets(secret_namespaces(inventory, good))
        # Only the Secrets are taken anew: those of an object that has come since then are not asked for yet.
        known, account = self._cluster.inventory(), self._settings.operator_account
        inventory = replace(inventory, secrets=known.secrets, readable=known.readable)
        prices = await self._prices.for_inventory(inventory)
        self._compilation = compile_inventory(
            inventory, good, operator_account=account, memory=self._memory, prices=prices
        )
        self._compiled_from, self._changed_at = inventory, None
        self._ledger.forget_others(self._compilation.verdicts)

    async def _remember_published(self, inventory: Inventory) -> None:
        """Learn what a process before us published, so that what is not valid now stays in force as it was."""
        self._fleets = {gateway: self._fleets.get(gateway, FleetMemory()) for gateway in inventory.gateways}
        for gateway, fleet in self._fleets.items():
            if fleet.is_to_be_asked(self._clock()):
                try:
                    snapshot, fleet.granted = await self._cluster.published(gateway), True
                    if snapshot is not None:
                        fleet.note_published(snapshot, self._clock())
                except NotGranted as error:
                    fleet.put_off(gateway, error, self._clock())

    async def _act(self) -> None:
        """Publish and apply every fleet; the fault of one keeps no other from its turn."""
        for gateway, compiled in self._compilation.gateways.items():
            fleet = self._fleets[gateway]
            if fleet.backoff.is_due(self._clock()):
                try:
                    await self._publish(fleet, compiled)
                    await self._apply(fleet, compiled)
                    fleet.backoff.succeed()
                except ClusterError as error:
                    fleet.put_off(gateway, error, self._clock())
        await self._cluster.retire(self._compilation.gateways)

    async def _publish(self, fleet: FleetMemory, compiled: CompiledGateway) -> None:
        now = self._clock()
        snapshot = Snapshot(compiled.revision, compiled.fragments)
        if fleet.given == (snapshot, compiled.keys) and now - fleet.given_at < REPUBLISH_SECONDS:
            return
        await self._cluster.publish(compiled.id, snapshot, compiled.keys)
        fleet.note_published(snapshot, now)
        fleet.given, fleet.given_at = (snapshot, compiled.keys), now

    async def _apply(self, fleet: FleetMemory, compiled: CompiledGateway) -> None:
        if compiled.spec is None:
            return
        proxies, replicas = self._cluster.proxies(compiled.id), compiled.spec.proxy.replicas
        fleet.scale = scale_by(fleet.scale, replicas, proxies, self._clock())
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
            self._cluster.ask_fragments(gateway, views[gateway].unknown)
            self._cluster.give_duties(gateway, duties_of(self._compilation.gateways[gateway].providers, proxies))
        facts = Facts(now, views, merge_reports([proxy for proxies in heard.values() for proxy in proxies], now))
        wanted, early = self._told.changed(self._compilation.verdicts, inventory, facts, self._ledger)
        room = asyncio.Semaphore(WRITES_AT_ONCE)
        async with asyncio.TaskGroup() as writes:
            for write in self._ledger.choose(wanted, now):
                writes.create_task(self._write(write, room))
        return early

    async def _write(self, write: StatusWrite, room: asyncio.Semaphore) -> None:
        try:
            async with room:
                written = await self._cluster.write_status(write.ref, write.resource_version, write.status)
            note = self._ledger.done if written is Written.DONE else self._ledger.outdated
            if written is Written.DONE:
                self._cluster.tell(write.ref, write.uid, write.happenings)
        except ClusterError as error:
            log.warning("a status must wait", extra={"object": str(write.ref), "error": str(error)})
            note = self._ledger.failed
        note(write, self._clock())
