"""The tenants' port: what is served to whom, and everything that is refused before a call reaches the gateway."""

from collections.abc import Callable
from random import Random
from typing import Final, Protocol

import msgspec

from fairlead_proxy.config_source import ConfigSource, Loaded
from fairlead_proxy.contract.keys import CallerKey, KeyRing
from fairlead_proxy.contract.linked import GatewayConfig
from fairlead_proxy.contract.names import Operation
from fairlead_proxy.dialects.dialect import CallerDialect
from fairlead_proxy.exchange.answers import INTERNAL_ERROR, SHUTTING_DOWN
from fairlead_proxy.exchange.call import ClientCall, Sink, UnderWay
from fairlead_proxy.exchange.errors import Answer, CallRefused
from fairlead_proxy.exchange.header_lines import encode_lines
from fairlead_proxy.governance.identity import Identity, identify, index_callers
from fairlead_proxy.server import answers
from fairlead_proxy.server.admission import Admission
from fairlead_proxy.server.answer_head import JSON, JSON_LINE
from fairlead_proxy.server.limits import Limits
from fairlead_proxy.server.request import Request
from fairlead_proxy.server.request_checks import FRAMING_HEADERS, KEY_HEADERS, request_id_of
from fairlead_proxy.server.serving import Serving
from fairlead_proxy.server.surfaces import (
    SERVED,
    Listing,
    Surface,
    call_surface,
    error_dialect,
    is_call,
    listing_of,
    query_key,
)
from fairlead_proxy.server.visit import Visit
from fairlead_proxy.telemetry.faults import log_fault

ROOT: Final = "/"
DECISION_HEADER = "x-fairlead-decision"

_KEPT_BACK = KEY_HEADERS | FRAMING_HEADERS


class CallHandler(Protocol):
    """What serves calls: `Gateway`."""

    def begin(
        self, config: GatewayConfig, keys: KeyRing, dialect: CallerDialect, call: ClientCall, sink: Sink
    ) -> UnderWay:
        """Begin to serve a call; its answer may be whole when this returns. Never raises."""
        ...


RecordRefusal = Callable[[str, str, Operation, Identity | None, Loaded | None, Answer], None]
"""Books a call that was refused here: its id, the caller's own id, what it asked for, who called, what was in force,
the answer.
"""


