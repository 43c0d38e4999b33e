"""Touches the pods of fleets that have not acknowledged what is published: the kubelet refreshes their volumes then."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from fairlead_operator.cluster.api import ClusterError
from fairlead_operator.cluster.kubernetes_api import KubernetesApi
from fairlead_operator.cluster.kubernetes_errors import NotFound
from fairlead_operator.cluster.kubernetes_paths import POD
from fairlead_operator.cluster.kubernetes_pods import ProxyPod
from fairlead_operator.cluster.nudges import Nudges

log = logging.getLogger(__name__)

NUDGE_ANNOTATION = "fairlead.dev/nudge"
AT_A_TIME = 16


class Nudging:
    """One task for all fleets. It is woken when something is published, a pod comes, or a report arrives.

    `wanted_of` tells revision and key ring that a gateway's proxies shall serve, `serves` those that a pod's last
    report names (None: not heard).
    """

    def __init__(
        self,
        api: KubernetesApi,
        *,
        clock: Callable[[], float],
        gateways: Callable[[], Iterable[str]],
        pods_of: Callable[[str], Sequence[ProxyPod]],
        wanted_of: Callable[[str], tuple[str, str]],
        serves: Callable[[str, str], tuple[str, str] | None],
    ) -> None:
        self._api = api
        self._clock = clock
        self._gateways = gateways
        self._pods_of = pods_of
        self._wanted_of = wanted_of
        self._serves = serves
        self._nudges: dict[str, Nudges] = {}
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._at_a_time = asyncio.Semaphore(AT_A_TIME)
        self.counts: Counter[str] = Counter()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="nudge proxies")

    def wake(self) -> None:
        self._woken.set()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def nudge_due(self, gateway: str) -> float | None:
        """Touch the pods of one fleet whose turn it is; return when the next turn is, by the clock of the loop."""
        due, again = self._due(gateway, asyncio.get_running_loop().time())
        if due:
            await self.nudge(gateway, due)
        return again

    async def nudge(self, gateway: str, pods: Iterable[str]) -> None:
        """Touch these pods now; a pod that is gone, or cannot be touched, is left to the next round."""
        revision, _ = self._wanted_of(gateway)
        # The time makes it differ from whatever stands there, also from what a process before us wrote.
        mark = f"{revision}-{int(self._clock() * 1000)}"
        await asyncio.gather(*(self._touch(gateway, pod, mark) for pod in pods))

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            again: float | None = None
            gateways = list(self._gateways())
            for gone in [gateway for gateway in self._nudges if gateway not in gateways]:
                del self._nudges[gone]
            for gateway in gateways:
                at = await self.nudge_due(gateway)
                again = at if again is None or (at is not None and at < again) else again
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(again):
                    await self._woken.wait()

    def _due(self, gateway: str, now: float) -> tuple[list[str], float | None]:
        wanted = self._wanted_of(gateway)
        nudges = self._nudges.setdefault(gateway, Nudges())
        if all(wanted):
            nudges.want(" ".join(wanted))
        pods = [pod.name for pod in self._pods_of(gateway) if pod.address]
        acknowledged = [name for name in pods if self._serves(gateway, name) == wanted]
        return nudges.due(pods, acknowledged, now)

    async def _touch(self, gateway: str, pod: str, mark: str) -> None:
        path = POD.path(gateway.partition("/")[0], pod)
        async with self._at_a_time:
            try:
                await self._api.patch(path, {"metadata": {"annotations": {NUDGE_ANNOTATION: mark}}})
            except NotFound:
                return
            except ClusterError as error:
                log.info("a proxy cannot be nudged", extra={"gateway": gateway, "proxy": pod, "error": str(error)})
                return
        self.counts["nudges"] += 1
