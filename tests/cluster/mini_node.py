"""The mini-kubelet as tests hold it: in a thread of its own, with plain calls for any test, asynchronous or not."""

import asyncio
import signal
import ssl
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Self, TypeVar

from cluster.api_client import ApiClient
from cluster.control_plane import ControlPlane
from cluster.kubelet_settings import KubeletSettings
from cluster.mini_kubelet import MiniKubelet
from cluster.pod_status import Running
from cluster.service_proxy import ServiceProxy

T = TypeVar("T")


class MiniNode:
    """A context manager: inside it the cluster has a node that runs pods; at its end all their processes are gone."""

    def __init__(self, plane: ControlPlane, directory: Path, settings: KubeletSettings | None = None) -> None:
        self.settings = settings or KubeletSettings()
        self._directory = directory
        self._plane = plane
        self._loop = asyncio.new_event_loop()
        self._errors: list[Exception] = []
        self._thread = threading.Thread(target=self._serve, name="mini-kubelet")
        self._services: list[ServiceProxy] = []

    def __enter__(self) -> Self:
        self._loop.set_exception_handler(self._note_error)
        self._thread.start()
        self._api = self._call(self._connect())
        self._kubelet = self._call(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._call(self._stop())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
        if self._errors:
            raise ExceptionGroup("the mini-kubelet met errors", self._errors)

    def pid(self, namespace: str, pod: str, container: str = "") -> int:
        """Return the process id of a container; without a name, of the pod's first one."""
        state = self._kubelet.worker(namespace, pod).runner(container).facts.state
        assert isinstance(state, Running), f"{namespace}/{pod} does not run: {state}"
        return state.pid

    def send(self, number: signal.Signals, namespace: str, pod: str, container: str = "") -> None:
        """Send a container's process a signal: KILL is a crash, STOP a hang."""
        worker = self._kubelet.worker(namespace, pod)
        self._loop.call_soon_threadsafe(worker.send, container, number)

    def log(self, namespace: str, pod: str, container: str = "") -> str:
        """Return what a container has written since its last start."""
        return self.log_file(namespace, pod, container).read_text(errors="replace")

    def log_file(self, namespace: str, pod: str, container: str = "") -> Path:
        """Return the file with a container's output, which stays when the pod is gone."""
        return self._kubelet.worker(namespace, pod).runner(container).log

    def address(self, namespace: str, pod: str) -> str:
        """Return a pod's address on loopback."""
        return self._kubelet.worker(namespace, pod).address

    def pods(self, namespace: str) -> list[str]:
        """Return the names of a namespace's pods that run here."""
        workers = [worker.pod["metadata"] for worker in self._kubelet.workers()]
        return sorted(metadata["name"] for metadata in workers if metadata["namespace"] == namespace)

    def expose(self, namespace: str, service: str, port: str | int | None = None) -> str:
        """Return `host:port` on loopback, at which a port of a Service answers until the node stops."""
        return self._call(self._expose(namespace, service, port))

    async def _connect(self) -> ApiClient:
        pki = self._plane.authority.directory
        context = ssl.create_default_context(cafile=str(self._plane.authority.certificate))
        context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        return ApiClient(self._plane.server, context)

    async def _start(self) -> MiniKubelet:
        kubelet = MiniKubelet(self._api, self.settings, self._directory)
        self._running = asyncio.create_task(kubelet.run())
        async with asyncio.timeout(30.0):
            await kubelet.registered.wait()
        return kubelet

    async def _stop(self) -> None:
        for service in self._services:
            await service.close()
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self._api.close()
        # Closed connections over TLS want a turn of the loop to be rid of their transports.
        await asyncio.sleep(0.05)

    async def _expose(self, namespace: str, service: str, port: str | int | None) -> str:
        found = await self._api.get(f"/api/v1/namespaces/{namespace}/services/{service}")
        proxy = ServiceProxy(self._api, namespace, found, port)
        self._services.append(proxy)
        address, listening = await proxy.start()
        return f"{address}:{listening}"

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60.0)

    def _note_error(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception", RuntimeError(context["message"]))
        # A relay that is cut when its Service closes is told by asyncio as if it were an error.
        if isinstance(error, Exception):
            self._errors.append(error)