class Tenant:
    """Implements service.Service for the tenants' port.

    `open_standalone`: a gateway without authentication serves everyone who reaches it. `clock`: Unix seconds.
    """

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
        self._random_bits = Random().getrandbits
        self._callers: dict[str, CallerKey] = {}
        self._callers_of: KeyRing | None = None
        self._held_bytes = 0
        self._calls: set[Visit] = set()

    def admit(self, visit: Visit) -> None:
        if visit.shed:
            visit.end_connection_after()
            raise CallRefused(answers.OVERLOADED)
        request = visit.request
        surface = call_surface(request)
        if surface is not None:
            _check_method(request, ("POST",))
            visit.admission = self._identify(visit, surface)
            self._count(visit)
        elif request.path == ROOT:
            _check_method(request, ("GET", "HEAD"))
            self._describe(visit)
        elif (listing := listing_of(request)) is not None:
            _check_method(request, ("GET",))
            self._show_models(visit, listing)
        else:
            raise CallRefused(answers.UNKNOWN_PATH)

    def readmit(self, visit: Visit, admission: Admission, size: int) -> bool:
        if self._source.current() is not admission.loaded:
            return False
        expires_at = admission.identity.expires_at
        if expires_at is not None and expires_at <= self._clock():
            return False
        visit.admission = admission
        self._count(visit)
        self.hold(visit, size)
        return True

    def hold(self, visit: Visit, size: int) -> None:
        """Keep so many bytes of a body, while all bodies together leave room for them."""
        held = self._held_bytes + size
        if held > self._limits.held_bytes:
            raise CallRefused(answers.OVERLOADED)
        self._held_bytes = held
        visit.held_bytes += size

    def serve(self, visit: Visit, body: bytes) -> None:
        admission = visit.admission
        assert admission is not None
        identity, loaded, surface = admission.identity, admission.loaded, admission.surface
        assert surface is not None
        dialect = surface.dialect
        call = ClientCall(
            visit.id,
            identity.tenant,
            dialect.operation,
            admission.headers,
            body,
            admission.request_id,
            identity.key_name,
            dialect.name,
            surface.named,
        )
        try:
            under_way = self._handler.begin(loaded.config, loaded.keys, dialect, call, visit)
        except Exception as error:  # not booked as a refusal: what the handler was given, it books
            log_fault(visit.id, error)
            self._answer_error(visit, INTERNAL_ERROR)
        else:
            if not visit.over:
                visit.under_way = under_way

    def refuse(self, visit: Visit, answer: Answer) -> None:
        if is_call(visit.request):
            admission = visit.admission
            self._record_refusal(
                self._name(visit),
                request_id_of(visit.request.headers),
                error_dialect(visit.request).operation,
                admission.identity if admission else None,
                admission.loaded if admission else self._source.current(),
                answer,
            )
        self._answer_error(visit, answer)

    def ended(self, visit: Visit) -> None:
        if visit.counted:
            visit.counted = False
            self._calls.discard(visit)
            self._held_bytes -= visit.held_bytes
            self._serving.call_ended()

    def end_calls(self) -> None:
        """End every call that is still being served, with an error that its client understands."""
        for visit in list(self._calls):
            visit.end_connection_after()
            try:
                if visit.under_way is not None:
                    visit.under_way.cut_off()
                else:
                    self.refuse(visit, SHUTTING_DOWN)
            except Exception as error:  # the other calls are to be told as well
                log_fault(visit.id, error)
                visit.abort()

    def _describe(self, visit: Visit) -> None:
        body = msgspec.json.encode({"service": "fairlead", "serves": SERVED})
        self._answer(visit, body)

    def _show_models(self, visit: Visit, listing: Listing) -> None:
        """Show all virtual models of the caller's namespace, or one."""
        admission, name = self._identify(visit, None), listing.model
        if not name:
            names = admission.loaded.config.virtual_models(admission.identity.tenant)
            self._answer(visit, listing.dialect.render_models(names))
        elif (admission.identity.tenant, name) in admission.loaded.config.offers:
            self._answer(visit, listing.dialect.render_model(name))
        else:
            raise CallRefused(answers.UNKNOWN_MODEL)

    def _identify(self, visit: Visit, surface: Surface | None) -> Admission:
        """Return what is in force and who is calling; raise CallRefused."""
        loaded = self._source.current()
        if loaded is None or not loaded.complete:
            raise CallRefused(answers.NOT_READY)
        gateway, headers = loaded.config.gateway, visit.request.headers
        if not gateway.api_keys and self._open_standalone:
            _refuse_web_pages(visit.request)
        if loaded.keys is not self._callers_of:
            self._callers, self._callers_of = index_callers(loaded.keys), loaded.keys
        found = identify(
            self._callers,
            gateway,
            headers,
            self._clock(),
            open_standalone=self._open_standalone,
            query_key=query_key(visit.request) if "?" in visit.request.target else "",
        )
        if isinstance(found, Answer):
            raise CallRefused(found)
        handed_on = {name: value for name, value in headers.items() if name not in _KEPT_BACK}
        return Admission(loaded, found, handed_on, request_id_of(headers), surface)

    def _count(self, visit: Visit) -> None:
        """Take up a call, if there is room for one more."""
        visit.id = f"{self._random_bits(80):020x}"
        if self._serving.in_flight >= self._limits.max_in_flight:
            raise CallRefused(answers.OVERLOADED)
        self._serving.call_began()
        self._calls.add(visit)
        visit.counted = True

    def _answer(self, visit: Visit, body: bytes) -> None:
        visit.answer(200, JSON_LINE + encode_lines([self._echo(visit)]), body)

    def _answer_error(self, visit: Visit, answer: Answer) -> None:
        if visit.started:
            visit.abort()
            return
        headers = [*answer.headers, self._echo(visit)]
        if is_call(visit.request):
            headers.append((DECISION_HEADER, self._name(visit)))
        body = error_dialect(visit.request).render_error(answer)
        visit.answer(answer.status, JSON_LINE + encode_lines(headers), body)

    def _echo(self, visit: Visit) -> tuple[str, str]:
        return "x-request-id", request_id_of(visit.request.headers) or self._name(visit)

    def _name(self, visit: Visit) -> str:
        """Return the visit's id; it gets one now if it has none yet."""
        if not visit.id:
            visit.id = f"{self._random_bits(80):020x}"
        return visit.id


def _check_method(request: Request, allowed: tuple[str, ...]) -> None:
    if request.method not in allowed:
        raise CallRefused(answers.wrong_method(allowed))


def _refuse_web_pages(request: Request) -> None:
    """A page in the user's own browser can reach loopback: without keys, nothing that it can send is served."""
    if "origin" in request.headers:
        raise CallRefused(answers.ORIGIN_REFUSED)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "POST" and media_type != JSON:
        raise CallRefused(answers.NOT_JSON)
