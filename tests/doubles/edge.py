"""The tenants' port on a loopback socket, over a handler that a test scripts, and raw bytes as a client."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from doubles.mounted_config import PlainDirectory, fragments_of, gateway, key_ring, policy, provider

from fairlead_proxy.config_source import ConfigSource, Loaded
from fairlead_proxy.contract.config import Gateway
from fairlead_proxy.contract.keys import CallerKey, KeyRing
from fairlead_proxy.contract.linked import GatewayConfig
from fairlead_proxy.contract.names import Operation
from fairlead_proxy.dialects.dialect import CallerDialect
from fairlead_proxy.dialects.registry import OPENAI_CHAT
from fairlead_proxy.exchange.answers import INTERNAL_ERROR, SHUTTING_DOWN
from fairlead_proxy.exchange.call import ClientCall, Sink, UnderWay
from fairlead_proxy.exchange.errors import Answer
from fairlead_proxy.governance.identity import Identity
from fairlead_proxy.server.address import Address
from fairlead_proxy.server.answer_head import JSON_LINE
from fairlead_proxy.server.client_server import ClientServer
from fairlead_proxy.server.limits import Limits
from fairlead_proxy.server.listener import Listener
from fairlead_proxy.server.serving import Serving
from fairlead_proxy.server.tenant import Tenant
from fairlead_proxy.server.visit import Visit

Script = Callable[[ClientCall, Sink], Awaitable[None]]
EVENTS = b"content-type: text/event-stream\r\n"


async def answer_ok(call: ClientCall, sink: Sink) -> None:
    """Answer with the body's length, as a plain answer of the gateway comes."""
    sink.answer(200, JSON_LINE, b'{"ok": %d}' % len(call.body))


async def stream_three(call: ClientCall, sink: Sink) -> None:
    """Stream three events, as a streamed answer of the gateway comes."""
    sink.head(200, EVENTS)
    for number in range(3):
        sink.write(b"data: %d\n\n" % number)
    sink.end()


class ScriptUnderWay:
    """A call that a script serves, in a task of its own. It ends as the gateway's calls do."""

    def __init__(self, script: Script, call: ClientCall, sink: Sink) -> None:
        self._sink = sink
        self._task = asyncio.ensure_future(self._follow(script, call))

    def cut_off(self) -> None:
        self._task.cancel()
        if not self._sink.started:
            self._sink.answer(503, JSON_LINE, OPENAI_CHAT.render_error(SHUTTING_DOWN))
            return
        self._sink.write(OPENAI_CHAT.render_stream_error(SHUTTING_DOWN))
        self._sink.end()

    async def _follow(self, script: Script, call: ClientCall) -> None:
        try:
            await script(call, self._sink)
        except Exception:
            if not self._sink.started:
                self._sink.answer(500, JSON_LINE, OPENAI_CHAT.render_error(INTERNAL_ERROR))
        if not (isinstance(self._sink, Visit) and self._sink.written):
            self._sink.abort()  # where the script has not ended its answer


@dataclass
class ScriptedHandler:
    """Stands for the gateway: notes each call and follows the script."""

    script: Script = answer_ok
    calls: list[ClientCall] = field(default_factory=list)

    def begin(
        self, config: GatewayConfig, keys: KeyRing, dialect: CallerDialect, call: ClientCall, sink: Sink
    ) -> UnderWay:
        self.calls.append(call)
        return ScriptUnderWay(self.script, call, sink)


class PromptHandler(ScriptedHandler):
    """Answers from within `begin`, as the gateway does what it can answer by itself."""

    def begin(
        self, config: GatewayConfig, keys: KeyRing, dialect: CallerDialect, call: ClientCall, sink: Sink
    ) -> UnderWay:
        self.calls.append(call)
        sink.answer(200, JSON_LINE, b'{"ok": %d}' % len(call.body))
        return self

    def cut_off(self) -> None:
        raise AssertionError("its calls are over when they begin")


class ClientWire(asyncio.Transport):
    """A client's connection without a socket, for a test that says itself in which pieces bytes arrive."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


@dataclass
class Edge:
    """A tenants' port that is up."""

    port: int
    handler: ScriptedHandler
    serving: Serving
    tenant: Tenant
    server: ClientServer
    listener: Listener
    refusals: list[Answer]
    source: ConfigSource
    directory: PlainDirectory

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def exchange(self, request: bytes, *, within: float = 5.0) -> bytes:
        """Send these bytes and return all that comes until the server closes, or for `within` seconds."""
        reader, writer = await self.connect()
        writer.write(request)
        received = await read_all(reader, within=within)
        await close(writer)
        return received


async def read_all(reader: asyncio.StreamReader, *, within: float = 5.0) -> bytes:
    """Return all that comes until the server closes or resets the connection, or for `within` seconds."""
    received = bytearray()
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(within):
            while part := await reader.read(65536):
                received += part
    return bytes(received)


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


def post(body: bytes = b"{}", *headers: str, path: str = "/v1/chat/completions", closing: bool = True) -> bytes:
    """A well-formed POST; `closing` asks the server to close after its answer."""
    lines = [f"POST {path} HTTP/1.1", "Host: gateway", "Content-Type: application/json", *headers]
    lines += [f"Content-Length: {len(body)}", *(["Connection: close"] if closing else [])]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def get(path: str, *headers: str, method: str = "GET", closing: bool = True) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: gateway", *headers, *(["Connection: close"] if closing else [])]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def status_of(answer: bytes) -> int:
    """Return the status of the first answer in these bytes; 0 where there is none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def header_of(answer: bytes, name: str) -> str | None:
    """Return a header of the first answer; None where it is not there."""
    for line in answer.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        found, _, value = line.partition(b":")
        if found.decode().lower() == name:
            return value.decode().strip()
    return None


@asynccontextmanager
async def edge(
    directory: Path,
    *callers: CallerKey,
    gateway_now: Gateway | None = None,
    script: Script = answer_ok,
    handler: ScriptedHandler | None = None,
    limits: Limits | None = None,
    open_standalone: bool = True,
    publish: bool = True,
    clock: Callable[[], float] = lambda: 1_000_000.0,
) -> AsyncIterator[Edge]:
    """Serve the virtual model `smart` of namespace `default`, and `theirs` of `team-a`."""
    plain = PlainDirectory(directory)
    if publish:
        plain.publish(
            fragments_of(
                gateway_now or gateway(),
                provider(),
                policy(),
                policy("other", "theirs", namespace="team-a", target="default/sim"),
            )
        )
        plain.publish_keys(key_ring(*callers))
    swaps: list[Loaded] = []
    source = ConfigSource(directory, on_swap=swaps.append, on_refused=lambda refused: None)
    await source.refresh()
    limits = limits or Limits()
    serving, refusals = Serving(), []
    handler = handler or ScriptedHandler(script)

    def record(
        call: str,
        request_id: str,
        operation: Operation,
        identity: Identity | None,
        loaded: Loaded | None,
        answer: Answer,
    ) -> None:
        refusals.append(answer)

    tenant = Tenant(
        source,
        handler,
        serving,
        limits,
        open_standalone=open_standalone,
        clock=clock,
        record_refusal=record,
    )
    server = ClientServer(tenant, limits, serving)
    listener = Listener(server, Address("127.0.0.1", 0))
    address = await listener.start()
    try:
        yield Edge(address.port, handler, serving, tenant, server, listener, refusals, source, plain)
    finally:
        await listener.close()
