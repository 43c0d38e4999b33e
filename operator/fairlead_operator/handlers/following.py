"""Keeps the store true: runs kopf, checks what it holds against the API server, and lists anew where it is behind."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from fairlead_operator.cluster.api import ClusterError
from fairlead_operator.cluster.kubernetes_access import Access
from fairlead_operator.cluster.kubernetes_api import KubernetesApi
from fairlead_operator.cluster.kubernetes_errors import NotFound
from fairlead_operator.cluster.kubernetes_objects import key_of, version_of
from fairlead_operator.cluster.kubernetes_paths import NAMESPACE, OURS, Resource
from fairlead_operator.cluster.kubernetes_store import ObjectStore
from fairlead_operator.handlers.watch import KopfWatch
from fairlead_operator.handlers.watch_age import Finding, WatchAge
from fairlead_operator.resources.meta import API_VERSION

log = logging.getLogger(__name__)

CHECK_SECONDS = 60.0
CHECK_AGAIN_SECONDS = 15.0
"""After a difference was found, or while a kind's definition is not yet installed."""

DISCOVER_SECONDS = 2.0
INSTALL_SECONDS = 60.0
"""How long a kind may be missing before the others are followed without it."""

SYNC_SECONDS = 600.0
FIRST_LOOK_SECONDS = 0.1
LONGEST_LOOK_SECONDS = 2.0
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0


class WatchLost(Exception):
    """What is held has differed from what is there for too long, and listing anew did not help."""


class Follower:
    """Runs one KopfWatch after another, as often as needed; `synced` is set once the store was whole."""

    def __init__(
        self,
        api: KubernetesApi,
        access: Access,
        store: ObjectStore,
        *,
        monotonic: Callable[[], float],
        check_seconds: float = CHECK_SECONDS,
        check_again_seconds: float = CHECK_AGAIN_SECONDS,
    ) -> None:
        self.synced = asyncio.Event()
        self._api = api
        self._access = access
        self._store = store
        self._monotonic = monotonic
        self._check_seconds = check_seconds
        self._check_again_seconds = check_again_seconds
        self._age = WatchAge()

    @property
    def age_seconds(self) -> float:
        """For how long something is held otherwise than it is."""
        return self._age.age(self._monotonic())

    async def run(self) -> None:
        """Follow until cancelled; raise WatchLost where that is no longer possible."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            kinds = await self._installed()
            watch = KopfWatch(self._access, kinds)
            watch.start()
            try:
                if await self._listed(watch, kinds):
                    pause = FIRST_PAUSE_SECONDS
                    watch.deliver_to(self._store)
                    log.info("every kind is listed", extra={"kinds": ",".join(kind.plural for kind in kinds)})
                    self.synced.set()
                    await self._watch_over(watch, kinds)
                else:
                    log.warning("the watches did not start", extra={"again_in_seconds": pause})
            finally:
                await watch.stop()
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _installed(self) -> list[Resource]:
        """Return those of our kinds that the API server serves: all of them, or some for as long as it may take.

        What is missing for a moment only, as after an update of a definition, must not look as if all its objects were
        deleted.
        """
        told = False
        since: float | None = None
        while True:
            try:
                kinds = await self._discover()
            except ClusterError as error:
                log.warning("the API server cannot be asked for our kinds", extra={"error": str(error)})
            else:
                since = self._monotonic() if since is None else since
                if len(kinds) == len(OURS) or (kinds and self._monotonic() - since >= INSTALL_SECONDS):
                    return kinds
                if not told:
                    told = True
                    missing = ",".join(kind.plural for kind in OURS.values() if kind not in kinds)
                    log.warning("not all kinds are installed: see the chart fairlead-crds", extra={"missing": missing})
            await asyncio.sleep(DISCOVER_SECONDS)

    async def _discover(self) -> list[Resource]:
        try:
            answer = await self._api.get(f"/apis/{API_VERSION}")
        except NotFound:
            return []
        served = {each["name"] for each in answer.get("resources") or []}
        return [resource for resource in OURS.values() if resource.plural in served]

    async def _listed(self, watch: KopfWatch, kinds: list[Resource]) -> bool:
        """Return whether the watch has seen everything that there is; False where it ends before, or takes too long."""
        pause, deadline = FIRST_LOOK_SECONDS, self._monotonic() + SYNC_SECONDS
        while self._monotonic() < deadline and not await _happens(watch.ended, pause):
            age = WatchAge()
            try:
                await self._compare(kinds, watch.seen, age)
            except ClusterError as error:
                log.warning("the API server does not list our kinds", extra={"error": str(error)})
            else:
                if age.finding(self._monotonic()) is Finding.TRUE:
                    return True
            pause = min(pause * 2, LONGEST_LOOK_SECONDS)
        return False

    async def _watch_over(self, watch: KopfWatch, kinds: list[Resource]) -> None:
        """Return when a new listing is due: kopf has ended, other kinds are installed, or something is missed."""
        usual = self._check_seconds if len(kinds) == len(OURS) else self._check_again_seconds
        pause = usual
        while not await _happens(watch.ended, pause):
            try:
                await self._compare(kinds, self._store, self._age)
                if await self._discover() != kinds:
                    log.info("the installed kinds have changed")
                    return
            except ClusterError as error:
                log.info("the watches cannot be checked", extra={"error": str(error)})
                continue
            now = self._monotonic()
            match self._age.finding(now):
                case Finding.TRUE:
                    pause = usual
                case Finding.BEHIND:
                    pause = self._check_again_seconds
                case Finding.RELIST:
                    log.warning("a watch is behind: listing anew", extra={"objects": ",".join(self._age.examples())})
                    return
                case Finding.END:
                    raise WatchLost(f"objects differ since {self._age.age(now):.0f} s: {self._age.examples()}")
        log.warning("kopf has ended")

    async def _compare(self, kinds: Iterable[Resource], held: ObjectStore, age: WatchAge) -> None:
        for resource in (*kinds, NAMESPACE):
            listed = await self._api.list(resource.path(), metadata_only=True)
            age.compare(
                resource.kind,
                {key_of(each): version_of(each) for each in listed.items},
                int(listed.resource_version),
                held.versions(resource.kind),
                self._monotonic(),
            )


async def _happens(event: asyncio.Event, within_seconds: float) -> bool:
    try:
        async with asyncio.timeout(within_seconds):
            return await event.wait()
    except TimeoutError:
        return False
