"""A thin client of the API server: what the operator needs of it, with a deadline on every wait."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp

from fairlead_operator.cluster.kubernetes_access import Access
from fairlead_operator.cluster.kubernetes_errors import (
    AccessError,
    KubernetesError,
    NotServed,
    TooManyRequests,
    Unavailable,
    error_of,
)
from fairlead_operator.cluster.kubernetes_paths import path_of
from fairlead_operator.resources.fleet_names import OPERATOR_NAME

log = logging.getLogger(__name__)

REQUEST_SECONDS = 15.0
CONNECT_SECONDS = 5.0
WATCH_MARGIN_SECONDS = 5.0
"""How long a watch may outlast the time that it was asked for before its connection counts as dead."""

LONGEST_RETRY_AFTER_SECONDS = 5.0
TRIES_WHEN_THROTTLED = 4
LIST_CHUNK = 500
LINE_LIMIT = 4 * 1024 * 1024
"""Room for one watch event: an object is at most 1.5 MiB in etcd, a little more in JSON."""

MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
METADATA_ONLY = "application/json;as={kind};g=meta.k8s.io;v=v1"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """Objects as they stood at one resourceVersion, from which a watch goes on."""

    items: list[Json]
    resource_version: str


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """`type` is ADDED, MODIFIED, DELETED or BOOKMARK."""

    type: str
    object: Json


class KubernetesApi:
    """All methods raise KubernetesError. To be used as an async context manager, in one event loop."""

    def __init__(self, access: Access, *, field_manager: str = OPERATOR_NAME) -> None:
        self.access = access
        self._field_manager = field_manager
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # No bound on connections: each watch of a namespace holds one.
        secure = self.access.server.startswith("https:")
        connector = aiohttp.TCPConnector(limit=0, ssl=self.access.ssl_context() if secure else True)
        self._session = aiohttp.ClientSession(
            connector=connector,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=LINE_LIMIT,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Json:
        return await self._request("GET", path, params=params)

    async def list(self, path: str, *, selector: str = "", fields: str = "", metadata_only: bool = False) -> Listed:
        """Return all objects below a path, read in chunks."""
        accept = METADATA_ONLY.format(kind="PartialObjectMetadataList") if metadata_only else "application/json"
        params = _selecting(selector, fields) | {"limit": str(LIST_CHUNK)}
        items: list[Json] = []
        while True:
            page = await self._request("GET", path, params=params, accept=accept)
            items += page.get("items") or []
            proceed = page["metadata"].get("continue")
            if not proceed:
                return Listed(items, page["metadata"]["resourceVersion"])
            params = params | {"continue": proceed}

    async def watch(
        self, path: str, resource_version: str, *, timeout_seconds: float, selector: str = "", fields: str = ""
    ) -> AsyncGenerator[WatchEvent, None]:
        """Yield what happens after this resourceVersion, until the server ends the stream in time.

        Raise Gone where it no longer knows that version. Close the iterator to stop earlier.
        """
        params = _selecting(selector, fields) | {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(int(timeout_seconds)),
        }
        deadline = aiohttp.ClientTimeout(total=timeout_seconds + WATCH_MARGIN_SECONDS, sock_connect=CONNECT_SECONDS)
        what = f"watch {path}"
        try:
            async with self._open().get(
                self.access.server + path, params=params, headers=self._headers(), timeout=deadline
            ) as answer:
                if answer.status != 200:
                    raise await _failure(what, answer)
                async for line in answer.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        status = event["object"]
                        raise error_of(status.get("code", 500), what, status.get("message", ""))
                    yield WatchEvent(event["type"], event["object"])
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Unavailable(f"{what}: {type(error).__name__}") from error

    async def apply(self, manifest: Mapping[str, Any], *, metadata_only: bool = False) -> Json:
        """Make an object exist as given, by server-side apply with force; return it, or its metadata, as it is now."""
        accept = METADATA_ONLY.format(kind="PartialObjectMetadata") if metadata_only else "application/json"
        return await self._apply(path_of(manifest), manifest, accept)

    async def apply_status(self, path: str, manifest: Mapping[str, Any]) -> Json:
        """Replace the status that we own; the manifest's resourceVersion must be that of the object (else Conflict)."""
        return await self._apply(f"{path}/status", manifest)

    async def patch(self, path: str, body: Mapping[str, Any]) -> Json:
        """Merge these fields into an object."""
        return await self._request("PATCH", path, params=self._managed(), body=body, content_type=MERGE_PATCH)

    async def create(self, path: str, body: Mapping[str, Any]) -> Json:
        """Create an object below a path; Conflict where it exists."""
        return await self._request("POST", path, params=self._managed(), body=body)

    async def replace(self, path: str, body: Mapping[str, Any]) -> Json:
        """Replace an object; Conflict where its resourceVersion is no longer that of the body."""
        return await self._request("PUT", path, params=self._managed(), body=body)

    async def delete(self, path: str, *, uid: str = "") -> None:
        """Delete an object, and what it owns in the background; only if it has this uid, where one is given."""
        body: Json = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if uid:
            body["preconditions"] = {"uid": uid}
        await self._request("DELETE", path, body=body)

    async def _apply(self, path: str, manifest: Mapping[str, Any], accept: str = "application/json") -> Json:
        params = self._managed() | {"force": "true"}
        return await self._request("PATCH", path, params=params, body=manifest, content_type=APPLY_PATCH, accept=accept)

    def _managed(self) -> dict[str, str]:
        return {"fieldManager": self._field_manager}

    async def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Json:
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        for tries_left in reversed(range(TRIES_WHEN_THROTTLED)):
            try:
                return await self._once(method, path, params, data, content_type, accept)
            except TooManyRequests as throttled:
                if not tries_left or throttled.retry_after > LONGEST_RETRY_AFTER_SECONDS:
                    raise
                await asyncio.sleep(throttled.retry_after)
        raise AssertionError("the last try returns or raises")

    async def _once(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        data: bytes | None,
        content_type: str,
        accept: str,
    ) -> Json:
        headers = self._headers() | {"accept": accept}
        if data is not None:
            headers["content-type"] = content_type
        # As a file aiohttp sends it piece by piece: a full shard of a snapshot at once would hold up the loop.
        sent = None if data is None else io.BytesIO(data)
        deadline = aiohttp.ClientTimeout(total=REQUEST_SECONDS, sock_connect=CONNECT_SECONDS)
        what = f"{method} {path}"
        try:
            async with self._open().request(
                method, self.access.server + path, params=params, data=sent, headers=headers, timeout=deadline
            ) as answer:
                if answer.status >= 300:
                    raise await _failure(what, answer)
                content: Json = json.loads(await answer.read())
                return content
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Unavailable(f"{what}: {type(error).__name__}") from error

    def _headers(self) -> dict[str, str]:
        try:
            token = self.access.bearer()
        except AccessError as error:
            raise Unavailable(str(error)) from error
        return {"authorization": f"Bearer {token}"} if token else {}

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise Unavailable("the client is not open")
        return self._session


def _selecting(selector: str, fields: str) -> dict[str, str]:
    params = {"labelSelector": selector, "fieldSelector": fields}
    return {name: value for name, value in params.items() if value}


async def _failure(what: str, answer: aiohttp.ClientResponse) -> KubernetesError:
    content = await answer.read()
    try:
        status = json.loads(content)
        message = str(status.get("message", ""))
    except (ValueError, AttributeError):
        # Where it does not serve a kind, it answers in plain text; about an object it answers with a Status.
        if answer.status == 404:
            return NotServed(f"{what}: the API server does not serve this")
        message = ""
    try:
        retry_after = float(answer.headers.get("retry-after", "1"))
    except ValueError:  # it may be a date
        retry_after = 1.0
    return error_of(answer.status, what, message or (answer.reason or ""), retry_after)
