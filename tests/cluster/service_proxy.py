"""A Service on loopback: relays connections in turn to the ready pods that its selector picks, as kube-proxy would.

The readiness of pods is read from the pods themselves: EndpointSlices may not hold loopback addresses.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from cluster.api_client import ApiClient, Listed

Json = Mapping[str, Any]


class ServiceProxy:
    """Relays one port of one Service; connections that stand go on when their pod is no longer ready, as always."""

    def __init__(self, api: ApiClient, namespace: str, service: Json, port: str | int | None = None) -> None:
        """Choose the port of the Service by its name or number; without one, its first."""
        self._api = api
        self._namespace = namespace
        self._selector = ",".join(f"{key}={value}" for key, value in sorted(service["spec"]["selector"].items()))
        ports = service["spec"]["ports"]
        chosen = next(each for each in ports if port in (None, each.get("name"), each["port"]))
        self._target_port: str | int = chosen.get("targetPort", chosen["port"])
        self._pods: dict[str, Json] = {}
        self._turn = 0
        self._relays: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> tuple[str, int]:
        """Listen, and return the address and port."""
        self._following = asyncio.create_task(self._follow())
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        address, port = self._server.sockets[0].getsockname()
        return str(address), int(port)

    async def close(self) -> None:
        """Stop listening and cut every connection."""
        tasks = [*self._relays, *([self._following] if self._following else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def endpoints(self) -> list[tuple[str, int]]:
        """Return address and port of the pods that take new connections now."""
        return sorted(_endpoint(pod, self._target_port) for pod in self._pods.values() if _takes_connections(pod))

    async def _follow(self) -> None:
        path = f"/api/v1/namespaces/{self._namespace}/pods"
        async for event in self._api.follow(path, f"labelSelector={self._selector}"):
            if isinstance(event, Listed):
                self._pods = {pod["metadata"]["uid"]: pod for pod in event.items}
            elif event.deleted:
                self._pods.pop(event.item["metadata"]["uid"], None)
            else:
                self._pods[event.item["metadata"]["uid"]] = event.item

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._relays.add(task)
        try:
            await self._relay(reader, writer)
        except OSError:
            writer.transport.abort()
        finally:
            self._relays.discard(task)
            writer.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        endpoints = self.endpoints()
        if not endpoints:
            writer.transport.abort()
            return
        self._turn += 1
        pod_reader, pod_writer = await asyncio.open_connection(*endpoints[self._turn % len(endpoints)])
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, pod_writer))
                group.create_task(_pump(pod_reader, writer))
        except* OSError:
            writer.transport.abort()
            pod_writer.transport.abort()
        finally:
            pod_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until the end, and then the end itself."""
    while chunk := await reader.read(65536):
        writer.write(chunk)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof()


def _takes_connections(pod: Json) -> bool:
    conditions = {each["type"]: each["status"] for each in pod.get("status", {}).get("conditions", [])}
    return "deletionTimestamp" not in pod["metadata"] and conditions.get("Ready") == "True"


def _endpoint(pod: Json, port: str | int) -> tuple[str, int]:
    named = {
        each["name"]: int(each["containerPort"])
        for container in pod["spec"]["containers"]
        for each in container.get("ports", [])
        if "name" in each
    }
    return pod["status"]["podIP"], port if isinstance(port, int) else named[port]
