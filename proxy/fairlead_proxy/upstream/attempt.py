"""One attempt: a call sent to one target, its answer relayed to the caller, or the failure that it ended in."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from fairlead_proxy.contract.config import Provider
from fairlead_proxy.contract.names import FailureClass, Mode
from fairlead_proxy.decision.plan import Step
from fairlead_proxy.dialects.dialect import MAX_ERROR_BYTES, Dialect, ReadRequest, Relay
from fairlead_proxy.exchange.call import Sink
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.exchange.outcome import Usage
from fairlead_proxy.upstream.transport import Transport, UpstreamRequest, UpstreamResponse

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""A plain answer is held whole before its head is sent; a longer one is refused."""

MAX_CONNECT_SECONDS = 10.0
"""DNS, connect and TLS together. A default; a shorter `perTry` shortens it."""

_TAIL_SECONDS = 0.25
_TAIL_BYTES = 64 * 1024
"""How long, and how far, a body is read on after its protocol's end, so that its connection can be used again."""


class TransportChoice(Protocol):
    """Which transport serves a provider."""

    def for_provider(self, provider: Provider) -> Transport: ...


class Progress(Protocol):
    """Is told how far an attempt has come; ends it from outside when it takes too long."""

    def heard(self) -> None: ...

    def commit(self) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...


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


@dataclass(frozen=True, slots=True)
class Errand:
    """What an attempt has to do. `head` makes the answer's headers from its content type and the upstream's headers.

    `refusing`: targets (provider, model) known to refuse the question for token counts; an attempt may add its own.
    """

    dialect: Dialect
    request: ReadRequest
    step: Step
    key: str
    client_headers: tuple[tuple[str, str], ...]
    per_try_seconds: float
    head: Callable[[str, tuple[tuple[str, str], ...]], list[tuple[str, str]]]
    refusing: set[tuple[str, str]]


class Attempt:
    """Runs once. Raises UpstreamFailure or ClientGone; `trace` says how far it came."""

    def __init__(
        self, errand: Errand, transport: Transport, sink: Sink, progress: Progress, clock: Callable[[], float]
    ) -> None:
        self.trace = Trace()
        self._errand = errand
        self._transport = transport
        self._sink = sink
        self._progress = progress
        self._clock = clock

    async def run(self) -> None:
        """Send the call, and relay its answer to the end."""
        errand = self._errand
        target = (errand.step.provider.id, errand.step.model.name)
        asks = errand.request.mode is Mode.STREAM and target not in errand.refusing
        try:
            await self._exchange(include_usage=asks)
        except _UsageRefused:
            errand.refusing.add(target)
            await self._exchange(include_usage=False)

    async def _exchange(self, *, include_usage: bool) -> None:
        dialect, request = self._errand.dialect, self._errand.request
        response = await self._transport.send(self._upstream_request(include_usage))
        try:
            self.trace.status = response.status
            if request.mode is Mode.STREAM and dialect.is_stream(response.status, response.headers):
                await self._relay(response, include_usage)
            elif request.mode is Mode.PLAIN and 200 <= response.status < 300:
                await self._answer(response)
            else:
                body = await self._error_body(response)
                if include_usage and dialect.refuses_usage(response.status, body):
                    raise _UsageRefused
                raise dialect.classify(response.status, response.headers, body, self._clock())
        finally:
            await response.close()

    def _upstream_request(self, include_usage: bool) -> UpstreamRequest:
        errand, dialect = self._errand, self._errand.dialect
        provider = errand.step.provider
        return UpstreamRequest(
            provider=provider,
            method="POST",
            path=dialect.path,
            headers=dialect.upstream_headers(
                provider.type, errand.key, errand.client_headers, mode=errand.request.mode
            ),
            body=dialect.rewrite_request(
                errand.request, model=errand.step.model.upstream_name, include_usage=include_usage
            ),
            connect_seconds=min(MAX_CONNECT_SECONDS, errand.per_try_seconds),
        )

    async def _answer(self, response: UpstreamResponse) -> None:
        parts: list[bytes] = []
        size = 0
        async for chunk in response.chunks():
            self._heard()
            size += len(chunk)
            if size > MAX_ANSWER_BYTES:
                raise UpstreamFailure(FailureClass.MALFORMED_RESPONSE, "the answer is longer than 32 MiB")
            parts.append(chunk)
        errand = self._errand
        answered = errand.dialect.read_answer(
            response.status,
            response.headers,
            b"".join(parts),
            prompt_tokens=errand.request.prompt_tokens,
            now=self._clock(),
        )
        self.trace.answered = answered.usage
        headers = errand.head(answered.content_type, response.headers)
        headers.append(("content-length", str(len(answered.body))))
        await self._commit(response.status, headers)
        await self._write(answered.body)
        await self._sink.end()

    async def _relay(self, response: UpstreamResponse, include_usage: bool) -> None:
        relay = self.trace.relay = self._errand.dialect.open_relay(self._errand.request, include_usage=include_usage)
        chunks = response.chunks()
        async for chunk in chunks:
            self._heard()
            await self._pass_on(relay.feed(chunk), response)
            if relay.ended:
                await self._sink.end()
                await _read_tail(chunks)
                return
        await self._pass_on(relay.finish(), response)
        await self._sink.end()

    async def _pass_on(self, sendable: bytes, response: UpstreamResponse) -> None:
        if not sendable:
            return
        if not self.trace.committed:
            self.trace.first_token_at = self._clock()
            content_type = dict(response.headers).get("content-type", "text/event-stream")
            await self._commit(response.status, self._errand.head(content_type, response.headers))
        await self._write(sendable)

    async def _commit(self, status: int, headers: list[tuple[str, str]]) -> None:
        self._progress.commit()
        self.trace.committed = True
        await self._sink.head(status, headers)

    async def _write(self, chunk: bytes) -> None:
        self._progress.pause()
        await self._sink.write(chunk)
        self._progress.resume()

    async def _error_body(self, response: UpstreamResponse) -> bytes:
        """Return the first MAX_ERROR_BYTES of an error's body; one that breaks off is as good as what came of it."""
        body = bytearray()
        try:
            async for chunk in response.chunks():
                self._heard()
                body += chunk
                if len(body) >= MAX_ERROR_BYTES:
                    break
        except UpstreamFailure:
            return bytes(body)
        return bytes(body[:MAX_ERROR_BYTES])

    def _heard(self) -> None:
        if self.trace.first_byte_at is None:
            self.trace.first_byte_at = self._clock()
        self._progress.heard()


class _UsageRefused(Exception):
    """The target does not take the question for token counts; nothing of this is its, or the caller's, fault."""


async def _read_tail(chunks: AsyncIterator[bytes]) -> None:
    """Read on to the end of the body, which is mostly there already; give up soon. The caller has all of its answer."""
    size = 0
    try:
        async with asyncio.timeout(_TAIL_SECONDS):
            async for chunk in chunks:
                size += len(chunk)
                if size > _TAIL_BYTES:
                    return
    except (TimeoutError, UpstreamFailure):
        return
