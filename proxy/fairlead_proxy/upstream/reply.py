"""What the caller is told beside the provider's own bytes: headers of ours, and errors of ours in its dialect."""

from typing import Final

from fairlead_proxy.contract.names import DialectName, FailureClass, Mode
from fairlead_proxy.contract.price import NANO
from fairlead_proxy.dialects.dialect import CallerDialect
from fairlead_proxy.exchange.answers import SHUTTING_DOWN, broken_off
from fairlead_proxy.exchange.call import Sink
from fairlead_proxy.exchange.errors import Answer, Relayed, UpstreamFailure
from fairlead_proxy.exchange.header_lines import encode_lines
from fairlead_proxy.exchange.record import CallRecord
from fairlead_proxy.upstream.berths import TOLD_CURRENCY, Berth
from fairlead_proxy.upstream.transport import Headers

_ANTHROPIC: Final = DialectName.ANTHROPIC

PASSED_HEADERS = frozenset({"openai-processing-ms", "openai-version"})
"""What of a provider's answer head goes to the caller, beside its content type."""

DRAINED = "drained"
"""The reason of a call that was cut off because the time to drain was up."""

_WITHOUT_COMMENTS = frozenset({DialectName.GEMINI})
"""google-genai takes a comment for the beginning of an error, and raises (google/genai/_api_client.py)."""

_JSON = "application/json"
_KNOWN_TYPES = {_JSON: b"content-type: application/json\r\n"}
_EVENT_STREAM = "text/event-stream"
_UNCACHED = b"cache-control: no-cache\r\n"


