"""The real cluster: objects from the watches, configuration into ConfigMaps and a Secret, proxies as pods."""

import asyncio
import contextlib
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fairlead_operator.cluster.api import ClusterError, Manifest, NotGranted, Snapshot, Written
from fairlead_operator.cluster.kubernetes_api import KubernetesApi
from fairlead_operator.cluster.kubernetes_errors import Conflict, Forbidden, NotFound, NotKnown
from fairlead_operator.cluster.kubernetes_events import Events
from fairlead_operator.cluster.kubernetes_fleets import Fleets
from fairlead_operator.cluster.kubernetes_nudging import Nudging
from fairlead_operator.cluster.kubernetes_objects import Content, is_going, key_of
from fairlead_operator.cluster.kubernetes_paths import DEPLOYMENT, OURS, POD
from fairlead_operator.cluster.kubernetes_pods import ProxyPod, all_pods_of, pods_of
from fairlead_operator.cluster.kubernetes_publisher import Publisher
from fairlead_operator.cluster.kubernetes_store import ObjectStore
from fairlead_operator.cluster.kubernetes_watches import Watches
from fairlead_operator.cluster.proxy_reports import Endpoint, ProxyReports
from fairlead_operator.happening import Happening
from fairlead_operator.heard import HeardProxy
from fairlead_operator.inventory import Inventory
from fairlead_operator.resources.fleet_names import GATEWAY_LABEL
from fairlead_operator.resources.meta import API_VERSION, Kind, ObjectRef
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.report import Duties

log = logging.getLogger(__name__)

RESYNC_SECONDS = 60.0
"""How often what we wrote is compared with what is there, by reading only."""

FIRST_REPORTS_SECONDS = 3.0
"""How long a start waits for the proxies that run already, so that it does not take them for silent."""


@dataclass(frozen=True, slots=True)
class KubernetesSettings:
    """`gateway_namespaces`: where ModelGateways are honoured; None: everywhere. `instance` names this process."""

    gateway_namespaces: frozenset[str] | None
    admin_port: int = 9090
    instance: str = "fairlead-operator"


