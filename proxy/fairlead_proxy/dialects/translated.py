"""The passage of calls between two dialects: each side is read into, and written from, the neutral vocabulary."""

from collections.abc import Mapping

from fairlead_proxy.contract.names import DialectName, FailureClass, Operation, ProviderType
from fairlead_proxy.dialects.dialect import (
    MAX_ERROR_BYTES,
    Answered,
    CallerDialect,
    Headers,
    ProviderDialect,
    ReadRequest,
    Written,
)
from fairlead_proxy.dialects.framing import FRAMINGS
from fairlead_proxy.dialects.openai.errors import refuses_stream_options
from fairlead_proxy.dialects.openai.request_writer import without_stream_options
from fairlead_proxy.dialects.sse import Event
from fairlead_proxy.dialects.telling import FollowedRelay, Sequel, Teller, Telling
from fairlead_proxy.dialects.untouched import usage_of
from fairlead_proxy.dialects.watching import HoldingRelay
from fairlead_proxy.exchange.completion import Choice, Completion, Ended, Stop, StreamEvent
from fairlead_proxy.exchange.conversation import Conversation
from fairlead_proxy.exchange.errors import Answer, Relayed, UpstreamFailure

_JSON = "application/json"
_EVENTS = "text/event-stream"
_TRACE_HEADERS = ("traceparent", "tracestate")

_CODE_OF_NATURE = {
    FailureClass.CONTEXT_LENGTH_EXCEEDED: "context_length_exceeded",
    FailureClass.CONTENT_FILTERED: "content_filter",
    FailureClass.INVALID_REQUEST: "invalid_request",
}
"""The codes of failures that are of the call's own nature, which its caller is told (design, section 5.3)."""
_KEPT_STATUSES = frozenset({400, 404, 413, 422})
"""Which of a provider's refusals reach a caller under the same status; the others become 400."""


