"""The few calls to an API server that the mini-kubelet makes; asynchronous, bounded, apart from the product's own."""

import asyncio
import json
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

_CALL = aiohttp.ClientTimeout(total=10.0)
_WATCH_SECONDS = 300
_LONGEST_EVENT = 4 << 20
MERGE_PATCH = "application/merge-patch+json"
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


class ApiFailed(Exception):
    """The API server could not be reached, or answered with an error."""


class ApiRefused(ApiFailed):
    """The API server answered with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Listed:
    """Everything there is at one moment; what is not in it is gone."""

    items: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """One object was added, modified or deleted."""

    deleted: bool
    item: dict[str, Any]


class ApiClient:
    """Talks to one API server with a client certificate; made inside a running event loop, closed there."""

    def __init__(self, server: str, context: ssl.SSLContext) -> None:
        self.server = server
        self._session = aiohttp.ClientSession(
            server, connector=aiohttp.TCPConnector(ssl=context, limit=0), trust_env=False
        )
        self._known: dict[str, dict[str, Any]] = {}
        self._looking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def close(self) -> None:
        """End all its connections."""
        await self._session.close()

    async def get(self, path: str) -> dict[str, Any]:
        """Return an object or a list; raise ApiFailed."""
        return await self._call("GET", path, None)

    async def find(self, path: str) -> dict[str, Any] | None:
        """Return an object, or None where there is none; raise ApiFailed."""
        try:
            return await self._call("GET", path, None)
        except ApiRefused as error:
            if error.code == 404:
                return None
            raise

    async def look_up(self, path: str) -> dict[str, Any] | None:
        """Return what `find` returns; it is sent only where it has changed since the last time.

        A kubelet has what its pods mount from watches: to fetch all of it for every pod again is a load of its own.
        """
        async with self._looking[path]:
            known = self._known.pop(path, None)
            try:
                head = await self._call("GET", path, None, accept=METADATA_ONLY)
            except ApiRefused as error:
                if error.code == 404:
                    return None
                raise
            if known is None or known["metadata"]["resourceVersion"] != head["metadata"]["resourceVersion"]:
                known = await self.find(path)
            if known is not None:
                self._known[path] = known
            return known

    async def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object in a collection, or post to a subresource; raise ApiFailed."""
        return await self._call("POST", path, body)

    async def merge(self, path: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Apply a merge patch; raise ApiFailed."""
        return await self._call("PATCH", path, patch, MERGE_PATCH)

    async def delete(self, path: str, options: Mapping[str, Any]) -> None:
        """Delete an object; one that is gone already is fine; raise ApiFailed."""
        try:
            await self._call("DELETE", path, options)
        except ApiRefused as error:
            if error.code not in (404, 409):
                raise

    async def follow(self, path: str, query: str = "") -> AsyncIterator[Listed | Changed]:
        """List and watch a collection without end; what breaks off is taken up again, by a new list if need be."""
        while True:
            try:
                listed = await self.get(f"{path}?{query}")
                yield Listed(tuple(listed["items"]))
                async for event in self._watch(path, query, listed["metadata"]["resourceVersion"]):
                    yield event
            except ApiFailed:
                await asyncio.sleep(0.25)

    async def _watch(self, path: str, query: str, version: str) -> AsyncIterator[Changed]:
        """Yield what changes after a version, over as many connections as it takes; raise ApiFailed to start anew."""
        while True:
            url = (
                f"{path}?{query}&watch=1&allowWatchBookmarks=true&timeoutSeconds={_WATCH_SECONDS}"
                f"&resourceVersion={version}"
            )
            timeout = aiohttp.ClientTimeout(total=_WATCH_SECONDS + 30, sock_connect=5.0)
            try:
                async with self._session.get(url, timeout=timeout) as response:
                    if response.status >= 400:
                        raise ApiRefused(response.status, await response.text())
                    while line := await response.content.readuntil(b"\n", max_size=_LONGEST_EVENT):
                        event = json.loads(line)
                        if event["type"] == "ERROR":
                            raise ApiRefused(event["object"].get("code", 0), event["object"].get("message", ""))
                        version = event["object"]["metadata"]["resourceVersion"]
                        if event["type"] != "BOOKMARK":
                            yield Changed(event["type"] == "DELETED", event["object"])
            except (aiohttp.ClientError, TimeoutError, json.JSONDecodeError) as error:
                raise ApiFailed(f"watch of {path}: {error!r}") from error

    async def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Accept": accept} | ({"Content-Type": content_type} if data is not None else {})
        try:
            async with self._session.request(method, path, data=data, headers=headers, timeout=_CALL) as response:
                answer: dict[str, Any] = await response.json()
                if response.status >= 400:
                    raise ApiRefused(response.status, answer.get("message", ""))
                return answer
        except (aiohttp.ClientError, TimeoutError, json.JSONDecodeError) as error:
            raise ApiFailed(f"{method} {path}: {error!r}") from error
