"""How far a url gets: the real transport with a cluster's guard, on a loop that notes each connect asked for of it."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from doubles.http_calls import Request, send
from doubles.raw_server import Peer, RawServer, answer
from doubles.table_resolver import info_of

from fairlead_proxy.contract.config import Egress, Provider
from fairlead_proxy.contract.names import ProviderType
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.egress import AddressInfo
from fairlead_proxy.upstream.http_transport import HttpTransport
from fairlead_proxy.upstream.resolver import Resolve
from fairlead_proxy.upstream.transport import Lane

CLUSTER = Egress()
"""What a gateway has whose owner says nothing about egress."""


class NotingLoop(asyncio.SelectorEventLoop):
    """Connects to loopback only; `connected` holds the address of every connect that somebody asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.connected: list[str] = []

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        host = str(address[0])
        self.connected.append(host)
        if not ip_address(host.partition("%")[0]).is_loopback:
            raise ConnectionRefusedError(f"a test connects to loopback only, not to {host}")
        await super().sock_connect(sock, address)


class Names:
    """A resolver: numerals as the system reads them, without asking anybody; names by a table, each answer in turn."""

    def __init__(self, table: dict[str, list[str]]) -> None:
        self.table = {name: list(answers) for name, answers in table.items()}

    async def __call__(self, host: str, port: int) -> Sequence[AddressInfo]:
        answers = self.table.get(host)
        if answers is None:
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return [info_of(answers.pop(0) if len(answers) > 1 else answers[0], port)]


@dataclass
class Reached:
    """`ended`: of each call, the status it got or why there is none. `connections`: those that the listener took."""

    ended: list[str]
    connected: list[str]
    connections: int


def reach(url: str, resolve: Resolve, *, egress: Egress = CLUSTER, calls: int = 1) -> Reached:
    """Call a provider with this url; `{port}` in it becomes that of a listener on every address of this machine."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(b"secret", b"connection: close"))

    async def main() -> Reached:
        async with RawServer(script, host="0.0.0.0") as server:
            ended = await call(url.replace("{port}", str(server.port)), resolve, egress, calls)
            return Reached(ended, [], server.connections)

    return on_noting_loop(main)


def on_noting_loop(main: Callable[[], Awaitable[Reached]]) -> Reached:
    async def run() -> Reached:
        return await main()

    loop = NotingLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        reached = runner.run(run())
    reached.connected = loop.connected
    return reached


async def call(url: str, resolve: Resolve, egress: Egress = CLUSTER, calls: int = 1) -> list[str]:
    """Return what each call ended in: the status, or the failure."""
    transport = HttpTransport(lambda: egress, resolver=resolve)
    provider = Provider(id="team/p", type=ProviderType.OPENAI_COMPATIBLE, url=url)
    ended: list[str] = []
    try:
        for _ in range(calls):
            try:
                reply = await send(transport, Request(Lane(provider, "GET", "/models", ())))
                ended.append(str(reply.status))
                reply.close()
            except UpstreamFailure as failed:
                ended.append(f"{failed.failure}: {failed.detail}")
    finally:
        await transport.close()
    return ended