class Translated:
    """See Passage. A request is written once for each model, however often it is sent.

    `sequel`: an answer that broke off is gone on with; then both sides may be of one dialect.
    """

    def __init__(
        self,
        caller: CallerDialect,
        provider: ProviderDialect,
        type_: ProviderType,
        always: Headers = (),
        sequel: Sequel | None = None,
    ) -> None:
        self._sequel = sequel
        self._sequel_written: tuple[str, Written] | None = None
        self._caller = caller
        self._provider = provider
        self._always = always
        self._framing = FRAMINGS[type_]
        self._counts = provider.operation is Operation.COUNT_TOKENS
        self.is_stream = provider.is_stream

    def rewrite_request(self, request: ReadRequest, *, model: str, include_usage: bool) -> bytes:
        body = self._written(request, model).body
        if not include_usage and self._provider.name is DialectName.OPENAI_CHAT:
            body = without_stream_options(body)
        return body

    def losses(self, request: ReadRequest, *, model: str) -> tuple[str, ...]:
        return self._written(request, model).lost

    def passed_headers(self, client_headers: Mapping[str, str]) -> Headers:
        return (*((name, client_headers[name]) for name in _TRACE_HEADERS if name in client_headers), *self._always)

    def classify(self, status: int, headers: Headers, body: bytes, now: float) -> UpstreamFailure:
        """See Passage. What the provider says of the call itself is said again in the caller's form."""
        return self._say_again(self._provider.classify(status, headers, body, now))

    def refuses_usage(self, status: int, body: bytes) -> bool:
        return self._provider.name is DialectName.OPENAI_CHAT and refuses_stream_options(status, body)

    def read_answer(self, status: int, headers: Headers, body: bytes, *, request: ReadRequest, now: float) -> Answered:
        if not 200 <= status < 300:
            raise self.classify(status, headers, body[:MAX_ERROR_BYTES], now)
        try:
            completion = self._provider.read_completion(body)
        except UpstreamFailure as failure:
            if failure.failure is FailureClass.CONTENT_FILTERED and failure.relayed is None:
                filtered = Completion("", "", (Choice(stop=Stop.FILTERED),))
                body = self._caller.write_completion(filtered, request=request, now=now)
                failure.relayed = Relayed(200, _JSON, body)
                raise
            raise self._say_again(failure) from None
        answer = self._caller.write_completion(completion, request=request, now=now)
        return Answered(answer, _JSON, usage_of(completion, request))

    def open_relay(self, request: ReadRequest, *, include_usage: bool, now: float) -> "TranslatedRelay":
        sequel = self._sequel
        teller = Telling(self._caller.open_writer(request, now=now)) if sequel is None else sequel.teller()
        return TranslatedRelay(self._provider, teller)

    def _written(self, request: ReadRequest, model: str) -> Written:
        """Return the request as this model gets it, which is kept until it is written for another.

        It is kept with the request; but that of a sequel here. What a sequel has told holds the request, so that one
        which held the sequel's passage would hold itself.
        """
        if self._sequel is not None:
            if self._sequel_written is None or self._sequel_written[0] != model:
                self._sequel_written = model, self._write(self._sequel.conversation, model)
                request.written = request.written_for = None  # nobody is asked for the beginning again
            return self._sequel_written[1]
        key = (self, model)
        if request.written is None or request.written_for != key:
            request.written, request.written_for = self._write(request.conversation, model), key
        return request.written

    def _write(self, conversation: Conversation, model: str) -> Written:
        written = self._provider.write_request(conversation, model=model)
        body = self._framing.frame_body(written.body, self._provider.name, model, counts=self._counts)
        return Written(body, tuple(sorted({*written.lost, *conversation.left_out})))

    def _say_again(self, failure: UpstreamFailure) -> UpstreamFailure:
        """Put what the caller may have of the provider's answer into the caller's form."""
        if failure.relayed is not None:
            said = self._provider.read_refusal(failure.relayed.body)
            message = said.message or "the provider refuses this request"
            # The member at fault is one of the request that we wrote: told in words, since the caller has no such one.
            if said.param is not None and said.param not in message:
                message = f"{message} (in what the provider was asked: {said.param})"
            answer = Answer(
                failure.relayed.status if failure.relayed.status in _KEPT_STATUSES else 400,
                _CODE_OF_NATURE.get(failure.failure, "invalid_request"),
                message,
            )
            failure.relayed = Relayed(answer.status, _JSON, self._caller.render_error(answer))
        return failure


def telling_of(relay: object) -> Telling | None:
    """Return what the caller has been told in all; None: nothing by this relay, or nobody remembers."""
    return relay.teller.by_now if isinstance(relay, FollowedRelay | TranslatedRelay) else None


class TranslatedRelay(HoldingRelay):
    """See Relay. Frame by frame; nothing is kept once it has been told."""

    __slots__ = ("_parser", "_reader", "teller")

    content_type: str | None = _EVENTS

    def __init__(self, provider: ProviderDialect, teller: Teller) -> None:
        super().__init__()
        self._parser = provider.open_parser()
        self._reader = provider.open_reader()
        self.teller = teller

    def feed(self, chunk: bytes) -> bytes:
        if self.ended:
            return b""
        self._take(self._parser.feed(chunk))
        return self._let_through()

    def finish(self) -> bytes:
        if self.ended:
            return b""
        frames = [frame for frame in self._parser.finish() if frame.data is not None]
        events = [event for frame in frames for event in self._reader.take(frame)]
        # Not a word of a last frame without its end, unless the answer is whole with it.
        self._tell([*events, *self._reader.finish()])
        self.ended = True
        return self._let_through()

    def _let_through(self) -> bytes:
        if self._watching.has_content:
            self._held += self.teller.settle()
        return super()._let_through()

    def _take(self, frames: list[Event]) -> None:
        for frame in frames:
            if frame.data is not None and not self.ended:
                self._tell(self._reader.take(frame))

    def _tell(self, events: list[StreamEvent]) -> None:
        for event in events:
            self._watching.note(event)
            self._held += self.teller.tell(event)
            self.ended = self.ended or isinstance(event, Ended)
