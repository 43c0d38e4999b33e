"""The admin port: health, readiness and metrics for everyone who reaches it; reports and records by token."""

import asyncio
import hmac
from collections.abc import Callable, Mapping
from functools import partial

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from fairlead_proxy.config_source import ConfigSource
from fairlead_proxy.contract.keys import debug_token
from fairlead_proxy.contract.report import DECISIONS_NOT_KEPT, Duties, ReportRequest
from fairlead_proxy.exchange.errors import Answer, CallRefused
from fairlead_proxy.exchange.header_lines import encode_lines
from fairlead_proxy.server.admission import Admission
from fairlead_proxy.server.answer_head import JSON
from fairlead_proxy.server.limits import Limits
from fairlead_proxy.server.report import News, Reporter
from fairlead_proxy.server.serving import Serving
from fairlead_proxy.server.visit import Visit
from fairlead_proxy.telemetry.decisions import DecisionRing
from fairlead_proxy.telemetry.faults import log_fault

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
_NOT_KEPT = Answer(
    404, DECISIONS_NOT_KEPT, "This process keeps no records of calls: its gateway's spec.telemetry.decisionRing is 0."
)
_NOT_A_REQUEST = Answer(400, "malformed_report_request", "The body is not a report request.")


class Admin:
    """Implements service.Service for the admin port. `take_duties` hears the duties that come with a report request."""

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
        self._polls: set[asyncio.Task[None]] = set()

    def admit(self, visit: Visit) -> None:
        request = visit.request
        match request.method, request.path:
            case "GET" | "HEAD", "/healthz":
                _answer(visit, 200, b"ok\n", PLAIN)
            case "GET" | "HEAD", "/readyz":
                why = self._serving.unready(self._source.current())
                _answer(visit, 503 if why else 200, f"{why or 'ready'}\n".encode(), PLAIN)
            case "GET", "/metrics":
                _answer(visit, 200, generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4)
            case "POST", "/report":
                self._authorize(request.headers)
            case "GET", "/debug/config":
                self._authorize(request.headers, reads=True)
                report = self._reporter.report(fragments=True)
                shown = {name: getattr(report, name) for name in ("revision", "keys", "refused", "fragments")}
                _answer(visit, 200, msgspec.json.encode(shown))
            case "GET", str() as path if path.startswith(DECISIONS):
                self._authorize(request.headers, reads=True)
                record = self._decisions.get(path.removeprefix(DECISIONS))
                if record is None:
                    none_kept = self._source.current() is not None and not self._decisions.size
                    raise CallRefused(_NOT_KEPT if none_kept else _NO_RECORD)
                _answer(visit, 200, msgspec.json.encode(record))
            case _:
                raise CallRefused(_NOT_FOUND)

    def readmit(self, visit: Visit, admission: Admission, size: int) -> bool:
        """Nothing is admitted here that is remembered."""
        return False

    def hold(self, visit: Visit, size: int) -> None:
        """The operator's few requests need no bound of all bodies together."""

    def serve(self, visit: Visit, body: bytes) -> None:
        """Answer the one request that has a body."""
        try:
            asked = msgspec.json.decode(body, type=ReportRequest)
        except (msgspec.MsgspecError, ValueError):
            raise CallRefused(_NOT_A_REQUEST) from None
        if asked.duties is not None:
            self._take_duties(asked.duties)
        poll = asyncio.create_task(self._report(visit, asked), name="report")
        self._polls.add(poll)
        poll.add_done_callback(self._polls.discard)
        visit.when_lost(partial(_cancel, poll))

    def refuse(self, visit: Visit, answer: Answer) -> None:
        body = msgspec.json.encode({"error": {"code": answer.code, "message": answer.message}})
        _answer(visit, answer.status, body, headers=answer.headers)

    def ended(self, visit: Visit) -> None:
        """Nothing is counted here."""

    async def _report(self, visit: Visit, asked: ReportRequest) -> None:
        try:
            await self._news.newer_than(asked.after, min(max(asked.wait_seconds, 0.0), LONGEST_WAIT_SECONDS))
            if asked.wait_seconds > 0:
                await asyncio.sleep(GATHER_SECONDS)
            _answer(visit, 200, msgspec.json.encode(self._reporter.report(fragments=asked.fragments)))
        except Exception as error:
            log_fault("report", error)
            visit.abort()

    def _authorize(self, headers: Mapping[str, str], *, reads: bool = False) -> None:
        """Raise CallRefused. `reads`: nothing is changed by it, so the debug token will do."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        presented = token.strip().encode("utf-8", "surrogateescape")
        tokens = list(self._source.keys.admin_tokens)
        tokens += map(debug_token, self._source.keys.admin_tokens) if reads else ()
        known = [hmac.compare_digest(presented, each.encode()) for each in tokens]
        if scheme.lower() != "bearer" or not any(known):
            raise CallRefused(_UNAUTHORIZED)


def _cancel(poll: asyncio.Task[None]) -> None:
    poll.cancel()


def _answer(
    visit: Visit, status: int, body: bytes, content_type: str = JSON, headers: tuple[tuple[str, str], ...] = ()
) -> None:
    visit.answer(status, encode_lines([*headers, ("content-type", content_type)]), body)
