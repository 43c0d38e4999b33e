"""The admin port: health, readiness and metrics for everyone who reaches it; reports and records by token."""

import asyncio
import hmac
import logging
from collections.abc import Callable

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from fairlead_proxy.config_source import ConfigSource
from fairlead_proxy.contract.report import Duties, ReportRequest
from fairlead_proxy.exchange.errors import Answer, CallRefused, ClientGone
from fairlead_proxy.server.aiohttp_sink import AiohttpSink
from fairlead_proxy.server.answer_head import JSON, DateHeader
from fairlead_proxy.server.connection import ClientConnection
from fairlead_proxy.server.limits import Limits
from fairlead_proxy.server.report import News, Reporter
from fairlead_proxy.server.request_body import read_body
from fairlead_proxy.server.request_checks import HTTP_1_1, read_headers
from fairlead_proxy.server.serving import Serving
from fairlead_proxy.telemetry.decisions import DecisionRing

log = logging.getLogger(__name__)

ADMIN_LIMITS = Limits(body_bytes=4 * 1024 * 1024, max_connections=256)
LONGEST_WAIT_SECONDS = 30.0
GATHER_SECONDS = 0.05
"""One change seldom comes alone: a long poll is answered so much later, and less often."""

PLAIN = "text/plain; charset=utf-8"
DECISIONS = "/debug/decisions/"

_UNAUTHORIZED = Answer(
    401, "unauthorized", "This path needs the admin token.", headers=(("www-authenticate", "Bearer"),)
)
_NOT_FOUND = Answer(404, "not_found", "There is nothing at this path.")
_NO_RECORD = Answer(404, "decision_not_found", "This process holds no record of that call.")
_NOT_A_REQUEST = Answer(400, "malformed_report_request", "The body is not a report request.")


class Admin:
    """Serves the admin port. `take_duties` hears the duties that come with a report request."""

    def __init__(
        self,
        source: ConfigSource,
        serving: Serving,
        reporter: Reporter,
        news: News,
        decisions: DecisionRing,
        registry: CollectorRegistry,
        take_duties: Callable[[Duties], None],
    ) -> None:
        self._source = source
        self._serving = serving
        self._reporter = reporter
        self._news = news
        self._decisions = decisions
        self._registry = registry
        self._take_duties = take_duties
        self._date = DateHeader()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; this is what aiohttp's low-level server calls."""
        connection = request.protocol
        assert isinstance(connection, ClientConnection)
        http_1_0 = request.version != HTTP_1_1
        sink = AiohttpSink(
            connection, self._date, http_1_0=http_1_0, keep_alive=request.keep_alive, head_only=request.method == "HEAD"
        )
        connection.busy = True
        try:
            await self._serve(request, connection, sink)
        except CallRefused as refused:
            self._refuse(request, sink, refused.answer)
        except ClientGone:
            sink.abort()
        except Exception:
            log.exception("an admin request could not be served")
            sink.abort()
        finally:
            connection.busy = False
        return sink.written

    async def _serve(self, request: web.BaseRequest, connection: ClientConnection, sink: AiohttpSink) -> None:
        headers = read_headers(request.method, request.raw_path, request.version, request.raw_headers, ADMIN_LIMITS)
        path = request.raw_path.partition("?")[0]
        match request.method, path:
            case "GET" | "HEAD", "/healthz":
                sink.answer(200, [], b"ok\n", PLAIN)
            case "GET" | "HEAD", "/readyz":
                why = self._serving.unready(self._source.current())
                sink.answer(503 if why else 200, [], f"{why or 'ready'}\n".encode(), PLAIN)
            case "GET", "/metrics":
                sink.answer(200, [], generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4)
            case "POST", "/report":
                self._authorize(headers)
                body = await read_body(connection, request.content, headers, ADMIN_LIMITS)
                await self._report(connection, sink, body)
            case "GET", "/debug/config":
                self._authorize(headers)
                report = self._reporter.report(fragments=True)
                shown = {name: getattr(report, name) for name in ("revision", "keys", "refused", "fragments")}
                sink.answer(200, [], msgspec.json.encode(shown))
            case "GET", str() if path.startswith(DECISIONS):
                self._authorize(headers)
                record = self._decisions.get(path.removeprefix(DECISIONS))
                if record is None:
                    raise CallRefused(_NO_RECORD)
                sink.answer(200, [], msgspec.json.encode(record))
            case _:
                raise CallRefused(_NOT_FOUND)

    async def _report(self, connection: ClientConnection, sink: AiohttpSink, body: bytes) -> None:
        try:
            asked = msgspec.json.decode(body, type=ReportRequest)
        except (msgspec.MsgspecError, ValueError):
            raise CallRefused(_NOT_A_REQUEST) from None
        if asked.duties is not None:
            self._take_duties(asked.duties)
        waiting = asyncio.ensure_future(
            self._news.newer_than(asked.after, min(max(asked.wait_seconds, 0.0), LONGEST_WAIT_SECONDS))
        )
        leaving = asyncio.ensure_future(connection.lost.wait())
        try:
            done, _ = await asyncio.wait((waiting, leaving), return_when=asyncio.FIRST_COMPLETED)
            if waiting in done and asked.wait_seconds > 0:
                await asyncio.sleep(GATHER_SECONDS)
        finally:
            waiting.cancel()
            leaving.cancel()
        sink.answer(200, [], msgspec.json.encode(self._reporter.report(fragments=asked.fragments)))

    def _authorize(self, headers: dict[str, str]) -> None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        presented = token.strip().encode("utf-8", "surrogateescape")
        known = [hmac.compare_digest(presented, each.encode()) for each in self._source.keys.admin_tokens]
        if scheme.lower() != "bearer" or not any(known):
            raise CallRefused(_UNAUTHORIZED)

    def _refuse(self, request: web.BaseRequest, sink: AiohttpSink, answer: Answer) -> None:
        if not request.content.is_eof():
            sink.end_connection_after()
        body = msgspec.json.encode({"error": {"code": answer.code, "message": answer.message}})
        try:
            sink.answer(answer.status, list(answer.headers), body, JSON)
        except ClientGone:
            sink.abort()
