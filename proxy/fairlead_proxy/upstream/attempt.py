"""One attempt: a call sent to one target, its answer relayed to the caller, or the failure that it ended in."""

from collections.abc import Callable
from typing import Final

from fairlead_proxy.contract.names import FailureClass, Mode
from fairlead_proxy.dialects.dialect import MAX_ERROR_BYTES, CallerDialect, InvalidCall, Passage, ReadRequest, Relay
from fairlead_proxy.dialects.registry import follow
from fairlead_proxy.dialects.telling import Sequel, sum_of
from fairlead_proxy.dialects.translated import telling_of
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.exchange.outcome import Outcome, is_cached
from fairlead_proxy.exchange.usage import Usage
from fairlead_proxy.upstream.berths import Berth
from fairlead_proxy.upstream.masking import mask_proof
from fairlead_proxy.upstream.progress import Clocks, Progress
from fairlead_proxy.upstream.reply import Reply
from fairlead_proxy.upstream.signed import SignedErrand, send_signed
from fairlead_proxy.upstream.transport import Errand, Headers

_STREAM: Final = Mode.STREAM
_PLAIN: Final = Mode.PLAIN

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""A plain answer is held whole before its head is sent; a longer one is refused."""


class Attempt:
    """Runs once, and then calls `on_end`, once. See Receiver for how an answer reaches it.

    `failure` is what it ended in, None if it answered; `fault` an exception of ours that ended it.
    """

    __slots__ = (
        "_answered", "_asks_usage", "_berth", "_body", "_cached", "_cause", "_clocks", "_cost", "_draining",
        "_errand", "_headers", "_lost", "_more", "_on_end", "_passage", "_progress", "_refusing", "_reply",
        "_request", "_size", "_status", "_usage_refused", "committed", "failure", "fault", "first_byte_at",
        "first_token_at", "relay",
    )  # fmt: skip

    def __init__(
        self,
        berth: Berth,
        passage: Passage,
        request: ReadRequest,
        more: Headers,
        reply: Reply,
        clocks: Clocks,
        refusing: set[tuple[str, str]],
        on_end: Callable[[], None],
    ) -> None:
        """`passage`: the berth's, or another for the rest of an answer. `more`: headers of this call alone.

        `refusing`: targets (provider, model) known to refuse the question for token counts; it may add its own.
        """
        self._berth = berth
        self._passage = passage
        self._request = request
        self._more = more
        self._reply = reply
        self._clocks = clocks
        self._refusing = refusing
        self._on_end: Callable[[], None] | None = on_end
        self._progress: Progress | None = None
        self._errand: Errand | None = None
        self.relay: Relay | None = None
        self._answered: Usage | None = None
        self._cost: int | None = None
        self._cached: bool | None = None
        self._status: int | None = None
        self._headers: Headers = ()
        self._lost: tuple[str, ...] = ()
        self._body: list[bytes] = []
        self._size = 0
        self._asks_usage = self._usage_refused = self._draining = False
        self.committed = False
        self.failure: UpstreamFailure | None = None
        self._cause: UpstreamFailure | None = None
        """The provider's own failure, where the attempt is told of as one that its caller left."""
        self.fault: Exception | None = None
        self.first_byte_at: float | None = None
        self.first_token_at: float | None = None
        reply.berth = berth

    def begin(self, progress: Progress) -> None:
        """Send the call; `progress` is told of it."""
        self._progress = progress
        try:
            self._send(asks_usage=self._request.mode is _STREAM and self._berth.target not in self._refusing)
        except UpstreamFailure as failure:
            self._end(failure)
        except Exception as fault:  # one call's fault must not become the connection's, or the process's
            self.fail(fault)

    def interrupt(self, failure: FailureClass, detail: str) -> None:
        """End it now, as this class; without effect once it has ended."""
        self._end(UpstreamFailure(failure, detail))

    def drain(self) -> None:
        """The caller has left: what comes yet counts, and however it ends, nobody gets it."""
        self._draining = True

    def fail(self, fault: Exception) -> None:
        """End it for a fault of ours, which blames no provider."""
        self.fault = fault
        self._end(UpstreamFailure(FailureClass.INVALID_REQUEST, "a fault within the gateway"))

    def head(self, status: int, headers: Headers) -> None:
        """See Receiver."""
        self._status = status
        self._headers = headers
        if self._request.mode is _STREAM and self._passage.is_stream(status, headers):
            reply, request, now = self._reply, self._request, self._reply.record.started_at
            self.relay = self._passage.open_relay(request, include_usage=self._asks_usage, now=now)
            if self._berth.follows:
                self.relay = follow(self.relay, reply.dialect, request, now)

    def chunk(self, data: bytes) -> None:
        """See Receiver."""
        progress = self._progress
        if progress is None:
            return
        progress.heard_at = self._clocks.steady()
        if self.first_byte_at is None:
            self.first_byte_at = self._clocks.unix()
            progress.first_byte()
        try:
            if self.relay is None:
                self._collect(data)
            else:
                self._pass_on(self.relay.feed(data))
        except UpstreamFailure as failure:
            if self.committed and self.relay is not None:
                self._reply.rest = self.relay.take_rest()
            self._end(failure)
        except Exception as fault:  # one call's fault must not become the connection's, or the process's
            self.fail(fault)

    def end(self) -> None:
        """See Receiver."""
        if self._on_end is None:
            return
        try:
            if self.relay is not None:
                self._pass_on(self.relay.finish())
            elif self._request.mode is _PLAIN and self._status == 200:
                self._answer()
            else:
                self._read_error()
        except UpstreamFailure as failure:
            self._end(failure)
        except Exception as fault:
            self.fail(fault)

    def lost(self, failure: UpstreamFailure) -> None:
        """See Receiver. An error's body that breaks off is as good as what came of it."""
        answers = self.relay is not None or (self._request.mode is _PLAIN and self._status == 200)
        if self._status is None or answers:
            self._end(failure)
        else:
            self.end()

    def outcome(self, began: float, ended: float) -> Outcome:
        """Return what came of it, from when to when (Unix seconds)."""
        record, step, failure = self._reply.record, self._berth.step, self.failure
        # What nobody counted is estimated where the caller got something, or left while it was being made.
        cause = self._cause
        estimate = cause is None or cause.failure is FailureClass.CLIENT_GONE or self.committed
        usage = self._usage(estimate=estimate)
        if failure is not None:
            self._reckon(usage)
        return Outcome(
            step,
            self._berth.cell,
            record.operation,
            began,
            ended,
            None if failure is None else failure.failure,
            self._status if failure is None or failure.status is None else failure.status,
            "" if failure is None else failure.detail,
            self.first_byte_at,
            self.first_token_at,
            None if failure is None else failure.retry_after_seconds,
            self.committed,
            usage,
            self._cost,
            self._lost,
            self._cached,
        )

    @property
    def caller(self) -> CallerDialect:
        return self._reply.dialect

    @property
    def features(self) -> frozenset[str]:
        """What the call uses that a dialect may have no word for."""
        return self._request.features

    def sequel(self, before: Sequel | None) -> Sequel | None:
        """Return how another target may go on where this one broke off; None: none can. `before`: what this was."""
        telling, spent = telling_of(self.relay), self._usage(estimate=True)
        if telling is None:
            return before  # it added nothing
        if spent is None or not telling.can_go_on:
            return None
        try:
            conversation = self._request.conversation
        except InvalidCall:
            return None
        if conversation.form is not None or conversation.choices > 1:
            return None
        spent = spent if before is None else sum_of(before.spent, spent)
        return telling.sequel(conversation, spent, self._request.prompt_tokens)

    def hand_over(self) -> None:
        """Send what stood before the fault: somebody else goes on."""
        self._reply.send_rest()

    def _send(self, *, asks_usage: bool) -> None:
        """Send the request, for the first time or without the question that the target has refused."""
        berth = self._berth
        self._asks_usage = asks_usage
        self._status = self.first_byte_at = None
        self._body, self._size = [], 0
        if berth.lane is None:
            self._end(berth.refusal)
            return
        body = self._passage.rewrite_request(self._request, model=berth.upstream_model, include_usage=asks_usage)
        if berth.translates or self._passage is not berth.passage:
            self._lost = self._passage.losses(self._request, model=berth.upstream_model)
        if berth.signer is None:
            self._errand = berth.transport.send(berth.lane, body, self, self._more)
        else:
            self._errand = send_signed(
                berth.transport, berth.lane, body, self, self._more, berth.signer, self._clocks.unix
            )

    def _collect(self, data: bytes) -> None:
        """Keep a piece of a plain answer, or of an error: of that no more than tells what it means."""
        self._body.append(data)
        self._size += len(data)
        if self._request.mode is _PLAIN and self._status == 200:
            if self._size > MAX_ANSWER_BYTES:
                raise UpstreamFailure(FailureClass.MALFORMED_RESPONSE, "the answer is longer than 32 MiB")
        elif self._size >= MAX_ERROR_BYTES:
            self._read_error()

    def _answer(self) -> None:
        reply, request, status = self._reply, self._request, self._status or 0
        now = self._clocks.unix() if self.first_byte_at is None else self.first_byte_at
        answered = self._passage.read_answer(status, self._headers, self._whole_body(), request=request, now=now)
        self._answered = answered.usage
        self.committed = True
        reply.relay_answer(status, answered.content_type, self._headers, answered.body, self._reckon(answered.usage))
        self._await_taking()

    def _read_error(self) -> None:
        """Raise what an answer that is not a good one means, or ask again without what was refused."""
        passage, status, body = self._passage, self._status or 0, self._whole_body()[:MAX_ERROR_BYTES]
        if not self._asks_usage or not passage.refuses_usage(status, body):
            raise passage.classify(status, self._headers, body, self._clocks.unix())
        if self._errand is not None:
            self._errand.close()
        self._usage_refused = True
        if self._progress is not None:
            self._progress.wait_again(self._clocks.steady())
        self._send(asks_usage=False)

    def _whole_body(self) -> bytes:
        body = self._body
        return body[0] if len(body) == 1 else b"".join(body)

    def _pass_on(self, sendable: bytes) -> None:
        """Send what the relay has let through; end with its end."""
        reply, relay = self._reply, self.relay
        ended = relay is not None and relay.ended
        if sendable and not self.committed:
            self._commit()
        if ended:
            sendable += reply.last_comment(self._reckon(self._usage(estimate=True)))
        if sendable:
            reply.sink.write(sendable)
        if ended:
            reply.sink.end()
            self._await_taking()
        elif sendable and reply.sink.full:
            self._hold()

    def _commit(self) -> None:
        """The first content goes out: from here on nobody else can answer, unless the rule lets another go on."""
        self.first_token_at = self._clocks.unix()
        self.committed = True
        if self._progress is not None:
            self._progress.commit(self._clocks.steady())
        reply, relay = self._reply, self.relay
        if reply.sink.started:
            reply.mark_continued()
            return
        content_type = None if relay is None else relay.content_type
        if content_type is None:
            content_type = dict(self._headers).get("content-type", "text/event-stream")
        reply.relay_head(self._status or 200, content_type, self._headers)

    def _hold(self) -> None:
        """The caller has no room: take no more from the provider until it has."""
        if self._progress is not None and self._errand is not None:
            self._progress.pause()
            self._errand.pause()
            self._reply.sink.when_room(self._go_on)

    def _go_on(self) -> None:
        if self._progress is not None and self._errand is not None:
            self._progress.resume(self._clocks.steady())
            self._errand.resume()

    def _await_taking(self) -> None:
        """All of the answer has been written: it has been given once the caller has taken most of it."""
        sink, progress = self._reply.sink, self._progress
        if self._errand is not None:
            self._errand.release()
            self._errand = None
        if progress is None or not sink.full:
            self._finish()
            return
        if self.relay is None:
            progress.commit(self._clocks.steady())
        progress.pause()
        sink.when_room(self._finish)

    def _finish(self) -> None:
        if self._usage_refused:
            # Only now: the refusal may have quoted a caller's text, which must not change how others are served.
            self._refusing.add(self._berth.target)
        self._end(None)

    def _end(self, failure: UpstreamFailure | None) -> None:
        on_end, progress, errand = self._on_end, self._progress, self._errand
        if on_end is None:
            return
        self._on_end = self._progress = self._errand = None
        if failure is not None and failure.relayed is not None and self._berth.lane is not None:
            signed = errand.sent if isinstance(errand, SignedErrand) else ()
            failure.relayed = mask_proof(failure.relayed, (*self._berth.lane.headers, *signed))
        self._cause = failure
        if self._draining:
            failure = UpstreamFailure(
                FailureClass.CLIENT_GONE, "the caller closed its connection; the provider was heard out"
            )
        if failure is not None:
            self.failure = failure.bare()
        if errand is not None:
            errand.close()
        if progress is not None:
            progress.done()
        on_end()

    def _reckon(self, usage: Usage | None) -> int | None:
        """Return what so much cost. Of an answer that is whole it is not reckoned again."""
        if usage is None or self._berth.counts:
            self._cost = self._cached = None
        else:
            cached = is_cached(usage)
            self._cost, self._cached = self._berth.cost_of(usage, cached=cached), cached
        return self._cost

    def _usage(self, *, estimate: bool) -> Usage | None:
        """Return what the provider counted; where it did not, an estimate if asked for, else None.

        Who asks for a count uses nothing.
        """
        if self._berth.counts:
            return None
        if self._answered is not None:
            return self._answered
        relay, prompt_tokens, failure = self.relay, self._request.prompt_tokens, self._cause
        if failure is not None and failure.usage is not None:
            return failure.usage
        if relay is None:
            return Usage(prompt_tokens, estimated=True) if estimate else None
        used = relay.usage_so_far(prompt_tokens)
        return used if estimate or not used.estimated else None
