"""A streamed chat answer of OpenAI's form on its way to the client: held until its first content, then untouched."""

import json
from typing import Any

import msgspec
from msgspec import Raw, Struct

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.dialects.dialect import BYTES_PER_TOKEN
from fairlead_proxy.dialects.openai_errors import failure_in_success, read_vendor_error, vendor_error_of
from fairlead_proxy.dialects.openai_usage import OpenAIUsage
from fairlead_proxy.dialects.sse import MAX_LINE_BYTES, Event, SseParser
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.exchange.outcome import Usage

MAX_HELD_BYTES = 64 * 1024
"""How much may come before the first content (design, section 11)."""

DONE = b"[DONE]"
_DONE_EVENT = b"data: [DONE]\n\n"

_NULL = Raw(b"null")
_NOTHING = frozenset({b"null", b'""', b"[]", b"{}", b"false"})
_CONTENT_FIELDS = ("content", "reasoning_content", "reasoning", "refusal", "tool_calls", "function_call", "audio")


class _Delta(Struct):
    """What a chunk adds; any of these counts as content unless it is empty."""

    content: Raw = _NULL
    reasoning_content: Raw = _NULL
    reasoning: Raw = _NULL
    refusal: Raw = _NULL
    tool_calls: Raw = _NULL
    function_call: Raw = _NULL
    audio: Raw = _NULL


class _Choice(Struct):
    index: int = 0
    delta: _Delta | None = None
    finish_reason: Raw = _NULL
    error: Raw = _NULL


class _Chunk(Struct):
    choices: list[_Choice] | None = None
    usage: OpenAIUsage | None = None
    error: Raw = _NULL


class _TokenDelta(Struct):
    content: str
    reasoning_content: None = None
    reasoning: None = None
    refusal: None = None
    tool_calls: None = None
    function_call: None = None
    audio: None = None


class _TokenChoice(Struct):
    delta: _TokenDelta
    index: int = 0
    finish_reason: None = None
    error: None = None


class _Token(Struct):
    """A chunk that brings some text for one choice and nothing else that is read: nearly every chunk there is."""

    choices: tuple[_TokenChoice]
    usage: None = None
    error: None = None


_CHUNK = msgspec.json.Decoder(_Chunk)
_TOKEN = msgspec.json.Decoder(_Token)


