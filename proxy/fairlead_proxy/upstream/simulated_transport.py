"""A provider within this process: it calls no model and says so, keeps a pace, and fails by rate or by schedule."""

import asyncio
import logging
import math
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random
from typing import NamedTuple

from fairlead_proxy.contract.config import Outage, Provider, Simulation
from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.simulated_answer import (
    SimulatedReply,
    UnreadableRequest,
    compose_reply,
    error_body,
    error_event,
    list_models,
)
from fairlead_proxy.upstream.transport import Headers, Lane, Receiver

SIMULATED_HEADER = ("x-fairlead-simulated", "true")

_JSON = "application/json"
_RETRY_AFTER_SECONDS = 10
"""What a rate-limited simulation asks for outside an outage; within one, the rest of it."""
_CUT_AFTER_TOKENS = 5
_FOREVER_SECONDS = 3600.0

_ERROR_ANSWERS: dict[FailureClass, tuple[int, str, str, str | None]] = {
    FailureClass.SERVER_ERROR: (500, "the server had an error", "server_error", None),
    FailureClass.OVERLOADED: (503, "the model is overloaded", "server_error", None),
    FailureClass.RATE_LIMITED: (429, "rate limit reached", "requests", "rate_limit_exceeded"),
    FailureClass.QUOTA_EXHAUSTED: (429, "the quota is exhausted", "insufficient_quota", "insufficient_quota"),
    FailureClass.CREDENTIAL_REJECTED: (401, "the key is not valid", "invalid_request_error", "invalid_api_key"),
    FailureClass.MODEL_UNAVAILABLE: (404, "the model does not exist", "invalid_request_error", "model_not_found"),
    FailureClass.CONTEXT_LENGTH_EXCEEDED: (400, "too many tokens", "invalid_request_error", "context_length_exceeded"),
    FailureClass.CONTENT_FILTERED: (400, "the prompt was filtered", "invalid_request_error", "content_filter"),
    FailureClass.INVALID_REQUEST: (400, "the request is not valid", "invalid_request_error", None),
}
"""Failures that are told at once, in an answer of their own: status, message, type, code."""

_SPOILED = frozenset(
    {
        FailureClass.MALFORMED_RESPONSE,
        FailureClass.ERROR_IN_STREAM,
        FailureClass.STREAM_BROKEN,
        FailureClass.STREAM_STALLED,
        FailureClass.FIRST_TOKEN_TIMEOUT,
    }
)
"""Failures that begin as a good answer does; a list of models is none of their concern."""

_OF_THE_CALL = frozenset(
    {FailureClass.CONTEXT_LENGTH_EXCEEDED, FailureClass.CONTENT_FILTERED, FailureClass.INVALID_REQUEST}
)

_LOG = logging.getLogger(__name__)


class _Answer(NamedTuple):
    status: int
    headers: Headers
    body: AsyncIterator[bytes]


class SimulatedErrand:
    """See Errand. A task of its own brings the answer, and waits while the receiver has paused."""

    def __init__(self, coming: Awaitable[_Answer], receiver: Receiver) -> None:
        self._receiver = receiver
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._begun = False
        self._closed = False
        self.task = asyncio.ensure_future(self._run(coming))

    def pause(self) -> None:
        self._flowing.clear()

    def resume(self) -> None:
        self._flowing.set()

    def release(self) -> None:
        self.close()

    def close(self) -> None:
        self._closed = True
        self.task.cancel()

    def cut(self) -> None:
        """As `close`, but the receiver is told."""
        if not self.task.done() and not self._closed:
            self.close()
            failure = FailureClass.STREAM_BROKEN if self._begun else FailureClass.UNREACHABLE
            self._receiver.lost(UpstreamFailure(failure, "this proxy ends"))

    async def _run(self, coming: Awaitable[_Answer]) -> None:
        receiver = self._receiver
        try:
            answer = await coming
            await self._room()
            self._begun = True
            receiver.head(answer.status, answer.headers)
            async for chunk in answer.body:
                await self._room()
                receiver.chunk(chunk)
            await self._room()
            receiver.end()
        except UpstreamFailure as failure:
            self._lose(failure)
        except Exception as error:
            _LOG.error("a simulated answer, or its receiver, failed: %s", type(error).__name__)
            self._lose(UpstreamFailure(FailureClass.INVALID_REQUEST, "a fault within the gateway"))

    async def _room(self) -> None:
        """Return once something may be handed out."""
        await self._flowing.wait()
        if self._closed:  # from within the receiver, so that the cancelling has not come through yet
            raise asyncio.CancelledError

    def _lose(self, failure: UpstreamFailure) -> None:
        if not self._closed:
            self._receiver.lost(failure)


