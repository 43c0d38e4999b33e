"""What a chat request asks of a target: how much text there is to read, and what it must be able to do."""

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead_proxy.dialects.json_text import decode_whole
from fairlead_proxy.dialects.raw_values import NULL, given_bytes, is_given, utf8_length


class _StreamOptions(Struct):
    include_usage: bool | None = None


class _ResponseFormat(Struct):
    type: str = ""


class Peek(Struct):
    """The members that are read; Raw where a value of another type is the provider's to refuse."""

    model: str | UnsetType = UNSET
    messages: Raw | UnsetType = UNSET
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    tools: Raw = NULL
    functions: Raw = NULL
    response_format: Raw = NULL
    reasoning_effort: Raw = NULL
    reasoning: Raw = NULL
    modalities: Raw = NULL
    audio: Raw = NULL
    max_completion_tokens: Raw = NULL
    max_tokens: Raw = NULL


class _Part(Struct):
    type: str = ""
    text: str | None = None
    refusal: str | None = None


class _Message(Struct):
    content: str | list[_Part] | None = None


class _Content(Struct):
    content: Raw


READ_FIELDS = frozenset(Peek.__struct_fields__)
NO_NEEDS: frozenset[str] = frozenset()
_NEED_OF_PART = {"image_url": "vision", "input_image": "vision", "image": "vision", "input_audio": "audio"}

CONTENTS = msgspec.json.Decoder(list[_Content])
_PEEK = msgspec.json.Decoder(Peek)
_MESSAGES = msgspec.json.Decoder(list[_Message])
_FORMAT: msgspec.json.Decoder[_ResponseFormat | None] = msgspec.json.Decoder(_ResponseFormat | None)


def peek_at(body: bytes) -> Peek:
    """Decode the body as far as it is read; raise what msgspec does. What is sent is the original."""
    return decode_whole(_PEEK, body)


def count_text_bytes(body: bytes) -> int:
    """Return the bytes of text in the messages and tools of a request that has been read."""
    peek = peek_at(body)
    text_bytes, _ = _read_messages(peek.messages) if peek.messages is not UNSET else (0, None)
    return text_bytes + given_bytes(peek.tools) + given_bytes(peek.functions)


def needs_of(peek: Peek) -> frozenset[str]:
    """Return what a target must be capable of to serve this."""
    needs = _read_messages(peek.messages)[1] if peek.messages is not UNSET else set()
    if is_given(peek.tools) or is_given(peek.functions):
        needs.add("tools")
    if _format_of(peek.response_format) == "json_schema":
        needs.add("jsonSchema")
    if is_given(peek.reasoning) or (is_given(peek.reasoning_effort) and bytes(peek.reasoning_effort) != b'"none"'):
        needs.add("reasoning")
    if is_given(peek.audio) or (is_given(peek.modalities) and b'"audio"' in bytes(peek.modalities)):
        needs.add("audio")
    return frozenset(needs) if needs else NO_NEEDS


def _read_messages(messages: Raw) -> tuple[int, set[str]]:
    """Return the bytes of text, and the needs that the parts show. What is not of the form counts whole."""
    try:
        decoded = _MESSAGES.decode(messages)
    except (msgspec.MsgspecError, RecursionError):
        return len(memoryview(messages)), set()
    text_bytes = 0
    needs: set[str] = set()
    for message in decoded:
        content = message.content
        if isinstance(content, str):
            text_bytes += utf8_length(content)
        elif content is not None:
            for part in content:
                text_bytes += utf8_length(part.text or part.refusal or "")
                if part.type in _NEED_OF_PART:
                    needs.add(_NEED_OF_PART[part.type])
    return text_bytes, needs


def _format_of(raw: Raw) -> str:
    if raw is NULL:
        return ""
    try:
        decoded = _FORMAT.decode(raw)
    except (msgspec.MsgspecError, RecursionError):
        return ""
    return decoded.type if decoded else ""
