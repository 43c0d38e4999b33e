"""One admin port for all workers of a standalone run: health, readiness, merged metrics, decisions."""

import asyncio
import hmac
import json
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import aiohttp
from aiohttp import web

from fairlead_operator.cluster.local_metrics import merge_metrics
from fairlead_proxy.contract.report import DECISIONS_NOT_KEPT

WORKER_SECONDS = 2.0
"""How long a worker may take to answer us; one that takes longer counts as not ready."""

_TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"


class LocalAdmin:
    """Serves `/healthz`, `/readyz` and `/metrics` to all, and `/debug/decisions/<id>` to whoever has the token.

    `sockets` are the workers' admin sockets by name; `waits_for` says, in one line, what is not ready (empty: all is).
    """

    def __init__(self, *, sockets: Mapping[str, Path], token: str, waits_for: Callable[[], str]) -> None:
        self._sockets = sockets
        self._token = token
        self._waits_for = waits_for
        self._runner: web.AppRunner | None = None
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def start(self, reserved: socket.socket) -> None:
        """Listen on a socket that is bound already."""
        for name, path in self._sockets.items():
            connector = aiohttp.UnixConnector(path=str(path), force_close=True)
            timeout = aiohttp.ClientTimeout(total=WORKER_SECONDS)
            self._sessions[name] = aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False)
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/debug/decisions/{id}", self._decision)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.SockSite(self._runner, reserved).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        await asyncio.gather(*(session.close() for session in self._sessions.values()))

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        waits_for = self._waits_for() or await self._first_unready()
        if waits_for:
            return web.Response(status=503, text=f"not ready: {waits_for}\n")
        return web.Response(text="ok\n")

    async def _metrics(self, _: web.Request) -> web.Response:
        answers = await asyncio.gather(*(self._get(name, "/metrics") for name in self._sockets))
        texts = [body.decode(errors="replace") for status, body in answers if status == 200]
        if not texts:
            return web.Response(status=503, text="no worker has answered\n")
        if len(texts) == 1:
            return web.Response(body=texts[0].encode(), headers={"content-type": _TEXT_FORMAT})
        merged = await asyncio.to_thread(merge_metrics, texts)
        return web.Response(body=merged, headers={"content-type": _TEXT_FORMAT})

    async def _decision(self, request: web.Request) -> web.Response:
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            return _error(401, "this needs the token that stands in admin.token of the state directory")
        path = "/debug/decisions/" + quote(request.match_info["id"], safe="")
        answers = await asyncio.gather(*(self._get(name, path) for name in self._sockets))
        for status, body in answers:
            if status == 200:
                return web.Response(body=body, content_type="application/json")
        if any(status == 0 for status, _ in answers):
            return _error(503, "a worker has not answered: it may be the one that remembers this decision")
        if all(DECISIONS_NOT_KEPT.encode() in body for _, body in answers):
            return _error(404, f"{DECISIONS_NOT_KEPT}: spec.telemetry.decisionRing of the gateway is 0")
        return _error(404, "no worker remembers this decision")

    async def _first_unready(self) -> str:
        answers = await asyncio.gather(*(self._get(name, "/readyz") for name in self._sockets))
        return next((name for name, (status, _) in zip(self._sockets, answers, strict=True) if status != 200), "")

    async def _get(self, name: str, path: str) -> tuple[int, bytes]:
        """Return status and body of a worker's answer; status 0 where there is none."""
        headers = {"authorization": f"Bearer {self._token}"}
        try:
            async with self._sessions[name].get(f"http://worker{path}", headers=headers) as answer:
                return answer.status, await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0, b""


def _error(status: int, message: str) -> web.Response:
    return web.Response(status=status, text=json.dumps({"error": message}) + "\n", content_type="application/json")
