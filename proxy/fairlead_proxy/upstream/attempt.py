"""One attempt: a call sent to one target, its answer relayed to the caller, or the failure that it ended in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from msgspec import Struct

from fairlead_proxy.contract.config import Provider, Step
from fairlead_proxy.contract.names import FailureClass, Mode
from fairlead_proxy.dialects.dialect import ReadRequest, Relay
from fairlead_proxy.exchange.errors import ClientGone, UpstreamFailure
from fairlead_proxy.exchange.outcome import Outcome, Usage
from fairlead_proxy.upstream.error_body import read_error_body
from fairlead_proxy.upstream.reply import Reply
from fairlead_proxy.upstream.transport import Transport, UpstreamRequest, UpstreamResponse

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""A plain answer is held whole before its head is sent; a longer one is refused."""

MAX_CONNECT_SECONDS = 10.0
"""DNS, connect and TLS together. A default; a shorter `perTry` shortens it."""


class TransportChoice(Protocol):
    """Which transport serves a provider."""

    def for_provider(self, provider: Provider) -> Transport: ...


class Progress(Protocol):
    """Is told how far an attempt has come; ends it from outside when it takes too long."""

    def heard(self) -> None: ...

    def commit(self) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def done(self) -> None: ...


@dataclass(slots=True)
class Trace:
    """What is known of an attempt, filled in as it goes, so that it holds wherever the attempt is cut off."""

    status: int | None = None
    first_byte_at: float | None = None
    first_token_at: float | None = None
    committed: bool = False
    answered: Usage | None = None
    relay: Relay | None = None

    def usage(self, prompt_tokens: int, *, estimate: bool) -> Usage | None:
        """Return what the provider counted; where it did not, an estimate if asked for, else None."""
        if self.answered is not None:
            return self.answered
        if self.relay is not None and (estimate or self.relay.usage is not None):
            return self.relay.usage_so_far(prompt_tokens)
        return Usage(input_tokens=prompt_tokens, estimated=True) if estimate else None


class Errand(Struct, frozen=True):
    """What an attempt has to do.

    `refusing`: targets (provider, model) known to refuse the question for token counts; an attempt may add its own.
    """

    request: ReadRequest
    step: Step
    key: str
    client_headers: Mapping[str, str]
    per_try_seconds: float
    refusing: set[tuple[str, str]]


