"""The life of one pod on the mini-kubelet: volumes, init containers, containers, status, and its end."""

import asyncio
import signal
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from cluster.api_client import ApiClient, ApiFailed, ApiRefused
from cluster.container_command import ContainerCommand, container_command
from cluster.container_runner import ContainerRunner, Surroundings
from cluster.kubelet_settings import HOST_ADDRESS, KubeletSettings
from cluster.pod_status import Waiting, status_of
from cluster.pod_volumes import PodVolumes, SourceMissing

Json = Mapping[str, Any]
LEAST_GRACE_SECONDS = 2.0
"""What a sidecar gets though the containers have used up the grace; the number is the kubelet's."""


class PodWorker:
    """Runs one pod, from the moment it is bound to this node until its object is gone."""

    def __init__(
        self,
        pod: Json,
        *,
        address: str,
        api: ApiClient,
        session: aiohttp.ClientSession,
        settings: KubeletSettings,
        root: Path,
    ) -> None:
        self.pod = pod
        self.address = address
        self._api = api
        self._settings = settings
        self._root = root
        self._volumes = PodVolumes(api, root / "volumes")
        self._refresh = asyncio.Event()
        self._dirty = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None
        self._grace_seconds = float(pod["spec"].get("terminationGracePeriodSeconds", 30))
        (root / "scratch").mkdir(parents=True)
        (root / "logs").mkdir()
        around = Surroundings(
            address=address,
            logs=root / "logs",
            restart_policy=pod["spec"].get("restartPolicy", "Always"),
            grace_seconds=self._grace_seconds,
            first_backoff_seconds=settings.restart_backoff_seconds,
            session=session,
            prepare=self._prepare,
            changed=self._dirty.set,
        )
        again = "Never" if around.restart_policy == "Never" else "OnFailure"
        init_around = Surroundings(**{**_fields(around), "restart_policy": again})
        side_around = Surroundings(**{**_fields(around), "restart_policy": "Always"})
        self.init_containers = [
            ContainerRunner(each, side_around if each.get("restartPolicy") == "Always" else init_around)
            for each in pod["spec"].get("initContainers", [])
        ]
        self.containers = [ContainerRunner(each, around) for each in pod["spec"]["containers"]]
        self._life = asyncio.create_task(self._live())
        self._reporting = asyncio.create_task(self._keep_reporting())
        for task in (self._life, self._reporting):
            task.add_done_callback(_tell_of_bug)

    def update(self, pod: Json) -> None:
        """Take note of the pod's newest state; a change of labels, annotations or spec refreshes its volumes at once.

        A kubelet syncs a pod on such a change and not on a change of status.
        """
        nudged = _watched(pod) != _watched(self.pod)
        self.pod = pod
        if nudged and self._settings.refreshes_on_change:
            self._refresh.set()
        if "deletionTimestamp" in pod["metadata"]:
            self._end(float(pod["metadata"].get("deletionGracePeriodSeconds", 30)))

    def vanish(self) -> None:
        """The object is gone without our doing, as by a forced deletion: end what runs, with the grace it had."""
        metadata = self.pod["metadata"]
        grace = metadata.get("deletionGracePeriodSeconds", self.pod["spec"].get("terminationGracePeriodSeconds", 30))
        self._end(float(grace))

    async def wait_gone(self) -> None:
        """Return once everything has ended, for a pod that is ending."""
        if self._ending is not None:
            await self._ending

    async def abandon(self) -> None:
        """End all processes at once and tell nobody, as a node does that loses its power."""
        tasks = [task for task in (self._life, self._reporting, self._ending) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def send(self, container: str, number: signal.Signals) -> None:
        """Send a container's process a signal; an empty name means the first one."""
        self.runner(container).send(number)

    def runner(self, container: str) -> ContainerRunner:
        """Return the runner of a container, or of an init container; an empty name means the first container."""
        return next(each for each in [*self.containers, *self.init_containers] if container in ("", each.facts.name))

    def _end(self, grace_seconds: float) -> None:
        if self._ending is None:
            self._ending = asyncio.create_task(self._end_gracefully(grace_seconds))

    async def _live(self) -> None:
        await self._write_volumes_until_whole()
        async with asyncio.TaskGroup() as group:
            refreshing = group.create_task(self._keep_refreshing())
            if await self._initialise(group):
                for runner in self.containers:
                    group.create_task(runner.run())
            else:
                refreshing.cancel()
                for runner in self._sidecars():
                    await runner.stop(self._grace_seconds)

    async def _initialise(self, group: asyncio.TaskGroup) -> bool:
        """Run the init containers one after the other; return whether the containers may start.

        A sidecar is only waited for until it has started, and goes on in the group.
        """
        for runner in self.init_containers:
            if runner.facts.sidecar:
                group.create_task(runner.run())
                await runner.started.wait()
                continue
            await runner.run()
            if not runner.facts.initialised:
                return False
        return True

    def _sidecars(self) -> list[ContainerRunner]:
        """Return the sidecars in the order in which they are ended."""
        return [runner for runner in reversed(self.init_containers) if runner.facts.sidecar]

    async def _write_volumes_until_whole(self) -> None:
        while True:
            self._refresh.clear()
            try:
                await self._volumes.write(self._known_pod())
                return
            except (SourceMissing, ApiFailed) as error:
                for runner in [*self.init_containers, *self.containers]:
                    runner.facts.state = Waiting("ContainerCreating", str(error))
                self._dirty.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._refresh.wait(), self._settings.mount_retry_seconds)

    async def _keep_refreshing(self) -> None:
        """Write the volumes anew every `sync_seconds`, or at once when the pod has changed."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._refresh.wait(), self._settings.sync_seconds)
            self._refresh.clear()
            with suppress(SourceMissing, ApiFailed):
                await self._volumes.write(self._known_pod())

    async def _prepare(self, container: Json) -> ContainerCommand:
        image = self._settings.images.get(container["image"])
        if image is None:
            raise SourceMissing(f'image "{container["image"]}" is not present with pull policy of Never')
        return await container_command(
            self._api, self._known_pod(), container, image, self._volumes, self._root / "scratch"
        )

    def _known_pod(self) -> Json:
        """Return the pod with the addresses that its status may not tell yet."""
        status = {**self.pod.get("status", {}), "podIP": self.address, "hostIP": HOST_ADDRESS}
        return {**self.pod, "status": status}

    async def _end_gracefully(self, grace_seconds: float) -> None:
        """End the containers together, then the sidecars one by one with what is left of the grace."""
        deadline = asyncio.get_running_loop().time() + grace_seconds
        sidecars = self._sidecars()
        async with asyncio.TaskGroup() as group:
            for runner in [*self.init_containers, *self.containers]:
                if runner not in sidecars:
                    group.create_task(runner.stop(grace_seconds))
        for runner in sidecars:
            await runner.stop(max(LEAST_GRACE_SECONDS, deadline - asyncio.get_running_loop().time()))
        self._life.cancel()
        await asyncio.gather(self._life, return_exceptions=True)
        self._reporting.cancel()
        await asyncio.gather(self._reporting, return_exceptions=True)
        await self._remove_object()

    async def _remove_object(self) -> None:
        """Say for the last time how it ended, and delete the object, which waits for nobody but us."""
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": self.pod["metadata"]["uid"]}}
        while True:
            try:
                await self._write_status()
                await self._api.delete(self._path(), options)
                return
            except ApiFailed:
                await asyncio.sleep(0.5)

    async def _keep_reporting(self) -> None:
        self._dirty.set()
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                await self._write_status()
            except ApiFailed:
                self._dirty.set()
                await asyncio.sleep(0.5)

    async def _write_status(self) -> None:
        status = status_of(
            self.pod,
            [runner.facts for runner in self.containers],
            [runner.facts for runner in self.init_containers],
            address=self.address,
            host_address=HOST_ADDRESS,
            now=datetime.now(UTC),
        )
        patch = {"metadata": {"uid": self.pod["metadata"]["uid"]}, "status": status}
        try:
            written = await self._api.merge(f"{self._path()}/status", patch)
        except ApiRefused as error:
            if error.code not in (404, 409):
                raise
        else:
            # What the watch told meanwhile about the rest of the pod is newer than this answer may be.
            self.pod = {**self.pod, "status": written["status"]}

    def _path(self) -> str:
        metadata = self.pod["metadata"]
        return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"


def _watched(pod: Json) -> tuple[Any, ...]:
    metadata = pod["metadata"]
    return metadata.get("labels"), metadata.get("annotations"), pod["spec"]


def _fields(around: Surroundings) -> dict[str, Any]:
    return {name: getattr(around, name) for name in Surroundings.__slots__}


def _tell_of_bug(task: asyncio.Task[None]) -> None:
    """Hand an error that nobody expects to the loop at once, whose owner fails the test with it."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        task.get_loop().call_exception_handler({"message": "a pod's task failed", "exception": error, "task": task})