class OpenAIChatRelay:
    """See Relay. `hide_usage`: take out the chunk that only carries the token counts; the client did not ask for it."""

    def __init__(self, *, hide_usage: bool) -> None:
        self._hide_usage = hide_usage
        self._parser = SseParser()
        self._held = bytearray()
        self._open_choices: set[int] = set()
        self._finished_choices: set[int] = set()
        self._content_bytes = 0
        self._usage: Usage | None = None
        self._has_content = False
        self._committed = False
        self._ended = False

    @property
    def committed(self) -> bool:
        return self._committed

    @property
    def ended(self) -> bool:
        return self._ended

    @property
    def usage(self) -> Usage | None:
        return self._usage

    def usage_so_far(self, prompt_tokens: int) -> Usage:
        if self._usage is not None:
            return self._usage
        return Usage(prompt_tokens, -(-self._content_bytes // BYTES_PER_TOKEN), estimated=True)

    def take_rest(self) -> bytes:
        rest = bytes(self._held)
        self._held.clear()
        return rest

    def feed(self, chunk: bytes) -> bytes:
        if self._ended:
            return b""
        if self._committed and self._takes_token(chunk):
            return chunk
        return self._relay(self._parser.feed(chunk))

    def finish(self) -> bytes:
        """See Relay. Without `[DONE]` a clean end counts if every choice seen has told its finish reason; we add it."""
        if self._ended:
            return b""
        sent = self._relay(self._parser.finish())
        if self._ended:
            return sent
        if not self._finished_choices or self._open_choices:
            raise UpstreamFailure(FailureClass.STREAM_BROKEN, "the stream ended before its end", status=200)
        self._ended = True
        return sent + _DONE_EVENT

    def _takes_token(self, chunk: bytes) -> bool:
        """Take a chunk that is one event with an ordinary token; for any other return False, with nothing noted."""
        whole = chunk.startswith(b"data: ") and chunk.endswith(b"\n\n") and len(chunk) <= MAX_LINE_BYTES
        if not whole or not self._parser.between_events or chunk.count(b"\n") > 2 or b"\r" in chunk:
            return False
        try:
            token = _TOKEN.decode(memoryview(chunk)[6:-2])
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return False
        choice = token.choices[0]
        if choice.index not in self._open_choices:
            return False
        content = choice.delta.content
        self._content_bytes += len(content) if content.isascii() else len(content.encode())
        return True

    def _relay(self, events: list[Event]) -> bytes:
        for event in events:
            self._take(event)
            if self._ended:
                break
        if self._has_content:
            self._committed = True
            return self.take_rest()
        if len(self._held) > MAX_HELD_BYTES:
            raise UpstreamFailure(FailureClass.MALFORMED_RESPONSE, "too much came before any content", status=200)
        return b""

    def _take(self, event: Event) -> None:
        """Note what an event says, and hold it for sending."""
        if event.data is not None:
            if event.data.strip() == DONE:
                self._take_done()
            elif not self._take_chunk(event):
                return
        self._held += event.raw
        if event.data is not None and not event.whole:
            self._held += b"\n\n"

    def _take_done(self) -> None:
        if not self._has_content:
            raise UpstreamFailure(FailureClass.MALFORMED_RESPONSE, "the stream ended without content", status=200)
        self._ended = True

    def _take_chunk(self, event: Event) -> bool:
        """Read a chunk; return whether it goes to the client. Raises the failure that an error in it means."""
        data = event.data or b""
        if event.name == b"error":
            raise _failure_of(data)
        try:
            chunk = _read_chunk(data)
        except ValueError:
            if event.whole:
                raise UpstreamFailure(FailureClass.MALFORMED_RESPONSE, "a chunk is not JSON", status=200) from None
            raise UpstreamFailure(FailureClass.STREAM_BROKEN, "the stream was cut in a chunk", status=200) from None
        if not _is_nothing(chunk.error):
            raise _failure_of(bytes(chunk.error))
        if chunk.choices is None and chunk.usage is None and read_vendor_error(data) is not None:
            raise _failure_of(data)
        if chunk.usage is not None:
            self._usage = chunk.usage.to_usage()
        for choice in chunk.choices or ():
            self._take_choice(choice)
        return not (self._hide_usage and chunk.usage is not None and not chunk.choices)

    def _take_choice(self, choice: _Choice) -> None:
        if not _is_nothing(choice.error):
            raise _failure_of(bytes(choice.error))
        content = _content_length(choice.delta) if choice.delta else 0
        self._content_bytes += content
        if not _is_nothing(choice.finish_reason):
            self._finished_choices.add(choice.index)
            self._open_choices.discard(choice.index)
            self._has_content = True
        elif choice.index not in self._finished_choices:
            self._open_choices.add(choice.index)
        if content:
            self._has_content = True


def _content_length(delta: _Delta) -> int:
    """Return about how many bytes of content a delta brings; 0 only if it brings none."""
    length = 0
    for raw in (
        delta.content,
        delta.reasoning_content,
        delta.reasoning,
        delta.refusal,
        delta.tool_calls,
        delta.function_call,
        delta.audio,
    ):
        if not _is_nothing(raw):
            value = bytes(raw)
            length += len(value) - 2 if value.startswith(b'"') else len(value)
    return length


def _read_chunk(data: bytes) -> _Chunk:
    """Read a chunk; raise ValueError if it is no JSON object. A part of another type than expected is left out."""
    try:
        return _CHUNK.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return _read_odd_chunk(data)


def _read_odd_chunk(data: bytes) -> _Chunk:
    try:
        decoded: Any = json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(decoded, dict):
        raise ValueError("not an object")
    choices = decoded.get("choices")
    return _Chunk(
        choices=[_odd_choice(item) for item in choices if isinstance(item, dict)]
        if isinstance(choices, list)
        else None,
        usage=_odd_usage(decoded.get("usage")),
        error=_raw(decoded.get("error")),
    )


def _odd_choice(choice: dict[str, Any]) -> _Choice:
    index, delta = choice.get("index"), choice.get("delta")
    return _Choice(
        index=index if isinstance(index, int) else 0,
        delta=_Delta(*(_raw(delta.get(name)) for name in _CONTENT_FIELDS)) if isinstance(delta, dict) else None,
        finish_reason=_raw(choice.get("finish_reason")),
        error=_raw(choice.get("error")),
    )


def _odd_usage(usage: object) -> OpenAIUsage | None:
    try:
        return msgspec.convert(usage, OpenAIUsage | None)
    except msgspec.ValidationError:
        return None


def _raw(value: object) -> Raw:
    return Raw(json.dumps(value).encode())


def _is_nothing(raw: Raw) -> bool:
    return raw is _NULL or bytes(raw) in _NOTHING


def _failure_of(data: bytes) -> UpstreamFailure:
    """Return the failure that an error inside the stream means: an object, alone or under `error`, or mere text."""
    try:
        error: Any = json.loads(data)
    except (ValueError, RecursionError):
        error = data.decode(errors="replace")
    if isinstance(error, dict) and error.get("error"):
        error = error["error"]
    return failure_in_success(vendor_error_of(error), json.dumps({"error": error}).encode(), "stream")