class KubernetesCluster:
    """Implements `cluster.api.Cluster`. `start` and `settle` before anything else, `close` at the end.

    Whoever watches our kinds and the Namespaces notes them in `store`, and starts us when it holds all of them.
    """

    def __init__(
        self,
        api: KubernetesApi,
        settings: KubernetesSettings,
        *,
        clock: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self._api = api
        self._settings = settings
        self._clock = clock
        self._changed = asyncio.Event()
        self.store = ObjectStore(self._objects_changed)
        self.counts: Counter[str] = Counter()
        self._events = Events(api, instance=settings.instance, clock=clock, counts=self.counts)
        self._watches = Watches(api, rng=rng, on_secrets=self._objects_changed, on_fleet=self._fleet_changed)
        self._reports = ProxyReports(clock=clock, on_change=self._reports_changed)
        self._publisher = Publisher(api, clock=clock)
        self._fleets = Fleets(api)
        self._nudging = Nudging(
            api,
            clock=clock,
            gateways=self._gateways,
            pods_of=self._pods,
            wanted_of=self._wanted,
            serves=self._serves,
        )
        self._inventory: Inventory | None = None
        self._pods_seen: dict[str, tuple[ProxyPod, ...]] = {}
        self._tokens: dict[str, str] = {}
        """What the proxies of a gateway were last heard with: it serves while another is published, or none at all."""
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to watch the fleets. Raises ClusterError where the API server does not answer."""
        self._watches.start()
        self._watches.watch_fleets(self._fleet_namespaces())
        await self._watches.wait_for_fleets()

    async def settle(self) -> None:
        """Hear the proxies that run already, for a moment, before anything is said or done about them."""
        for gateway in self._gateways():
            try:
                await self._publisher.read(gateway)
            except ClusterError as error:
                log.warning("a gateway's configuration cannot be read", extra={"gateway": gateway, "error": str(error)})
        self._hear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_REPORTS_SECONDS):
                while not all(self._heard_all(gateway) for gateway in self._gateways()):
                    self._changed.clear()
                    await self._changed.wait()
        self._changed.set()
        self._nudging.start()
        self._tasks.append(asyncio.create_task(self._resync(), name="compare with the cluster"))
        self._tasks.append(asyncio.create_task(self._events.run(), name="tell of events"))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._nudging.close()
        await self._watches.close()
        await self._reports.close()

    async def wait_for_change(self, timeout_seconds: float) -> None:
        self.counts["reconciliations"] += 1
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), timeout_seconds)
        self._changed.clear()

    def inventory(self) -> Inventory:
        if self._inventory is None:
            self._inventory = self._take_inventory()
        return self._inventory

    def _take_inventory(self) -> Inventory:
        self._watches.watch_fleets(self._fleet_namespaces())
        return Inventory.of(
            self.store.found(),
            namespaces=self.store.namespaces(),
            secrets=self._watches.secrets(),
            readable=self._watches.readable(),
            gateway_namespaces=self._settings.gateway_namespaces,
            keeps_ledger=False,
        )

    async def watch_secrets(self, namespaces: Iterable[str]) -> None:
        await self._watches.watch_secrets(namespaces)
        self._inventory = None

    async def published(self, gateway: str) -> Snapshot | None:
        if gateway not in self._gateways():
            return None  # nor may we look there
        with _granted():
            return (await self._publisher.read(gateway)).snapshot

    async def publish(self, gateway: str, snapshot: Snapshot, keys: KeyRing) -> str:
        uid = next(each.header.uid for each in snapshot.fragments if each.header.kind == Kind.MODEL_GATEWAY)
        with _granted():
            is_new = await self._publisher.publish(gateway, uid, snapshot, keys)
        if is_new:
            self.counts["publishes"] += 1
            self._hear()
            # Here and now: the task that repeats it would wait until the present pass is through.
            await self._nudging.nudge_due(gateway)
            self._nudging.wake()
        return self._publisher.known(gateway).keys_version

    async def apply(self, gateway: str, manifests: Sequence[Manifest]) -> None:
        with _granted():
            await self._fleets.apply(gateway, manifests)

    async def retire(self, gateways: Iterable[str]) -> None:
        self._see_out()
        for gateway in await self._fleets.retire(self._watches.all_deployments(), gateways):
            self._publisher.forget(gateway)

    def proxies(self, gateway: str) -> tuple[HeardProxy, ...]:
        states = []
        for pod in self._pods(gateway):
            heard = self._reports.heard(_report_name(gateway, pod.name))
            states.append(
                HeardProxy(pod.name, pod.ready, heard.report if heard else None, heard.heard_at if heard else None)
            )
        return tuple(states)

    def address_of(self, gateway: str) -> str:
        return self._fleets.address(gateway)

    async def nudge(self, gateway: str, proxies: Iterable[str]) -> None:
        await self._nudging.nudge(gateway, proxies)

    def ask_fragments(self, gateway: str, proxies: Iterable[str]) -> None:
        for name in proxies:
            self._reports.ask_fragments(_report_name(gateway, name))

    def give_duties(self, gateway: str, duties: Mapping[str, Duties]) -> None:
        self._reports.give_duties({_report_name(gateway, name): each for name, each in duties.items()})

    async def write_status(self, ref: ObjectRef, resource_version: str, status: Mapping[str, Any]) -> Written:
        held = self.store.get(ref)
        if held is None or held["metadata"]["resourceVersion"] != resource_version:
            return Written.OUTDATED
        if held.get("status") == status:
            return Written.DONE
        manifest = {
            "apiVersion": API_VERSION,
            "kind": ref.kind.value,
            "metadata": {"name": ref.name, "namespace": ref.namespace, "resourceVersion": resource_version},
            "status": dict(status),
        }
        try:
            written = await self._api.apply_status(OURS[ref.kind].path(ref.namespace, ref.name), manifest)
        except (Conflict, NotFound):
            self.counts["status writes outdated"] += 1
            return Written.OUTDATED
        self.counts["status writes"] += 1
        self.store.note(written, is_news=False)
        self._inventory = None
        return Written.DONE

    def tell(self, ref: ObjectRef, uid: str, happenings: Iterable[Happening]) -> None:
        self._events.tell(ref, uid, happenings)

    @property
    def nudges(self) -> Counter[str]:
        return self._nudging.counts

    def _gateways(self) -> list[str]:
        """Return the ids of the gateways in the namespaces where they may be honoured."""
        allowed = self._settings.gateway_namespaces
        keys = self.store.versions(Kind.MODEL_GATEWAY)
        return [key for key in keys if allowed is None or key.partition("/")[0] in allowed]

    def _fleet_namespaces(self) -> Iterable[str]:
        allowed = self._settings.gateway_namespaces
        return allowed if allowed is not None else {gateway.partition("/")[0] for gateway in self._gateways()}

    def _pods(self, gateway: str) -> list[ProxyPod]:
        namespace, _, name = gateway.partition("/")
        return pods_of(name, self._watches.fleet_objects(POD, namespace))

    def _all_pods(self, gateway: str) -> list[ProxyPod]:
        namespace, _, name = gateway.partition("/")
        return all_pods_of(name, self._watches.fleet_objects(POD, namespace))

    def _wanted(self, gateway: str) -> tuple[str, str]:
        known = self._publisher.known(gateway)
        return known.revision, known.keys_version

    def _serves(self, gateway: str, pod: str) -> tuple[str, str] | None:
        heard = self._reports.heard(_report_name(gateway, pod))
        return (heard.report.revision, heard.report.keys) if heard else None

    def _heard_all(self, gateway: str) -> bool:
        return all(self._serves(gateway, pod.name) is not None for pod in self._pods(gateway) if pod.ready)

    def _see_out(self) -> None:
        """Tell proxies whose whole fleet goes that nobody comes after them, and have those that end do nothing else."""
        going: dict[str, bool] = {}
        for gateway in self._tokens:
            retired = self._is_retired(gateway)
            for pod in self._all_pods(gateway):
                if retired or pod.going:
                    going[_report_name(gateway, pod.name)] = retired
        self._reports.see_out(going)

    def _is_retired(self, gateway: str) -> bool:
        """Say whether all of its namespace goes, or the gateway is gone, or it goes and its Deployment does, too.

        Not one that only goes: somebody's finalizer may hold it, for as long as they like, and its fleet serves on.
        """
        namespace, _, name = gateway.partition("/")
        live = self.store.get(ObjectRef(Kind.MODEL_GATEWAY, namespace, name))
        if live is None or self.store.is_terminating(namespace):
            return True
        if not is_going(live):
            return False
        deployments = self._watches.fleet_objects(DEPLOYMENT, namespace)
        own = (each for each in deployments if (each["metadata"].get("labels") or {}).get(GATEWAY_LABEL) == name)
        return all(is_going(each) for each in own)

    def _hear(self) -> None:
        """Hear every proxy that has an address, with the token that it knows; until it has ended."""
        gateways, endpoints = self._gateways(), dict[str, Endpoint]()
        for gateway in {*gateways, *self._tokens}:
            pods = self._all_pods(gateway)
            token = self._publisher.known(gateway).tokens.for_use or self._tokens.get(gateway, "")
            if not token or not (pods or gateway in gateways):
                self._tokens.pop(gateway, None)
                continue
            self._tokens[gateway] = token
            for pod in pods:
                if pod.address:
                    address = f"http://{pod.host}:{self._settings.admin_port}"
                    endpoints[_report_name(gateway, pod.name)] = Endpoint(address, token)
        self._reports.watch(endpoints)

    def _objects_changed(self) -> None:
        self._inventory = None
        self._changed.set()

    def _reports_changed(self) -> None:
        self._changed.set()
        self._nudging.wake()

    def _fleet_changed(self, content: Content | None) -> None:
        """Note what changed in a fleet; a pod's annotations, which our own nudges change, are no news."""
        if content is not None and content["kind"] == DEPLOYMENT.kind:
            self._deployment_changed(content)
            return
        seen = {gateway: tuple(self._all_pods(gateway)) for gateway in {*self._gateways(), *self._tokens}}
        if content is None or seen != self._pods_seen:
            self._pods_seen = seen
            self._hear()
            self._nudging.wake()
            self._changed.set()

    def _deployment_changed(self, content: Content) -> None:
        namespace, labels = content["metadata"]["namespace"], content["metadata"]["labels"]
        gateway = f"{namespace}/{labels.get(GATEWAY_LABEL, '')}"
        there = {key_of(each) for each in self._watches.fleet_objects(DEPLOYMENT, namespace)}
        if key_of(content) not in there or self._fleets.differs(gateway, content):
            self._fleets.forget(gateway)
            self._changed.set()

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(RESYNC_SECONDS)
            for gateway in self._gateways():
                await self._compare(gateway, self._fleets.drifted)
                await self._compare(gateway, self._publisher.drifted)
            # A day-old token is renewed by the next publication, which this brings about.
            self._changed.set()

    async def _compare(self, gateway: str, drifted: Callable[[str], Awaitable[bool]]) -> None:
        try:
            if await drifted(gateway):
                self._changed.set()
        except ClusterError as error:
            log.info("a fleet cannot be compared", extra={"gateway": gateway, "error": str(error)})


@contextlib.contextmanager
def _granted() -> Iterator[None]:
    """Tell what is not granted in a gateway's namespace from a server that does not know us at all, for now."""
    try:
        yield
    except NotKnown:
        raise
    except Forbidden as error:
        raise NotGranted(str(error)) from error


def _report_name(gateway: str, pod: str) -> str:
    return f"{gateway}/{pod}"
