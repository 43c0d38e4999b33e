"""What the caller is told beside the provider's own bytes: headers of ours, and errors of ours in its dialect."""

from fairlead_proxy.contract.config import Step
from fairlead_proxy.contract.names import FailureClass, Mode, ProviderType
from fairlead_proxy.dialects.dialect import Dialect
from fairlead_proxy.exchange.answers import broken_off
from fairlead_proxy.exchange.call import Sink
from fairlead_proxy.exchange.errors import Answer, ClientGone, Relayed
from fairlead_proxy.exchange.record import CallRecord

PASSED_HEADERS = frozenset({"openai-processing-ms", "openai-version"})
"""What of a provider's answer head goes to the caller, beside its content type."""

DRAINED = "drained"
"""The reason of a call that was cut off because the time to drain was up."""

Headers = list[tuple[str, str]]


class Reply:
    """The answer to one call. What ends it closes the record with what the caller got. All may raise ClientGone.

    `step`: the step under way, or the last one. `rest`: good bytes of a stream, still to be sent when it breaks off.
    """

    def __init__(self, dialect: Dialect, sink: Sink, record: CallRecord) -> None:
        self.dialect = dialect
        self.sink = sink
        self.record = record
        self.step: Step | None = None
        self.rest = b""

    def head(self, status: int, content_type: str, upstream: tuple[tuple[str, str], ...]) -> Headers:
        """Return the headers of a relayed answer."""
        self.record.close(status, "ok")
        passed = [(name, value) for name, value in upstream if name in PASSED_HEADERS]
        if content_type.startswith("text/event-stream"):
            passed.append(("cache-control", "no-cache"))
        return [("content-type", content_type), *self._own_headers(1), *passed]

    def answer(self, answer: Answer) -> None:
        """Send an answer of our own."""
        self.record.close(answer.status, answer.code)
        self._send(answer.status, "application/json", self.dialect.render_error(answer), answer.headers)

    def relay_refusal(self, relayed: Relayed, reason: str) -> None:
        """Send the provider's own word on a call that is at fault itself."""
        self.record.close(relayed.status, reason)
        self._send(relayed.status, relayed.content_type or "application/json", relayed.body)

    def break_off(self, failure: FailureClass) -> None:
        """End an answer that was under way: a stream with a typed error, a plain one without its proper end."""
        self.record.close(self.record.code, failure)
        last = self.record.last
        if last is None or last.mode is Mode.PLAIN:
            self.sink.abort()
            return
        self.sink.write(self.rest + self.dialect.render_stream_error(broken_off(last)))
        self.sink.end()

    def fail(self, answer: Answer) -> None:
        """A fault of ours: say so, or, if something was sent already, leave it visibly incomplete."""
        if self.sink.started:
            self.record.close(self.record.code, answer.code)
            self.sink.abort()
        else:
            self.answer(answer)

    def left(self, end: BaseException) -> None:
        """Note that the caller left, or, where the call was cancelled, that the end of this process cut it off."""
        if isinstance(end, ClientGone):
            self.record.close(499, FailureClass.CLIENT_GONE)
        else:
            self.record.close(self.record.code if self.sink.started else 503, DRAINED)

    def _send(self, status: int, content_type: str, body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> None:
        framing = [("content-type", content_type), ("content-length", str(len(body)))]
        self.sink.head(status, [*framing, *self._own_headers(0), *headers])
        self.sink.write(body)
        self.sink.end()

    def _own_headers(self, under_way: int) -> Headers:
        """`under_way`: 1 while an attempt has not been booked yet, else 0."""
        record = self.record
        headers = [("x-fairlead-decision", record.call), ("x-request-id", record.request_id or record.call)]
        if record.rule:
            headers.append(("x-fairlead-rule", record.rule))
        if record.plan is not None:
            headers.append(("x-fairlead-attempts", str(record.attempts + under_way)))
        if self.step is not None:
            headers.append(("x-fairlead-provider", self.step.provider.id))
            headers.append(("x-fairlead-model", self.step.model.name))
            if self.step.provider.type is ProviderType.SIMULATED:
                headers.append(("x-fairlead-simulated", "true"))
        return headers