class Attempt:
    """Runs once. `run` raises UpstreamFailure or ClientGone; `trace` says how far it came, wherever it was cut off.

    `failure` is what it ended in, None if it answered; whoever runs it notes there what `run` raised.
    """

    def __init__(
        self, errand: Errand, transport: Transport, reply: Reply, progress: Progress, clock: Callable[[], float]
    ) -> None:
        self.trace = Trace()
        self.failure: UpstreamFailure | None = _OWN_FAULT
        self._errand = errand
        self._dialect = reply.dialect
        self._transport = transport
        self._reply = reply
        self._progress = progress
        self._clock = clock
        self._response: UpstreamResponse | None = None
        reply.step = errand.step

    async def run(self) -> None:
        """Send the call, and relay its answer to the end."""
        errand = self._errand
        target = (errand.step.provider.id, errand.step.model.name)
        asks = errand.request.mode is Mode.STREAM and target not in errand.refusing
        try:
            await self._exchange(include_usage=asks)
        except _UsageRefused:
            self.trace.first_byte_at = None
            await self._exchange(include_usage=False)
            # Only now: the refusal may have quoted a caller's text, which must not change how others are served.
            errand.refusing.add(target)

    def left(self, end: BaseException) -> None:
        """Note that the caller left, or was cut off; that is nothing to the attempt if it had its whole answer."""
        if self.failure is not None:
            detail = str(end) if isinstance(end, ClientGone) else "cut off: this proxy ends"
            self.failure = UpstreamFailure(FailureClass.CLIENT_GONE, detail)

    def outcome(self, began: float, ended: float) -> Outcome:
        """Return what came of it, from when to when (Unix seconds)."""
        record, trace, step, failure = self._reply.record, self.trace, self._errand.step, self.failure
        # What nobody counted is estimated where the caller got something, or left while it was being made.
        estimate = failure is None or failure.failure is FailureClass.CLIENT_GONE or trace.committed
        usage = trace.usage(self._errand.request.prompt_tokens, estimate=estimate)
        return Outcome(
            step,
            step.cell(self._errand.request.mode),
            record.operation,
            began,
            ended,
            failure.failure if failure is not None else None,
            _status_of(trace, failure),
            failure.detail if failure is not None else "",
            trace.first_byte_at,
            trace.first_token_at,
            failure.retry_after_seconds if failure is not None else None,
            trace.committed,
            usage,
        )

    async def _exchange(self, *, include_usage: bool) -> None:
        dialect, request = self._dialect, self._errand.request
        response = self._response = await self._transport.send(self._upstream_request(include_usage))
        try:
            self.trace.status = response.status
            if request.mode is Mode.STREAM and dialect.is_stream(response.status, response.headers):
                await self._relay(response, include_usage)
            elif request.mode is Mode.PLAIN and response.status == 200:
                await self._answer(response)
            else:
                body = await read_error_body(response, self._heard)
                if include_usage and dialect.refuses_usage(response.status, body):
                    raise _UsageRefused
                raise dialect.classify(response.status, response.headers, body, self._clock())
        finally:
            response.close()

    def _upstream_request(self, include_usage: bool) -> UpstreamRequest:
        errand, dialect = self._errand, self._dialect
        provider = errand.step.provider
        return UpstreamRequest(
            provider=provider,
            method="POST",
            path=dialect.path,
            headers=dialect.upstream_headers(
                provider.type, errand.key, errand.client_headers.items(), mode=errand.request.mode
            ),
            body=dialect.rewrite_request(
                errand.request, model=errand.step.model.upstream_name, include_usage=include_usage
            ),
            connect_seconds=min(MAX_CONNECT_SECONDS, errand.per_try_seconds),
        )

    async def _answer(self, response: UpstreamResponse) -> None:
        parts: list[bytes] = []
        size = 0

        def take(chunk: bytes) -> bool:
            nonlocal size
            self._heard()
            size += len(chunk)
            if size > MAX_ANSWER_BYTES:
                raise UpstreamFailure(FailureClass.MALFORMED_RESPONSE, "the answer is longer than 32 MiB")
            parts.append(chunk)
            return True

        await response.pour(take)
        answered = self._dialect.read_answer(
            response.status,
            response.headers,
            parts[0] if len(parts) == 1 else b"".join(parts),
            prompt_tokens=self._errand.request.prompt_tokens,
            now=self._clock(),
        )
        self.trace.answered = answered.usage
        sink = self._reply.sink
        headers = self._reply.head(response.status, answered.content_type, response.headers)
        headers.append(("content-length", str(len(answered.body))))
        self.trace.committed = True
        sink.head(response.status, headers)
        sink.write(answered.body)
        if sink.full:
            self._progress.commit()
            self._progress.pause()
            await sink.room()
        self._end()

    async def _relay(self, response: UpstreamResponse, include_usage: bool) -> None:
        relay = self.trace.relay = self._dialect.open_relay(self._errand.request, include_usage=include_usage)
        whole = await response.pour(self._take)
        if whole:
            self._pass_on(relay.finish())
        if self._reply.sink.full:
            await self._reply.sink.room()
        self._end()
        if not whole:
            response.release()

    def _take(self, chunk: bytes) -> bool:
        """Relay what has come of a stream: this is called for each piece, and by nobody who could wait."""
        self._heard()
        relay = self.trace.relay
        assert relay is not None
        try:
            sendable = relay.feed(chunk)
        except UpstreamFailure:
            self._reply.rest = relay.take_rest() if relay.committed else b""
            raise
        if sendable:
            self._pass_on(sendable)
        return not relay.ended

    def _pass_on(self, sendable: bytes) -> None:
        response, sink = self._response, self._reply.sink
        if not sendable or response is None:
            return
        if not self.trace.committed:
            self.trace.first_token_at = self._clock()
            content_type = dict(response.headers).get("content-type", "text/event-stream")
            self._commit(response.status, self._reply.head(response.status, content_type, response.headers))
        sink.write(sendable)
        if sink.full:
            self._progress.pause()
            response.pause()
            sink.when_room(self._go_on)

    def _go_on(self) -> None:
        """The caller takes more again."""
        self._progress.resume()
        if self._response is not None:
            self._response.resume()

    def _commit(self, status: int, headers: list[tuple[str, str]]) -> None:
        self._progress.commit()
        self.trace.committed = True
        self._reply.sink.head(status, headers)

    def _end(self) -> None:
        self._reply.sink.end()
        self.failure = None
        self._progress.done()

    def _heard(self) -> None:
        if self.trace.first_byte_at is None:
            self.trace.first_byte_at = self._clock()
        self._progress.heard()


_OWN_FAULT = UpstreamFailure(FailureClass.INVALID_REQUEST, "a fault within the gateway")
"""What an attempt ends in when nothing else is noted: it blames no provider."""


class _UsageRefused(Exception):
    """The target does not take the question for token counts; nothing of this is its, or the caller's, fault."""


def _status_of(trace: Trace, failure: UpstreamFailure | None) -> int | None:
    return trace.status if failure is None or failure.status is None else failure.status
