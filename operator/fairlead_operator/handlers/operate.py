"""The operator's process, from the lease to the last farewell: who acts, on what, and when it must stop."""

import asyncio
import contextlib
import logging
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from fairlead_operator.cluster.api import ClusterError
from fairlead_operator.cluster.kubernetes_access import Access
from fairlead_operator.cluster.kubernetes_api import KubernetesApi
from fairlead_operator.cluster.kubernetes_cluster import KubernetesCluster, KubernetesSettings
from fairlead_operator.cluster.kubernetes_paths import NAMESPACE, OURS
from fairlead_operator.cluster.lease import LeaderElection, LeaseSettings
from fairlead_operator.cluster.loop_thread import LoopThread
from fairlead_operator.fleet.render import FleetSettings
from fairlead_operator.handlers.following import Follower, WatchLost
from fairlead_operator.handlers.garbage import freezing
from fairlead_operator.handlers.health import HealthServer, OperatorHealth
from fairlead_operator.price_book.shelf import Shelf
from fairlead_operator.reconciler import Reconciler, ReconcilerSettings

log = logging.getLogger(__name__)

LEASE_NAME = "fairlead-operator"
FAREWELL_SECONDS = 2.0
"""How long a leader that was told to end goes on. `helm uninstall` deletes the operator and then, in the same breath,
the gateway: only from us its proxies hear that nobody comes any more.
"""


@dataclass(frozen=True, slots=True)
class OperatorSettings:
    """`identity` names this process among its standbys; `account` is its service account, `namespace:name`.

    `gateway_namespaces` None: ModelGateways are honoured everywhere.
    """

    access: Access
    identity: str
    namespace: str
    account: str
    gateway_namespaces: frozenset[str] | None
    fleet: FleetSettings
    leader_election: bool = True
    health_host: str = "0.0.0.0"  # noqa: S104 (a pod's own network; no secret and no name but ours is told there)
    health_port: int = 9091


class HealthPortTaken(Exception):
    """The address of the health port cannot be listened on; the message is the system's own."""


@dataclass(frozen=True, slots=True)
class Instruments:
    """The clocks, the dice and the way out of this process.

    `exit_now` ends it without any farewell: an operator that no longer leads must not do one thing more.
    """

    clock: Callable[[], float]
    monotonic: Callable[[], float]
    rng: random.Random
    exit_now: Callable[[int], None]


