"""A provider in memory that answers, fails, hangs or breaks as its script says, and notes what it was asked."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from fairlead_proxy.contract.config import Provider
from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.transport import Headers, Lane, Receiver

JSON = (("content-type", "application/json"),)
EVENTS = (("content-type", "text/event-stream"),)

HANG = float("inf")

Part = bytes | float | Exception
"""Of a body: bytes come at once, a number is a pause in seconds (HANG: for ever), an exception breaks it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a script. `after_seconds`: before the head; `refuses`: raised instead of a head."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = JSON
    body: Sequence[Part] = ()
    after_seconds: float = 0.0
    refuses: Exception | None = None


@dataclass(slots=True, eq=False)
class ScriptedErrand:
    """See Errand. `closed` and `read_whole` say how whoever sent it behaved."""

    answer: Answer
    closed: bool = False
    released: bool = False
    read_whole: bool = False
    has_head: bool = False
    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None

    async def play(self, receiver: Receiver) -> None:
        answer = self.answer
        self.flowing.set()
        await _pause(answer.after_seconds)
        if isinstance(answer.refuses, UpstreamFailure):
            return receiver.lost(answer.refuses)
        self.has_head = True
        receiver.head(answer.status, answer.headers)
        for part in answer.body:
            await self.flowing.wait()
            if self.over:
                return None
            if isinstance(part, UpstreamFailure):
                return receiver.lost(part)
            if isinstance(part, Exception):
                raise part
            if isinstance(part, bytes):
                receiver.chunk(part)
            else:
                await _pause(part)
        if not self.over:
            self.read_whole = True
            receiver.end()
        return None

    @property
    def over(self) -> bool:
        return self.closed or self.released

    def pause(self) -> None:
        self.flowing.clear()

    def resume(self) -> None:
        self.flowing.set()

    def release(self) -> None:
        self.released = True

    def close(self) -> None:
        self.closed = True
        task, self.task = self.task, None
        if task is not None and asyncio.current_task() is not task:
            task.cancel()


@dataclass(frozen=True, slots=True)
class Request:
    """What a provider was sent."""

    lane: Lane
    body: bytes
    more: Headers


@dataclass(slots=True)
class ScriptedTransport:
    """Plays its answers in order, the last one for ever. Serves as its own choice of transports, by provider id."""

    scripts: dict[str, list[Answer]]
    requests: list[Request] = field(default_factory=list)
    errands: list[ScriptedErrand] = field(default_factory=list)

    def for_provider(self, provider: Provider) -> "ScriptedTransport":
        return self

    def send(self, lane: Lane, body: bytes, receiver: Receiver, more: Headers = ()) -> ScriptedErrand:
        self.requests.append(Request(lane, body, more))
        script = self.scripts[lane.provider.id]
        errand = ScriptedErrand(script.pop(0) if len(script) > 1 else script[0])
        errand.task = asyncio.create_task(errand.play(receiver))
        self.errands.append(errand)
        return errand

    @property
    def cut(self) -> int:
        """Return how many errands were ended before their answer was whole."""
        return sum(errand.closed and not errand.read_whole for errand in self.errands)

    async def close(self) -> None:
        return

    def asked(self) -> list[str]:
        """Return the ids of the providers asked, in order."""
        return [request.lane.provider.id for request in self.requests]


def plain(text: str = "hello", *, after_seconds: float = 0.0) -> Answer:
    """Return a good plain answer of 10 input and 5 output tokens."""
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "upstream-model",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }
    return Answer(body=[json.dumps(body).encode()], after_seconds=after_seconds)


def chunk(content: str | None = None, *, finish: str | None = None) -> bytes:
    """Return one event of a stream."""
    delta = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "chatcmpl-1", "choices": [choice]}).encode() + b"\n\n"


ROLE = b'data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
USAGE = b'data: {"id":"chatcmpl-1","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5}}\n\n'
DONE = b"data: [DONE]\n\n"


def stream(*parts: Part, after_seconds: float = 0.0) -> Answer:
    """Return a streamed answer of these parts; without any, a good one."""
    good: tuple[Part, ...] = (ROLE, chunk("hel"), chunk("lo"), chunk(finish="stop"), USAGE, DONE)
    return Answer(headers=EVENTS, body=parts or good, after_seconds=after_seconds)


def error(status: int, code: str = "", *headers: tuple[str, str]) -> Answer:
    """Return an error in OpenAI's form."""
    body = {"error": {"message": "the vendor's own text, sk-secret", "type": "error", "code": code or None}}
    return Answer(status, (*JSON, *headers), [json.dumps(body).encode()])


def unreachable() -> Answer:
    return Answer(refuses=UpstreamFailure(FailureClass.UNREACHABLE, "connection refused"))


def hanging() -> Answer:
    return Answer(after_seconds=HANG)


async def _pause(seconds: float) -> None:
    if seconds == HANG:
        await asyncio.get_running_loop().create_future()
    elif seconds:
        await asyncio.sleep(seconds)
