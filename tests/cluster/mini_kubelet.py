"""A kubelet without containers: schedules pods to itself and runs each container as a process on its own 127.x address.

For tests that need pods which truly run, where there is no container runtime and no root. What it does as the real one:
volumes (ConfigMap, Secret, downward API, service account token, projected, optional sources) written by an atomic swap
and refreshed after `sync_seconds`, or at once when the pod's metadata changes; probes; restarts with back-off;
termination with hooks, grace and SIGKILL; status; node lease. What it cannot do stands in `container_command.py`: no
mount namespace, no network of its own, and no limits; files and processes are those of the user who runs the tests.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from cluster.api_client import ApiClient, ApiFailed, ApiRefused, Listed
from cluster.kubelet_settings import HOST_ADDRESS, KubeletSettings
from cluster.pod_worker import PodWorker

Json = Mapping[str, Any]
HEARTBEAT_SECONDS = 5.0
SCHEDULING_SECONDS = 0.25
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


class MiniKubelet:
    """One node; to be used inside one event loop."""

    def __init__(self, api: ApiClient, settings: KubeletSettings, root: Path) -> None:
        self.settings = settings
        self.registered = asyncio.Event()
        self._api = api
        self._root = root
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True), trust_env=False)
        self._workers: dict[str, PodWorker] = {}
        self._addresses_given = 0
        self._pending: dict[str, Json] = {}
        self._leaving: dict[PodWorker, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Be a node until cancelled; then all processes end at once, as if the node had lost its power."""
        try:
            await self._register()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_beating())
                group.create_task(self._keep_following())
                group.create_task(self._keep_scheduling())
        finally:
            await asyncio.gather(*(worker.abandon() for worker in [*self._workers.values(), *self._leaving]))
            await asyncio.gather(*self._leaving.values(), return_exceptions=True)
            await self._session.close()

    def worker(self, namespace: str, name: str) -> PodWorker:
        """Return the worker of a pod that runs here; raise LookupError if there is none."""
        for worker in self._workers.values():
            metadata = worker.pod["metadata"]
            if (metadata["namespace"], metadata["name"]) == (namespace, name):
                return worker
        raise LookupError(f"no pod {namespace}/{name} runs on {self.settings.node_name}")

    def workers(self) -> Iterable[PodWorker]:
        """Return the workers of all pods here."""
        return tuple(self._workers.values())

    async def _register(self) -> None:
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.settings.node_name}}
        while True:
            try:
                with suppress(ApiRefused):
                    await self._api.create("/api/v1/nodes", node)
                await self._tell_ready()
                await self._beat()
                self.registered.set()
                return
            except ApiFailed:
                await asyncio.sleep(0.25)

    async def _tell_ready(self) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        times = {"lastHeartbeatTime": now, "lastTransitionTime": now}
        conditions = [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "", **times}]
        room = {"cpu": "64", "memory": "64Gi", "pods": "1000"}
        status = {
            "conditions": conditions,
            "addresses": [{"type": "InternalIP", "address": HOST_ADDRESS}],
            "capacity": room,
            "allocatable": room,
        }
        await self._api.merge(f"/api/v1/nodes/{self.settings.node_name}/status", {"status": status})

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            with suppress(ApiFailed):
                await self._tell_ready()
                await self._beat()

    async def _beat(self) -> None:
        name = self.settings.node_name
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": now}
        if await self._api.find(f"{LEASES}/{name}") is None:
            await self._api.create(LEASES, {"metadata": {"name": name}, "spec": spec})
        else:
            await self._api.merge(f"{LEASES}/{name}", {"spec": spec})

    async def _keep_following(self) -> None:
        async for event in self._api.follow("/api/v1/pods"):
            if isinstance(event, Listed):
                here = {pod["metadata"]["uid"] for pod in event.items}
                for uid in (self._workers.keys() | self._pending.keys()) - here:
                    self._vanish(uid)
                for pod in event.items:
                    await self._note(pod)
            elif event.deleted:
                self._vanish(event.item["metadata"]["uid"])
            else:
                await self._note(event.item)

    async def _keep_scheduling(self) -> None:
        """Try again, for as long as there are any, to bind the pods that could not be bound when they came."""
        while True:
            await asyncio.sleep(SCHEDULING_SECONDS)
            for pod in tuple(self._pending.values()):
                await self._bind(pod)

    async def _note(self, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        node = pod["spec"].get("nodeName", "")
        if node:
            self._pending.pop(uid, None)
        if uid in self._workers:
            self._workers[uid].update(pod)
        elif node == self.settings.node_name and pod.get("status", {}).get("phase") not in ("Succeeded", "Failed"):
            self._start(pod)
        elif not node and "deletionTimestamp" not in pod["metadata"]:
            self._pending[uid] = pod
            await self._bind(pod)

    def _start(self, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        worker = PodWorker(
            pod,
            address=self._next_address(),
            api=self._api,
            session=self._session,
            settings=self.settings,
            root=self._root / "pods" / uid,
        )
        self._workers[uid] = worker
        worker.update(pod)

    def _vanish(self, uid: str) -> None:
        self._pending.pop(uid, None)
        worker = self._workers.pop(uid, None)
        if worker is not None:
            worker.vanish()
            end = asyncio.create_task(worker.wait_gone())
            self._leaving[worker] = end
            end.add_done_callback(lambda _: self._leaving.pop(worker, None))

    async def _bind(self, pod: Json) -> None:
        """Bind a pending pod to this node, unless it is cordoned; one that is bound or gone by now is no matter."""
        metadata = pod["metadata"]
        name = self.settings.node_name
        if not self.settings.schedules:
            return
        with suppress(ApiFailed):
            if (await self._api.get(f"/api/v1/nodes/{name}"))["spec"].get("unschedulable", False):
                return
            target = {"apiVersion": "v1", "kind": "Node", "name": name}
            await self._api.create(
                f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/binding",
                {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": metadata["name"]}, "target": target},
            )

    def _next_address(self) -> str:
        self._addresses_given += 1
        high, low = divmod(self._addresses_given, 250)
        return f"{self.settings.address_block}.{high % 256}.{low + 1}"
