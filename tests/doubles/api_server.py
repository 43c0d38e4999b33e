"""A small API server in memory, over HTTP: enough for the client, the watches and the lease, with faults on demand."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from fairlead_operator.cluster.kubernetes_access import Access

Json = dict[str, Any]

_PATH = re.compile(
    r"(?P<root>/api/v1|/apis/[^/]+/[^/]+)(/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[^/]+)(/(?P<name>[^/]+))?"
)


@dataclass
class Fault:
    """What the next requests that touch a path get instead of an answer; `times` None: until it is lifted."""

    path: str
    status: int
    times: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    plain: bool = False
    """Answer in plain text, as an API server does about a kind that it does not serve."""


class ApiServer:
    """Objects by path. Every write gets the next resourceVersion and reaches the open watches."""

    def __init__(self) -> None:
        self.objects: dict[str, Json] = {}
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str]] = []
        self.seen_tokens: list[str] = []
        self.history: list[tuple[int, str, str, Json]] = []
        self.oldest = 0
        self.version = 0
        self.changed = asyncio.Condition()
        self.access = Access("")

    async def put(self, path: str, content: Json | None = None) -> Json:
        """Create or replace the object at this path, from outside."""
        kind = "MODIFIED" if path in self.objects else "ADDED"
        return await self._store(kind, path, content or {})

    async def remove(self, path: str) -> None:
        content = self.objects.pop(path)
        await self._store("DELETED", path, content, keep=False)

    def count(self, method: str, path: str) -> int:
        return sum(1 for each in self.requests if each == (method, path))

    def refuse(self, path: str, status: int, *, times: int | None = None, plain: bool = False, **headers: str) -> Fault:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        fault = Fault(path, status, times, named, plain)
        self.faults.append(fault)
        return fault

    def forget_history(self) -> None:
        """Make every resourceVersion but the present one too old to watch from."""
        self.oldest = self.version

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path, watching = request.path, "watch" in request.query
        self.requests.append(("WATCH" if watching else request.method, path))
        self.seen_tokens.append(request.headers.get("authorization", ""))
        fault = self._fault(path)
        if fault is not None and fault.plain:
            return web.Response(text="404 page not found\n", status=fault.status)
        if fault is not None:
            return web.json_response({"message": "as told"}, status=fault.status, headers=fault.headers)
        if watching:
            return await self._watch(request, path)
        # Not `request.read`: it refuses what is larger than 1 MiB, which an API server takes.
        body = json.loads(await request.content.read() or b"{}")
        match request.method:
            case "GET":
                return self._read(request, path)
            case "POST":
                path = f"{path}/{body['metadata']['name']}"
                if path in self.objects:
                    return web.json_response({"message": "exists"}, status=409)
                return web.json_response(await self.put(path, body), status=201)
            case "PUT":
                return await self._replace(path, body)
            case "DELETE":
                await self.remove(path)
                return web.json_response({})
            case _:
                merged = _merge(self.objects.get(path.removesuffix("/status"), {}), body)
                return web.json_response(await self.put(path.removesuffix("/status"), merged))

    def _fault(self, path: str) -> Fault | None:
        for fault in self.faults:
            if path.startswith(fault.path):
                if fault.times is not None:
                    fault.times -= 1
                    if not fault.times:
                        self.faults.remove(fault)
                return fault
        return None

    def _read(self, request: web.Request, path: str) -> web.StreamResponse:
        if path in self.objects:
            return web.json_response(self.objects[path])
        if _PATH.fullmatch(path)["name"]:  # type: ignore[index]  # a path that fits nothing is a bug of the caller
            return web.json_response({"message": "not found"}, status=404)
        selector = request.query.get("labelSelector", "")
        items = [
            content
            for name, content in sorted(self.objects.items())
            if _is_below(name, path) and _selected(content, selector)
        ]
        start = int(request.query.get("continue", "0"))
        limit = int(request.query.get("limit", "500"))
        page = {"resourceVersion": str(self.version)}
        if start + limit < len(items):
            page["continue"] = str(start + limit)
        return web.json_response({"metadata": page, "items": items[start : start + limit]})

    async def _replace(self, path: str, body: Json) -> web.StreamResponse:
        there = self.objects.get(path)
        if there is None:
            return web.json_response({"message": "not found"}, status=404)
        if body["metadata"].get("resourceVersion") != there["metadata"]["resourceVersion"]:
            return web.json_response({"message": "changed"}, status=409)
        return web.json_response(await self.put(path, body))

    async def _watch(self, request: web.Request, path: str) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"content-type": "application/json"})
        await answer.prepare(request)
        version = int(request.query["resourceVersion"])
        if version < self.oldest:
            await _send(answer, "ERROR", {"code": 410, "message": "too old"})
            return answer
        try:
            async with asyncio.timeout(float(request.query["timeoutSeconds"])):
                while True:
                    for number, kind, name, content in self.history:
                        if number > version and _is_below(name, path):
                            await _send(answer, kind, content)
                    version = self.version
                    async with self.changed:
                        while self.version == version:
                            await self.changed.wait()
        except TimeoutError:
            return answer

    async def _store(self, kind: str, path: str, content: Json, *, keep: bool = True) -> Json:
        self.version += 1
        parts = path.split("/")
        where = {"namespace": parts[-3]} if len(parts) > 5 else {}
        metadata = {"name": parts[-1], **where, **content.get("metadata", {}), "resourceVersion": str(self.version)}
        stored = {**content, "metadata": metadata}
        if keep:
            self.objects[path] = stored
        self.history.append((self.version, kind, path, stored))
        async with self.changed:
            self.changed.notify_all()
        return stored


def _is_below(name: str, path: str) -> bool:
    """Return whether the object at `name` is one of the collection at `path`, of one namespace or of all."""
    this, all_of = _PATH.fullmatch(name), _PATH.fullmatch(path)
    assert this is not None
    assert all_of is not None
    same = (this["root"], this["plural"]) == (all_of["root"], all_of["plural"])
    return same and all_of["namespace"] in (None, this["namespace"])


def _selected(content: Json, selector: str) -> bool:
    labels = content["metadata"].get("labels") or {}
    terms = [term.partition("=") for term in selector.split(",") if term]
    return all(name in labels and (not equals or labels[name] == value) for name, equals, value in terms)


async def _send(answer: web.StreamResponse, kind: str, content: Json) -> None:
    await answer.write(json.dumps({"type": kind, "object": content}).encode() + b"\n")


def _merge(content: Json, patch: Json) -> Json:
    merged = dict(content)
    for name, value in patch.items():
        merged[name] = _merge(merged.get(name) or {}, value) if isinstance(value, dict) else value
    return merged


@asynccontextmanager
async def serving() -> AsyncIterator[ApiServer]:
    """Run one on loopback; its `access` says how to reach it."""
    server = ApiServer()
    runner = web.ServerRunner(web.Server(server.handle), handle_signals=False, shutdown_timeout=0.1)  # type: ignore[arg-type]  # aiohttp's BaseRequest has all that is used
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    server.access = Access(f"http://127.0.0.1:{port}", token="t-1")
    try:
        yield server
    finally:
        await runner.cleanup()
