"""The part of a kubelet that forwards ports of pods, over TLS, in a thread of its own: the API server connects to it.

Source: Kubernetes, pkg/kubelet/server/server.go (`/portForward/{namespace}/{pod}`, `port` in the query), and
k8s.io/kubelet, pkg/cri/streaming/portforward/websocket.go for the frames.
"""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from aiohttp import web

DATA, ERROR = b"\x00", b"\x01"
CHUNK = 65_536


class ForwardingKubelet:
    """A context manager: inside it `port` is listened on.

    `find` tells, of a pod's `namespace/name` and a port of it, host and port where that is on this machine.
    """

    def __init__(self, context: ssl.SSLContext, find: Callable[[str, int], tuple[str, int]]) -> None:
        self._context = context
        self._find = find
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="forwarding kubelet")
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_get("/portForward/{namespace}/{pod}", self._forward)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._context).start()
        self.port = int(self._runner.addresses[0][1])

    async def _forward(self, request: web.Request) -> web.WebSocketResponse:
        port = int(request.query["port"])
        socket = web.WebSocketResponse(protocols=["v4.channel.k8s.io"])
        await socket.prepare(request)
        for channel in (DATA, ERROR):
            await socket.send_bytes(channel + port.to_bytes(2, "little"))
        pod = f"{request.match_info['namespace']}/{request.match_info['pod']}"
        host, real_port = await asyncio.to_thread(self._find, pod, port)
        try:
            reader, writer = await asyncio.open_connection(host, real_port)
        except OSError as error:
            await socket.send_bytes(ERROR + str(error).encode())
            return socket
        sending = asyncio.create_task(_send(reader, socket), name="from the pod")
        try:
            async for message in socket:
                writer.write(message.data.removeprefix(DATA))
        finally:
            sending.cancel()
            writer.close()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await sending
        return socket


async def _send(reader: asyncio.StreamReader, socket: web.WebSocketResponse) -> None:
    while data := await reader.read(CHUNK):
        await socket.send_bytes(DATA + data)
    await socket.close()