class Reply:
    """The answer to one call. What ends it closes the record with what the caller got.

    `berth`: the step under way, or the last one. `rest`: good bytes of a stream, still to be sent when it breaks off.
    `refusal`: what the last provider said of the call itself.
    """

    __slots__ = ("berth", "dialect", "record", "refusal", "rest", "sink")

    def __init__(self, dialect: CallerDialect, sink: Sink, record: CallRecord) -> None:
        self.dialect = dialect
        self.sink = sink
        self.record = record
        self.berth: Berth | None = None
        self.rest = b""
        self.refusal: UpstreamFailure | None = None

    def relay_answer(self, status: int, content_type: str, upstream: Headers, body: bytes, cost: int | None) -> None:
        """Send a provider's whole answer; `cost`: of this attempt, in nano-units of its price's currency."""
        self.record.close(status, "ok")
        cost = self._cost_usd(cost)
        line = b"" if cost is None else b"x-fairlead-cost-usd: %b\r\n" % _in_usd(cost)
        self.sink.answer(status, self._relayed_lines(content_type, upstream, line), body)

    def relay_head(self, status: int, content_type: str, upstream: Headers) -> None:
        """Begin a provider's streamed answer."""
        self.record.close(status, "ok")
        more = _UNCACHED if content_type.startswith(_EVENT_STREAM) else b""
        self.sink.head(status, self._relayed_lines(content_type, upstream, more))

    def answer(self, answer: Answer) -> None:
        """Send an answer of our own."""
        self.record.close(answer.status, answer.code)
        lines = self._lines(_JSON, 0, encode_lines(answer.headers))
        self.sink.answer(answer.status, lines, self.dialect.render_error(answer))

    def last_comment(self, cost: int | None) -> bytes:
        """Return what is said at a stream's end, after the provider's last word; `cost` as for `relay_answer`."""
        cost = None if self.dialect.name in _WITHOUT_COMMENTS else self._cost_usd(cost)
        return b"" if cost is None else b": x-fairlead-cost-usd: %b\n\n" % _in_usd(cost)

    def mark_continued(self) -> None:
        """Say in the stream that from here on another target speaks: a comment, which no client takes for content."""
        record, berth = self.record, self.berth
        if berth is None:
            return
        record.close(record.code, "ok")
        if self.dialect.name not in _WITHOUT_COMMENTS:
            self.sink.write(f": fairlead goes on with {berth.step.target}\n\n".encode())

    def relay_refusal(self, relayed: Relayed, reason: str) -> None:
        """Send the provider's own word on a call that is at fault itself."""
        self.record.close(relayed.status, reason)
        self.sink.answer(relayed.status, self._lines(relayed.content_type or _JSON, 0), relayed.body)

    def note(self, failure: UpstreamFailure) -> None:
        """Keep what a provider said of the call itself, as long as nothing else has gone wrong since."""
        self.refusal = None if failure.relayed is None else failure

    def end_with_what_there_is(self) -> bool:
        """End an answer that has begun, or say what a provider said of the call; return False if there is neither."""
        if self.sink.started:
            self.break_off()
            return True
        refusal = self.refusal
        if refusal is None or refusal.relayed is None:
            return False
        self.relay_refusal(refusal.relayed, refusal.failure)
        return True

    def send_rest(self) -> None:
        """Send what stood before the fault, when somebody else goes on."""
        rest, self.rest = self.rest, b""
        self.sink.write(rest)

    def break_off(self) -> None:
        """End an answer that was under way: a stream with a typed error, a plain one without its proper end."""
        last = self.record.last
        self.record.close(self.record.code, last.failure or "" if last is not None else "")
        if last is None or last.mode is Mode.PLAIN:
            self.sink.abort()
        else:
            self._end_with(broken_off(last))

    def fail(self, answer: Answer) -> None:
        """A fault of ours: say so, or, if something was sent already, leave it visibly incomplete."""
        if self.sink.started:
            self.record.close(self.record.code, answer.code)
            self.sink.abort()
        else:
            self.answer(answer)

    def cut_off(self) -> None:
        """This process ends, and the call with it: say so."""
        if not self.sink.started:
            self.answer(SHUTTING_DOWN)
        elif self._streams:
            self._end_with(SHUTTING_DOWN)
        else:
            self.sink.abort()
        self.record.close(self.record.code, DRAINED)

    def left(self) -> None:
        """Note that the caller left."""
        self.record.close(499, FailureClass.CLIENT_GONE)
        self.sink.abort()

    @property
    def _streams(self) -> bool:
        return self.berth is not None and self.berth.mode is Mode.STREAM

    def _cost_usd(self, cost: int | None) -> int | None:
        """Return what the call cost, in nano-USD, the attempt under way included; None where a part is not known."""
        berth, record = self.berth, self.record
        if cost is None or berth is None or not berth.tells_cost:
            return None
        if record.last is not None:
            for outcome in record.outcomes:
                if outcome.usage is not None:
                    if outcome.cost is None or outcome.currency != TOLD_CURRENCY:
                        return None
                    cost += outcome.cost
        return cost

    def _end_with(self, error: Answer) -> None:
        self.sink.write(self.rest + self.dialect.render_stream_error(error))
        self.sink.end()

    def _relayed_lines(self, content_type: str, upstream: Headers, more: bytes) -> bytes:
        for name, _ in upstream:
            if name in PASSED_HEADERS:
                more += encode_lines([header for header in upstream if header[0] in PASSED_HEADERS])
                break
        return self._lines(content_type, 1, more)

    def _lines(self, content_type: str, under_way: int, more: bytes = b"") -> bytes:
        """Return what every answer tells, and `more`. `under_way`: 1 while an attempt is not booked yet, else 0."""
        record, berth = self.record, self.berth
        call = record.call.encode()
        request_id = record.request_id.encode() if record.request_id else call
        lines = _KNOWN_TYPES.get(content_type) or encode_lines([("content-type", content_type)])
        attempts = b""
        if record.plan is not None:
            number = record.attempts + under_way
            attempts = b"x-fairlead-attempts: 1\r\n" if number == 1 else b"x-fairlead-attempts: %d\r\n" % number
        if self.dialect.name is _ANTHROPIC:
            attempts += b"request-id: %b\r\n" % request_id  # where its SDK looks for it
        if berth is not None:
            target = berth.lines
        else:
            target = encode_lines([("x-fairlead-rule", record.rule)]) if record.rule else b""
        return b"".join(
            (
                lines, b"x-fairlead-decision: ", call, b"\r\nx-request-id: ", request_id, b"\r\n",
                attempts, target, more,
            )
        )  # fmt: skip


def _in_usd(nano: int) -> bytes:
    return b"0.%09d" % nano if nano < NANO else b"%d.%09d" % divmod(nano, NANO)
