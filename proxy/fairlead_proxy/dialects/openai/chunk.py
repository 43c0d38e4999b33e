"""One chunk of a streamed chat answer of OpenAI's form: what it brings, whatever its shape."""

import json
from typing import Any

import msgspec
from msgspec import Raw, Struct

from fairlead_proxy.dialects.openai.errors import failure_in_success, vendor_error_of
from fairlead_proxy.dialects.openai.usage import OpenAIUsage
from fairlead_proxy.dialects.raw_values import EMPTY, NULL, utf8_length
from fairlead_proxy.exchange.errors import UpstreamFailure

_CONTENT_FIELDS = (
    "content", "reasoning_content", "reasoning", "refusal", "tool_calls", "function_call", "audio", "images",
)  # fmt: skip


class Delta(Struct):
    """What a chunk adds; any of these counts as content unless it is empty.

    `images`: https://openrouter.ai/docs/features/multimodal/image-generation
    """

    content: Raw = NULL
    reasoning_content: Raw = NULL
    reasoning: Raw = NULL
    refusal: Raw = NULL
    tool_calls: Raw = NULL
    function_call: Raw = NULL
    audio: Raw = NULL
    images: Raw = NULL


class Choice(Struct):
    index: int = 0
    delta: Delta | None = None
    finish_reason: Raw = NULL
    error: Raw = NULL


class Chunk(Struct):
    choices: list[Choice] | None = None
    usage: OpenAIUsage | None = None
    error: Raw = NULL


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


class Token(Struct):
    """A chunk that brings some text for one choice and nothing else that is read: nearly every chunk there is."""

    choices: tuple[_TokenChoice]
    usage: None = None
    error: None = None


_CHUNK = msgspec.json.Decoder(Chunk)
TOKEN = msgspec.json.Decoder(Token)
TEXT = msgspec.json.Decoder(str)


def read_chunk(data: bytes) -> Chunk:
    """Read a chunk; raise ValueError if it is no JSON object. A part of another type than expected is left out."""
    try:
        return _CHUNK.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return _read_odd_chunk(data)


def content_length(delta: Delta) -> int:
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
        delta.images,
    ):
        if raw is not NULL:
            value = bytes(raw)
            if value not in EMPTY:
                length += _length_of(value)
    return length


def failure_in_stream(data: bytes) -> UpstreamFailure:
    """Return the failure that an error inside the stream means: an object, alone or under `error`, or mere text."""
    try:
        error: Any = json.loads(data)
    except (ValueError, RecursionError):
        error = data.decode(errors="replace")
    if isinstance(error, dict) and error.get("error"):
        error = error["error"]
    return failure_in_success(vendor_error_of(error), json.dumps({"error": error}).encode(), "stream")


def _length_of(value: bytes) -> int:
    if not value.startswith(b'"'):
        return len(value)
    if b"\\" in value:
        try:
            return utf8_length(TEXT.decode(value))
        except (msgspec.DecodeError, UnicodeDecodeError):  # half of a surrogate pair, or not UTF-8
            pass
    return len(value) - 2


def _read_odd_chunk(data: bytes) -> Chunk:
    try:
        decoded: Any = json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(decoded, dict):
        raise ValueError("not an object")
    choices = decoded.get("choices")
    return Chunk(
        choices=[_odd_choice(item) for item in choices if isinstance(item, dict)]
        if isinstance(choices, list)
        else None,
        usage=_odd_usage(decoded.get("usage")),
        error=_raw(decoded.get("error")),
    )


def _odd_choice(choice: dict[str, Any]) -> Choice:
    index, delta = choice.get("index"), choice.get("delta")
    return Choice(
        index=index if isinstance(index, int) else 0,
        delta=Delta(*(_raw(delta.get(name)) for name in _CONTENT_FIELDS)) if isinstance(delta, dict) else None,
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