class SimulatedTransport:
    """See Transport. `clock` gives Unix seconds; outages are scheduled from the making of the transport."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._started = clock()
        self._calls: dict[str, int] = defaultdict(int)
        self._errands: set[SimulatedErrand] = set()

    def send(self, lane: Lane, body: bytes, receiver: Receiver, more: Headers = ()) -> SimulatedErrand:
        errand = SimulatedErrand(self._reply(lane, body), receiver)
        self._errands.add(errand)
        errand.task.add_done_callback(lambda _: self._errands.discard(errand))
        return errand

    async def close(self) -> None:
        errands = list(self._errands)
        for errand in errands:
            errand.cut()
        if errands:
            await asyncio.wait([errand.task for errand in errands])

    async def _reply(self, lane: Lane, body: bytes) -> _Answer:
        provider = lane.provider
        simulation = provider.simulation or Simulation()
        if lane.path == "/models":
            return await self._list_models(provider, simulation)
        failure, retry_after = self._failure(provider, simulation)
        if failure is not None and failure not in _SPOILED:
            return await self._fail(failure, retry_after)
        try:
            reply = compose_reply(provider, body, seed=simulation.seed, now=self._clock())
        except UnreadableRequest as error:
            return _answer(400, error_body(str(error), kind="invalid_request_error"))
        if reply is None:
            return await self._fail(FailureClass.MODEL_UNAVAILABLE, 0)
        if failure is FailureClass.MALFORMED_RESPONSE:
            return _Answer(200, _headers("text/html"), _once(b"<html>Simulated failure: not a chat API</html>"))
        if reply.stream:
            return _Answer(200, _headers("text/event-stream"), self._stream(reply, simulation, failure))
        return _Answer(200, _headers(_JSON), self._whole(reply, simulation, failure))

    def _failure(self, provider: Provider, simulation: Simulation) -> tuple[FailureClass | None, int]:
        """Return how this call fails, if it does, and the Retry-After if it is rate-limited."""
        for outage in simulation.outages:
            rest = _rest_of(outage, self._clock() - self._started)
            if rest > 0:
                return outage.failure, math.ceil(rest)
        self._calls[provider.id] += 1
        drawn = Random(f"{simulation.seed}:{provider.id}:{self._calls[provider.id]}").random()
        return (simulation.failure if drawn < simulation.error_rate else None), _RETRY_AFTER_SECONDS

    async def _list_models(self, provider: Provider, simulation: Simulation) -> _Answer:
        """Outages hit it, except those that show in a chat answer only."""
        for outage in simulation.outages:
            rest = _rest_of(outage, self._clock() - self._started)
            if rest > 0 and outage.failure not in _SPOILED | _OF_THE_CALL:
                return await self._fail(outage.failure, math.ceil(rest))
        return _answer(200, list_models(provider))

    async def _fail(self, failure: FailureClass, retry_after: int) -> _Answer:
        if failure is FailureClass.UNREACHABLE:
            raise UpstreamFailure(failure, "simulated: no connection")
        if failure is FailureClass.TIMEOUT:
            await self._hang()
        status, message, kind, code = _ERROR_ANSWERS.get(failure, _ERROR_ANSWERS[FailureClass.SERVER_ERROR])
        hint = (("retry-after", str(retry_after)),) if failure is FailureClass.RATE_LIMITED else ()
        return _answer(status, error_body(message, kind=kind, code=code), *hint)

    async def _whole(
        self, reply: SimulatedReply, simulation: Simulation, failure: FailureClass | None
    ) -> AsyncIterator[bytes]:
        await self._wait_until(self._clock() + simulation.ttft_seconds + _pace(simulation) * (len(reply.tokens) - 1))
        body = reply.whole()
        match failure:
            case FailureClass.ERROR_IN_STREAM:
                yield error_body("an error inside a good status")
            case FailureClass.STREAM_BROKEN:
                yield body[: len(body) // 2]
                raise UpstreamFailure(FailureClass.STREAM_BROKEN, "simulated: cut in the body", status=200)
            case FailureClass.STREAM_STALLED | FailureClass.FIRST_TOKEN_TIMEOUT:
                yield body[: len(body) // 2]
                await self._hang()
            case _:
                yield body

    async def _stream(
        self, reply: SimulatedReply, simulation: Simulation, failure: FailureClass | None
    ) -> AsyncIterator[bytes]:
        begun = self._clock()
        cut_after = min(_CUT_AFTER_TOKENS, len(reply.tokens))
        for number, event in enumerate(reply.events()):
            if number == 1 and failure is FailureClass.FIRST_TOKEN_TIMEOUT:
                await self._hang()
            if number == 1 and failure is FailureClass.ERROR_IN_STREAM:
                yield error_event("an error inside the stream")
                return
            if number > cut_after and failure is FailureClass.STREAM_STALLED:
                await self._hang()
            if number > cut_after and failure is FailureClass.STREAM_BROKEN:
                raise UpstreamFailure(FailureClass.STREAM_BROKEN, "simulated: cut in the stream", status=200)
            if 1 <= number <= len(reply.tokens):
                await self._wait_until(begun + simulation.ttft_seconds + _pace(simulation) * (number - 1))
            yield event

    async def _wait_until(self, instant: float) -> None:
        wait = instant - self._clock()
        if wait > 0:
            await self._sleep(wait)

    async def _hang(self) -> None:
        """Never return: whoever waits has a deadline."""
        while True:
            await self._sleep(_FOREVER_SECONDS)


def _rest_of(outage: Outage, elapsed: float) -> float:
    """Return how many seconds of the outage are left; not above 0 outside it."""
    since = elapsed - outage.after_seconds
    if since < 0:
        return 0.0
    if outage.every_seconds:
        since %= outage.every_seconds
    return outage.lasts_seconds - since


def _pace(simulation: Simulation) -> float:
    return 1 / simulation.tokens_per_second if simulation.tokens_per_second > 0 else 0.0


def _answer(status: int, body: bytes, *more: tuple[str, str]) -> _Answer:
    return _Answer(status, (*_headers(_JSON), *more), _once(body))


def _headers(content_type: str) -> Headers:
    return (("content-type", content_type), SIMULATED_HEADER)


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
