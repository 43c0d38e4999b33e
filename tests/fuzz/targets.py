"""What is fuzzed: every parser and reader of bytes from outside, one function each, which lets two exceptions through.

`InvalidCall` refuses a caller's bytes, `UpstreamFailure` a provider's. A target catches the one that it may meet:
whatever else comes out of it is a bug, and so is what it asserts.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import takewhile

from doubles.dialect_samples import ASKED, MODELS, NOW, TALKERS
from doubles.event_lists import assert_in_order

from fairlead_proxy.contract.names import DialectName, Mode, Operation, ProviderType
from fairlead_proxy.dialects.bedrock.event_stream import DAMAGED, EventStreamParser
from fairlead_proxy.dialects.dialect import CallerDialect, FrameParser, InvalidCall, ProviderDialect
from fairlead_proxy.dialects.registry import CALLERS, passage_of, provider_dialect
from fairlead_proxy.dialects.sse import Event, SseParser
from fairlead_proxy.exchange.call import Named
from fairlead_proxy.exchange.completion import Ended, StreamEvent
from fairlead_proxy.exchange.errors import UpstreamFailure

Target = Callable[[bytes], None]

TYPE_OF = {
    DialectName.OPENAI_CHAT: ProviderType.OPENAI,
    DialectName.OPENAI_RESPONSES: ProviderType.OPENAI,
    DialectName.ANTHROPIC: ProviderType.ANTHROPIC,
    DialectName.GEMINI: ProviderType.GEMINI,
    DialectName.BEDROCK: ProviderType.BEDROCK,
}
"""A type of provider that each dialect is spoken to."""

_NAMED = Named("smart", Mode.PLAIN)
_CHUNK_BYTES = (1, 7, 64)
_JSON_ANSWER = (("content-type", "application/json"),)


def _speakers(operation: Operation) -> list[ProviderDialect]:
    """Return the dialects in which providers are asked for this."""
    counts = operation is Operation.COUNT_TOKENS
    names = [name for name in DialectName if not (counts and name is DialectName.OPENAI_CHAT)]
    return [provider_dialect(name, operation) for name in names]


def _operation_of(caller: CallerDialect) -> Operation:
    return Operation.COUNT_TOKENS if caller.operation is Operation.COUNT_TOKENS else Operation.CHAT


def fuzz_framing(open_parser: Callable[[], FrameParser], data: bytes) -> None:
    """Frames are the same however the bytes are cut, and every byte comes out in one of them, or is refused."""
    whole, refused = _frames(open_parser(), [data])
    for length in _CHUNK_BYTES:
        cut = _frames(open_parser(), [data[at : at + length] for at in range(0, len(data), length)])
        assert cut == (whole, refused)
    raw = b"".join(frame.raw for frame in whole)
    assert data.startswith(raw) if refused else data == raw


def fuzz_request(caller: CallerDialect, data: bytes) -> None:
    """A caller's request is refused, or read, and can be written for a provider of every dialect."""
    try:
        request = caller.read_request(data, _NAMED)
    except InvalidCall as invalid:
        json.loads(caller.render_error(invalid.answer))
        return
    assert request.prompt_tokens >= 0
    assert request.needs is not None
    operation = _operation_of(caller)
    for provider in _speakers(operation):
        passage = passage_of(caller, provider.name, TYPE_OF[provider.name])
        try:
            body = passage.rewrite_request(request, model=MODELS[provider.name], include_usage=True)
        except InvalidCall as invalid:
            json.loads(caller.render_error(invalid.answer))
            continue
        if caller.name is not provider.name:
            json.loads(body)


def fuzz_answer(provider: ProviderDialect, data: bytes) -> None:
    """A provider's answer is a failure of some class, or read, and can be told to a caller of every dialect."""
    for status in (200, 400, 429, 500):
        assert provider.classify(status, _JSON_ANSWER, data, NOW).failure
    assert provider.read_refusal(data).message is not None
    try:
        completion = provider.read_completion(data)
    except UpstreamFailure:
        return
    for caller in CALLERS:
        if _operation_of(caller) is provider.operation or provider.operation is not Operation.COUNT_TOKENS:
            json.loads(caller.write_completion(completion, request=ASKED[caller.name], now=NOW))


def fuzz_stream(provider: ProviderDialect, data: bytes) -> None:
    """A provider's stream fails, or is told in order to its end, to callers of every dialect."""
    events: list[StreamEvent] = []
    parser, reader = provider.open_parser(), provider.open_reader()
    with suppress(UpstreamFailure):
        for frame in [*parser.feed(data), *parser.finish()]:
            if frame.data is not None and not reader.ended:
                events += reader.take(frame)
        events += [] if reader.ended else reader.finish()
        assert reader.ended
        assert isinstance(events[-1], Ended)
    assert_in_order(events)
    for caller in TALKERS.values():
        relay = passage_of(caller, provider.name, TYPE_OF[provider.name]).open_relay(
            ASKED[caller.name], include_usage=True, now=NOW
        )
        with suppress(UpstreamFailure):
            sent = b"".join([relay.feed(data[:100]), relay.feed(data[100:]), relay.finish()])
            assert relay.ended
            assert relay.committed
            assert sent
        assert relay.usage_so_far(10).output_tokens >= 0


def _frames(parser: FrameParser, chunks: list[bytes]) -> tuple[list[Event], bool]:
    """Return the good frames, and whether anything was refused behind them."""
    frames: list[Event] = []
    refused = False
    try:
        for chunk in chunks:
            frames += parser.feed(chunk)
        frames += parser.finish()
    except UpstreamFailure:
        refused = True
    good = list(takewhile(lambda frame: frame.name != DAMAGED, frames))
    return good, refused or len(good) < len(frames)


def _targets() -> dict[str, Target]:
    targets: dict[str, Target] = {
        "sse": partial(fuzz_framing, SseParser),
        "event-stream": partial(fuzz_framing, EventStreamParser),
    }
    for caller in CALLERS:
        counts = "-count" if _operation_of(caller) is Operation.COUNT_TOKENS else ""
        targets[f"request-{caller.name}{counts}"] = partial(fuzz_request, caller)
    for provider in _speakers(Operation.CHAT):
        targets[f"answer-{provider.name}"] = partial(fuzz_answer, provider)
        targets[f"stream-{provider.name}"] = partial(fuzz_stream, provider)
    for provider in _speakers(Operation.COUNT_TOKENS):
        targets[f"answer-{provider.name}-count"] = partial(fuzz_answer, provider)
    return targets


TARGETS = _targets()
