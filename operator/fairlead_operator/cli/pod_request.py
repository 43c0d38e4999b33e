"""One HTTP request to a port of a pod, through the API server: by port-forwarding, so that a bearer token arrives.

The API server takes the header `authorization` out of what it passes on by `pods/proxy`; of a forwarded port it sees
bytes. And what is forwarded comes from the pod's own node, so no NetworkPolicy has to let the user in.
"""

import asyncio
from collections.abc import Mapping

import aiohttp
import httptools

from fairlead_operator.cluster.kubernetes_access import Access
from fairlead_operator.cluster.kubernetes_errors import AccessError
from fairlead_operator.cluster.kubernetes_paths import POD

PROTOCOL = "v4.channel.k8s.io"
"""Frames that begin with the number of a channel: 0 data, 1 error; each channel's first frame names the port.
Source: k8s.io/kubelet, pkg/cri/streaming/portforward/websocket.go.
"""

ANSWER_SECONDS = 10.0
LARGEST_ANSWER_BYTES = 8 * 1024 * 1024
_DATA, _ERROR = 0, 1
_PORT_BYTES = 2


class PodUnreachable(Exception):
    """The request brought no answer; the message is one line. `forbidden`: the user lacks the right to forward."""

    def __init__(self, message: str, *, forbidden: bool = False) -> None:
        super().__init__(message)
        self.forbidden = forbidden


async def get_from_pod(
    access: Access, namespace: str, pod: str, port: int, path: str, headers: Mapping[str, str]
) -> tuple[int, bytes]:
    """Return status and body of a GET. Raises PodUnreachable."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await _get(access, f"{POD.path(namespace, pod)}/portforward", port, path, headers)
    except TimeoutError as error:
        raise PodUnreachable(f"pod {namespace}/{pod} gave no answer within {ANSWER_SECONDS:g} s") from error
    except aiohttp.WSServerHandshakeError as error:
        if error.status in (401, 403):
            message = f"you lack a right: create and get pods/portforward in namespace {namespace}"
            raise PodUnreachable(message, forbidden=True) from error
        raise PodUnreachable(
            f"pod {namespace}/{pod}: its port {port} cannot be forwarded: the API server answered {error.status}"
        ) from error
    except (aiohttp.ClientError, OSError, AccessError) as error:
        raise PodUnreachable(f"pod {namespace}/{pod}: {type(error).__name__}: {error}") from error
    except httptools.HttpParserError as error:
        raise PodUnreachable(f"pod {namespace}/{pod}: what answers at port {port} does not speak HTTP") from error


async def _get(access: Access, forward: str, port: int, path: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
    token = access.bearer()
    own = {"authorization": f"Bearer {token}"} if token else {}
    secure = access.server.startswith("https:")
    connector = aiohttp.TCPConnector(limit=1, ssl=access.ssl_context() if secure else True)
    lines = [f"GET {path} HTTP/1.1", "host: pod", "connection: close", *(f"{k}: {v}" for k, v in headers.items())]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:
        socket = await session.ws_connect(
            f"{access.server}{forward}?ports={port}",
            protocols=[PROTOCOL],
            headers=own,
            max_msg_size=0,
            autoclose=False,
        )
        try:
            await socket.send_bytes(bytes([_DATA]) + request)
            return await _read(socket, port)
        finally:
            # The session first: it waits until the connection is gone. A WebSocket that is closed before it leaves a
            # TLS connection behind that is still saying goodbye, and Python warns of it when the program ends.
            await session.close()
            await socket.close()


async def _read(socket: aiohttp.ClientWebSocketResponse, port: int) -> tuple[int, bytes]:
    answer = _HttpAnswer()
    unread = {_DATA: _PORT_BYTES, _ERROR: _PORT_BYTES}
    async for message in socket:
        if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
            continue
        channel, content = message.data[0], message.data[1:]
        skipped = min(unread.get(channel, 0), len(content))
        content = content[skipped:]
        if channel in unread:
            unread[channel] -= skipped
        if channel == _ERROR and content:
            raise PodUnreachable(f"port {port} of the pod cannot be reached: {content.decode(errors='replace')}"[:512])
        if channel == _DATA and content and answer.feed(content):
            return answer.status, bytes(answer.body)
    raise PodUnreachable(f"port {port} of the pod was closed before it had answered")


class _HttpAnswer:
    """What llhttp makes of the bytes of one answer."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.complete = False
        self._parser = httptools.HttpResponseParser(self)

    @property
    def status(self) -> int:
        return int(self._parser.get_status_code())

    def feed(self, data: bytes) -> bool:
        """Take in more; return whether the answer is whole. Raises HttpParserError, PodUnreachable."""
        self._parser.feed_data(data)
        if len(self.body) > LARGEST_ANSWER_BYTES:
            raise PodUnreachable(f"the pod's answer is longer than {LARGEST_ANSWER_BYTES} bytes")
        return self.complete

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.complete = True
