"""The tenants' port: what is served to whom, and everything that is refused before a call reaches the gateway."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Protocol
from urllib.parse import unquote

import msgspec
from aiohttp import web

from fairlead_proxy.config_source import ConfigSource, Loaded
from fairlead_proxy.contract.config import GatewayConfig
from fairlead_proxy.contract.keys import CallerKey, KeyRing
from fairlead_proxy.contract.names import Operation
from fairlead_proxy.dialects.registry import OPENAI_CHAT
from fairlead_proxy.exchange.answers import INTERNAL_ERROR
from fairlead_proxy.exchange.call import ClientCall, Sink
from fairlead_proxy.exchange.errors import Answer, CallRefused, ClientGone
from fairlead_proxy.governance.identity import Identity, identify, index_callers
from fairlead_proxy.server import answers
from fairlead_proxy.server.aiohttp_sink import AiohttpSink
from fairlead_proxy.server.answer_head import JSON, DateHeader
from fairlead_proxy.server.connection import ClientConnection
from fairlead_proxy.server.limits import Limits
from fairlead_proxy.server.request_body import read_body
from fairlead_proxy.server.request_checks import HTTP_1_1, KEY_HEADERS, read_headers, request_id_of
from fairlead_proxy.server.serving import Serving
from fairlead_proxy.telemetry.faults import log_fault

ROOT = "/"
CHAT = "/v1/chat/completions"
MODELS = "/v1/models"
MODEL = "/v1/models/"
DECISION_HEADER = "x-fairlead-decision"


class CallHandler(Protocol):
    """What serves a call, whole: `Gateway`."""

    async def handle(self, config: GatewayConfig, keys: KeyRing, call: ClientCall, sink: Sink) -> None: ...


RecordRefusal = Callable[[str, str, Identity | None, Loaded | None, Answer], None]
"""Books a call that was refused here: its id, the caller's own id, who called, what was in force, the answer."""


@dataclass(slots=True)
class Visit:
    """One request on its way through the checks. `handed_on`: the gateway has it, and will book it."""

    id: str
    request: web.BaseRequest
    connection: ClientConnection
    sink: AiohttpSink
    path: str
    headers: Mapping[str, str]
    held_bytes: int = 0
    loaded: Loaded | None = None
    identity: Identity | None = None
    handed_on: bool = False