async def operate(settings: OperatorSettings, instruments: Instruments) -> int:
    """Run until SIGTERM or SIGINT; return the exit code. Raises HealthPortTaken."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stopping.set)
    health = OperatorHealth()
    server = HealthServer(health, settings.health_host, settings.health_port)
    try:
        await server.start()
    except OSError as error:
        raise HealthPortTaken(error.strerror or str(error)) from error
    log.info("operator started", extra={"identity": settings.identity, "health_port": server.port})
    try:
        async with KubernetesApi(settings.access) as api, _electing(settings, instruments) as (aside, election):
            with freezing(instruments.monotonic):
                return await _serve_term(api, aside, election, settings, instruments, health, stopping)
    finally:
        await server.close()


async def _serve_term(
    api: KubernetesApi,
    aside: LoopThread,
    election: LeaderElection,
    settings: OperatorSettings,
    instruments: Instruments,
    health: OperatorHealth,
    stopping: asyncio.Event,
) -> int:
    """Wait for the lease, act while it is ours, and give it back.

    All that concerns the lease runs `aside`, and so does the end of this process when it is lost.
    """
    stopped = asyncio.create_task(stopping.wait(), name="stop")
    tasks: list[asyncio.Task[object]] = []
    try:
        if settings.leader_election:
            acquiring = asyncio.create_task(aside.run(election.acquire()), name="acquire the lease")
            tasks.append(acquiring)
            tasks.append(asyncio.create_task(_reach(api, health), name="reach the API server"))
            await asyncio.wait((acquiring, stopped), return_when=asyncio.FIRST_COMPLETED)
            if stopping.is_set():
                return 0
            acquiring.result()
        health.leading = True
        acting = asyncio.create_task(_act(api, settings, instruments, health), name="act")
        tasks.append(acting)
        waiting = {acting, stopped}
        if settings.leader_election:
            keeping = asyncio.create_task(aside.run(_keep(election, instruments.exit_now)), name="keep the lease")
            tasks.append(keeping)
            waiting.add(keeping)
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if stopping.is_set():
            log.info("ending soon")
            await asyncio.wait(waiting - {stopped}, timeout=FAREWELL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            return _code_of(acting) if acting.done() else 0
        return _code_of(acting)
    finally:
        for task in [*tasks, stopped]:
            task.cancel()
        await asyncio.gather(*tasks, stopped, return_exceptions=True)
        await aside.run(election.release())


@contextlib.asynccontextmanager
async def _electing(
    settings: OperatorSettings, instruments: Instruments
) -> AsyncIterator[tuple[LoopThread, LeaderElection]]:
    """Give the election and the thread on which all of it is to run, with connections of its own."""
    async with LoopThread("lease") as aside:
        api = KubernetesApi(settings.access)
        await aside.run(api.__aenter__())
        try:
            lease = LeaseSettings(settings.namespace, LEASE_NAME, settings.identity)
            yield aside, LeaderElection(api, lease, monotonic=instruments.monotonic, wall=instruments.clock)
        finally:
            await aside.run(api.__aexit__(None, None, None))


async def _keep(election: LeaderElection, exit_now: Callable[[int], None]) -> None:
    await election.keep()
    # Another operator may act from now on: no clean-up, no last write.
    exit_now(1)


async def _reach(api: KubernetesApi, health: OperatorHealth) -> None:
    """Note when the API server answers: that is all that a standby must be able to do."""
    while not health.reached:
        try:
            await api.get("/version")
            health.reached = True
        except ClusterError:
            await asyncio.sleep(1.0)


async def _act(
    api: KubernetesApi, settings: OperatorSettings, instruments: Instruments, health: OperatorHealth
) -> None:
    """Watch, and reconcile once everything is known. Raises WatchLost."""
    cluster = KubernetesCluster(
        api,
        KubernetesSettings(settings.gateway_namespaces, instance=settings.identity),
        clock=instruments.clock,
        rng=instruments.rng,
    )
    follower = Follower(api, settings.access, cluster.store, monotonic=instruments.monotonic)
    health.watch_age = lambda: follower.age_seconds
    health.objects = lambda: _held(cluster)
    health.counts = [cluster.counts, cluster.nudges]
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(follower.run(), name="follow our kinds")
            await follower.synced.wait()
            await _begin(cluster)
            health.synced = True
            log.info(
                "reconciling", extra={"gateway_namespaces": ",".join(sorted(settings.gateway_namespaces or ["*"]))}
            )
            wanted = ReconcilerSettings(fleet=settings.fleet, operator_account=settings.account)
            reconciler = Reconciler(cluster, wanted, clock=instruments.clock, shelf=Shelf())
            group.create_task(reconciler.run(), name="reconcile")
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    finally:
        await cluster.close()


async def _begin(cluster: KubernetesCluster) -> None:
    while True:
        try:
            await cluster.start()
            break
        except ClusterError as error:
            log.warning("the fleets cannot be watched", extra={"error": str(error)})
            await asyncio.sleep(1.0)
    await cluster.settle()


def _held(cluster: KubernetesCluster) -> Mapping[str, int]:
    kinds = [*OURS, NAMESPACE.kind]
    return Counter({kind: len(cluster.store.versions(kind)) for kind in kinds})


def _code_of(acting: "asyncio.Task[None]") -> int:
    error = acting.exception() if acting.done() and not acting.cancelled() else None
    match error:
        case None:
            return 1
        case WatchLost():
            log.error("ending: the watches cannot be trusted", extra={"error": str(error)})
            return 1
        case _:
            raise error
