"""An API server that forwards one port of every pod as a kubelet does: channels over a WebSocket, in memory.

Source of the frames: k8s.io/kubelet, pkg/cri/streaming/portforward/websocket.go.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trustme
from aiohttp import web

from fairlead_operator.cluster.kubernetes_access import Access

DATA, ERROR = b"\x00", b"\x01"


@dataclass
class Forwarding:
    """`answers`: what the pod's port says to each request, in pieces; None: nobody listens there."""

    answers: list[bytes] | None = field(default_factory=list)
    status: int = 101
    silent: bool = False
    requests: list[bytes] = field(default_factory=list)
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    """Path, port and bearer token of each request to the API server."""
    access: Access = field(default_factory=lambda: Access(""))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        token = request.headers.get("authorization", "")
        self.seen.append((request.path, request.query.get("ports", ""), token))
        if self.status != 101:
            return web.json_response({"message": "as told"}, status=self.status)
        socket = web.WebSocketResponse(protocols=["v4.channel.k8s.io"])
        await socket.prepare(request)
        port = int(request.query["ports"]).to_bytes(2, "little")
        for channel in (DATA, ERROR):
            await socket.send_bytes(channel + port)
        if self.answers is None:
            await socket.send_bytes(ERROR + b"connection refused")
            return socket
        message = await socket.receive_bytes()
        self.requests.append(message.removeprefix(DATA))
        if self.silent:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        for piece in self.answers:
            await socket.send_bytes(DATA + piece)
        await socket.close()
        return socket


@asynccontextmanager
async def forwarding(authority: trustme.CA | None = None) -> AsyncIterator[Forwarding]:
    """Run one on loopback, over TLS where an authority is given; its `access` says how to reach it."""
    server = Forwarding()
    app = web.Application()
    app.router.add_get("/{path:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    scheme, ca, context = "http", None, None
    if authority is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        scheme, ca = "https", authority.cert_pem.bytes().decode()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    server.access = Access(f"{scheme}://127.0.0.1:{runner.addresses[0][1]}", token="user-token", ca=ca)
    try:
        yield server
    finally:
        await runner.cleanup()
