"""Leader election: one leader at a time, told apart from a dead one by our own clock."""

import asyncio

from doubles.api_server import ApiServer
from doubles.eventually import eventually

from fairlead_operator.cluster.kubernetes_api import KubernetesApi
from fairlead_operator.cluster.lease import LeaderElection, LeaseSettings

LEASE = "/apis/coordination.k8s.io/v1/namespaces/ops/leases/fairlead-operator"


class Clocks:
    """A clock that only measures, and one that tells the time of day; both stand until they are set."""

    def __init__(self, wall: float = 1_800_000_000.0) -> None:
        self.now = 0.0
        self.time_of_day = wall

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.time_of_day


def election(api: KubernetesApi, identity: str, clocks: Clocks) -> LeaderElection:
    settings = LeaseSettings("ops", "fairlead-operator", identity, retry_seconds=0.01)
    return LeaderElection(api, settings, monotonic=clocks.monotonic, wall=clocks.wall)


async def renewed(server: ApiServer, *, times: int) -> None:
    before = server.count("PUT", LEASE)
    await eventually(lambda: server.count("PUT", LEASE) >= before + times)


def holder(server: ApiServer) -> str:
    return str(server.objects[LEASE]["spec"]["holderIdentity"])


async def test_first_to_come_leads(server: ApiServer, api: KubernetesApi) -> None:
    first = election(api, "a", Clocks())
    await first.acquire()
    assert first.leading
    assert holder(server) == "a"


async def test_standby_waits_while_the_leader_renews(server: ApiServer, api: KubernetesApi) -> None:
    clocks = Clocks()
    first, second = election(api, "a", clocks), election(api, "b", clocks)
    await first.acquire()
    keeping, waiting = asyncio.create_task(first.keep()), asyncio.create_task(second.acquire())
    for _ in range(10):
        clocks.now += 5.0
        await renewed(server, times=2)
    assert holder(server) == "a"
    assert not second.leading
    for task in (keeping, waiting):
        task.cancel()
    await asyncio.gather(keeping, waiting, return_exceptions=True)


async def test_standby_takes_over_a_record_that_stands_still(server: ApiServer, api: KubernetesApi) -> None:
    clocks = Clocks()
    await election(api, "a", clocks).acquire()
    second = election(api, "b", clocks)
    waiting = asyncio.create_task(second.acquire())
    await eventually(lambda: server.count("GET", LEASE) > 3)
    assert not waiting.done()
    clocks.now += 15.1
    await asyncio.wait_for(waiting, 5)
    assert holder(server) == "b"
    assert server.objects[LEASE]["spec"]["leaseTransitions"] == 1


async def test_leader_whose_clock_is_an_hour_behind_is_not_taken_for_dead(
    server: ApiServer, api: KubernetesApi
) -> None:
    await election(api, "a", Clocks(wall=1_800_000_000.0 - 3600)).acquire()
    second = election(api, "b", Clocks())
    waiting = asyncio.create_task(second.acquire())
    await eventually(lambda: server.count("GET", LEASE) > 5)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_released_lease_is_taken_at_once(server: ApiServer, api: KubernetesApi) -> None:
    clocks = Clocks()
    first, second = election(api, "a", clocks), election(api, "b", clocks)
    await first.acquire()
    await first.release()
    assert not first.leading
    await asyncio.wait_for(second.acquire(), 5)
    assert holder(server) == "b"


async def test_leader_that_cannot_renew_stops_before_a_standby_could_start(
    server: ApiServer, api: KubernetesApi
) -> None:
    clocks = Clocks()
    first = election(api, "a", clocks)
    await first.acquire()
    keeping = asyncio.create_task(first.keep())
    await eventually(lambda: server.count("PUT", LEASE) > 1)
    server.refuse(LEASE, 500)
    clocks.now += 10.0
    await asyncio.wait_for(keeping, 5)
    assert not first.leading
    assert clocks.now < 15.0


async def test_leader_survives_a_short_fault(server: ApiServer, api: KubernetesApi) -> None:
    clocks = Clocks()
    first = election(api, "a", clocks)
    await first.acquire()
    keeping = asyncio.create_task(first.keep())
    server.refuse(LEASE, 500, times=3)
    clocks.now += 5.0
    await renewed(server, times=6)
    assert first.leading
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def test_leader_that_finds_another_holder_stops(server: ApiServer, api: KubernetesApi) -> None:
    first = election(api, "a", Clocks())
    await first.acquire()
    keeping = asyncio.create_task(first.keep())
    taken = {**server.objects[LEASE], "spec": {**server.objects[LEASE]["spec"], "holderIdentity": "b"}}
    await server.put(LEASE, taken)
    await asyncio.wait_for(keeping, 5)
    assert not first.leading
    assert holder(server) == "b"


async def test_lease_that_somebody_deleted_is_made_again(server: ApiServer, api: KubernetesApi) -> None:
    first = election(api, "a", Clocks())
    await first.acquire()
    keeping = asyncio.create_task(first.keep())
    await server.remove(LEASE)
    await eventually(lambda: LEASE in server.objects and holder(server) == "a")
    assert first.leading
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