class Tenant:
    """Serves the tenants' port. `open_standalone`: a gateway without authentication serves everyone who reaches it."""

    def __init__(
        self,
        source: ConfigSource,
        handler: CallHandler,
        serving: Serving,
        limits: Limits,
        *,
        open_standalone: bool,
        clock: Callable[[], float],
        record_refusal: RecordRefusal,
    ) -> None:
        self._source = source
        self._handler = handler
        self._serving = serving
        self._limits = limits
        self._open_standalone = open_standalone
        self._clock = clock
        self._record_refusal = record_refusal
        self._date = DateHeader()
        self._ids = Random()
        self._callers: dict[str, CallerKey] = {}
        self._callers_of: KeyRing | None = None
        self._held_bytes = 0
        self._calls: set[asyncio.Task[None]] = set()
        self._ending = False
        self._surfaces: dict[str, dict[str, Callable[[Visit], Awaitable[None]]]] = {
            ROOT: {"GET": self._describe, "HEAD": self._describe},
            CHAT: {"POST": self._chat},
            MODELS: {"GET": self._list_models},
            MODEL: {"GET": self._show_model},
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; this is what aiohttp's low-level server calls."""
        connection = request.protocol
        assert isinstance(connection, ClientConnection)
        sink = AiohttpSink(
            connection,
            self._date,
            http_1_0=request.version != HTTP_1_1,
            keep_alive=request.keep_alive,
            leaving=lambda: self._serving.draining,
            head_only=request.method == "HEAD",
        )
        call = f"{self._ids.getrandbits(80):020x}"
        visit = Visit(call, request, connection, sink, request.raw_path.partition("?")[0], {})
        connection.busy = True
        try:
            await self._serve(visit)
        except CallRefused as refused:
            self._refuse(visit, refused.answer)
        except ClientGone:
            sink.abort()
        except Exception as error:  # one request's fault must not become the connection's, or the process's
            log_fault(visit.id, error)
            self._refuse(visit, INTERNAL_ERROR)
        finally:
            connection.busy = False
        return sink.written

    def end_calls(self) -> None:
        """End every call that is still being served, with an error that its client understands."""
        self._ending = True
        for call in self._calls:
            call.cancel()

    async def _serve(self, visit: Visit) -> None:
        request = visit.request
        if "upgrade" in request.headers:
            visit.sink.end_connection_after()
        headers = read_headers(request.method, request.raw_path, request.version, request.raw_headers, self._limits)
        visit.headers = headers
        if visit.connection.shed:
            visit.sink.end_connection_after()
            raise CallRefused(answers.OVERLOADED)
        surface = self._surfaces.get(MODEL if visit.path.startswith(MODEL) else visit.path)
        if surface is None:
            raise CallRefused(answers.UNKNOWN_PATH)
        serve = surface.get(request.method)
        if serve is None:
            raise CallRefused(answers.wrong_method(tuple(surface)))
        await serve(visit)

    async def _describe(self, visit: Visit) -> None:
        body = msgspec.json.encode({"service": "fairlead", "serves": answers.SUPPORTED.split(", ")})
        visit.sink.answer(200, self._echo(visit), body)

    async def _list_models(self, visit: Visit) -> None:
        loaded, identity = self._admit(visit)
        names = loaded.config.virtual_models(identity.tenant)
        visit.sink.answer(200, self._echo(visit), OPENAI_CHAT.render_models(names))

    async def _show_model(self, visit: Visit) -> None:
        loaded, identity = self._admit(visit)
        name = unquote(visit.path.removeprefix(MODEL))
        if (identity.tenant, name) not in loaded.config.routes:
            raise CallRefused(answers.UNKNOWN_MODEL)
        visit.sink.answer(200, self._echo(visit), OPENAI_CHAT.render_model(name))

    async def _chat(self, visit: Visit) -> None:
        loaded, identity = self._admit(visit)
        if self._serving.in_flight >= self._limits.max_in_flight:
            raise CallRefused(answers.OVERLOADED)
        self._serving.call_began()
        task = asyncio.current_task()
        assert task is not None
        self._calls.add(task)
        try:
            body = await read_body(
                visit.connection, visit.request.content, visit.headers, self._limits, partial(self._hold, visit)
            )
            call = ClientCall(
                id=visit.id,
                tenant=identity.tenant,
                operation=Operation.CHAT,
                headers={name: value for name, value in visit.headers.items() if name not in KEY_HEADERS},
                body=body,
                request_id=request_id_of(visit.headers),
                key_name=identity.key_name,
            )
            visit.handed_on = True
            await self._handler.handle(loaded.config, loaded.keys, call, visit.sink)
        except asyncio.CancelledError:
            if not self._ending:
                raise
            task.uncancel()
            self._say_that_it_ends(visit)
        finally:
            self._calls.discard(task)
            self._held_bytes -= visit.held_bytes
            self._serving.call_ended()

    def _hold(self, visit: Visit, size: int) -> None:
        """Keep so many bytes of a body, while all bodies together leave room for them."""
        if self._held_bytes + size > self._limits.held_bytes:
            raise CallRefused(answers.OVERLOADED)
        self._held_bytes += size
        visit.held_bytes += size

    def _admit(self, visit: Visit) -> tuple[Loaded, Identity]:
        """Return what is in force and who is calling; raise CallRefused."""
        loaded = visit.loaded = self._source.current()
        if loaded is None or not loaded.complete:
            raise CallRefused(answers.NOT_READY)
        gateway = loaded.config.gateway
        if not gateway.api_keys and self._open_standalone:
            _refuse_web_pages(visit)
        if loaded.keys is not self._callers_of:
            self._callers, self._callers_of = index_callers(loaded.keys), loaded.keys
        found = identify(self._callers, gateway, visit.headers, self._clock(), open_standalone=self._open_standalone)
        if isinstance(found, Answer):
            raise CallRefused(found)
        visit.identity = found
        return loaded, found

    def _refuse(self, visit: Visit, answer: Answer) -> None:
        sink = visit.sink
        if sink.started:
            sink.abort()
            return
        if not visit.headers or not visit.request.content.is_eof():
            # A head that was refused, or a body that was not read: what comes next on this connection is not trusted.
            sink.end_connection_after()
        headers = [*answer.headers, *self._echo(visit)]
        if visit.path == CHAT:
            headers.append((DECISION_HEADER, visit.id))
            if not visit.handed_on:
                self._record_refusal(visit.id, request_id_of(visit.headers), visit.identity, visit.loaded, answer)
        try:
            sink.answer(answer.status, headers, OPENAI_CHAT.render_error(answer))
        except ClientGone:
            sink.abort()

    def _say_that_it_ends(self, visit: Visit) -> None:
        sink = visit.sink
        sink.end_connection_after()
        if not sink.started:
            raise CallRefused(answers.SHUTTING_DOWN)
        if sink.streams_events and not sink.ended:
            sink.write(OPENAI_CHAT.render_stream_error(answers.SHUTTING_DOWN))
            sink.end()
        else:
            sink.abort()

    def _echo(self, visit: Visit) -> list[tuple[str, str]]:
        return [("x-request-id", request_id_of(visit.headers) or visit.id)]


def _refuse_web_pages(visit: Visit) -> None:
    """A page in the user's own browser can reach loopback: without keys, nothing that it can send is served."""
    if "origin" in visit.headers:
        raise CallRefused(answers.ORIGIN_REFUSED)
    media_type = visit.headers.get("content-type", "").partition(";")[0].strip().lower()
    if visit.request.method == "POST" and media_type != JSON:
        raise CallRefused(answers.NOT_JSON)
