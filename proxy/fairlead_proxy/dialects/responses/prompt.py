"""What a request of the Responses API asks of a target: how much text there is to read, and what it must be able to."""

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead_proxy.dialects.json_text import UNREADABLE, decode_whole
from fairlead_proxy.dialects.raw_values import NULL, given_bytes, is_given, utf8_length


class Peek(Struct):
    """The members that are read; Raw where a value of another type is the provider's to refuse."""

    model: str | UnsetType = UNSET
    input: Raw = NULL
    instructions: Raw = NULL
    stream: bool | None = None
    tools: Raw = NULL
    text: Raw = NULL
    reasoning: Raw = NULL
    max_output_tokens: Raw = NULL
    previous_response_id: Raw = NULL
    conversation: Raw = NULL
    prompt: Raw = NULL


class _Part(Struct):
    type: str = ""
    text: str | None = None
    refusal: str | None = None


class _Item(Struct):
    content: str | list[_Part] | None = None
    output: str | list[_Part] | None = None
    arguments: str | None = None


class _Format(Struct):
    type: str = ""


class _Text(Struct):
    format: _Format | None = None


class _Reasoning(Struct):
    effort: str | None = None
    summary: str | None = None


READ_FIELDS = frozenset(Peek.__struct_fields__)
_NEED_OF_PART = {"input_image": "vision", "input_audio": "audio"}

_PEEK = msgspec.json.Decoder(Peek)
_INPUT: msgspec.json.Decoder[str | list[_Item]] = msgspec.json.Decoder(str | list[_Item])
_INSTRUCTIONS: msgspec.json.Decoder[str | None] = msgspec.json.Decoder(str | None)
_TEXT: msgspec.json.Decoder[_Text | None] = msgspec.json.Decoder(_Text | None)
_REASONING: msgspec.json.Decoder[_Reasoning | None] = msgspec.json.Decoder(_Reasoning | None)


def peek_at(body: bytes) -> Peek:
    """Decode the body as far as it is read; raise what msgspec does. What is sent is the original."""
    return decode_whole(_PEEK, body)


def count_text_bytes(body: bytes) -> int:
    """Return the bytes of text in the input, instructions and tools of a request that has been read."""
    peek = peek_at(body)
    text_bytes = _read_input(peek.input)[0] + given_bytes(peek.tools)
    try:
        return text_bytes + utf8_length(_INSTRUCTIONS.decode(peek.instructions) or "")
    except UNREADABLE:
        return text_bytes + len(bytes(peek.instructions))


def needs_of(peek: Peek) -> frozenset[str]:
    """Return what a target must be capable of to serve this."""
    needs = _read_input(peek.input)[1]
    if is_given(peek.tools):
        needs.add("tools")
    if _wants_schema(peek.text):
        needs.add("jsonSchema")
    if _wants_reasoning(peek.reasoning):
        needs.add("reasoning")
    return frozenset(needs)


def _read_input(raw: Raw) -> tuple[int, set[str]]:
    """Return the bytes of text, and the needs that the parts show. What is not of the form counts whole."""
    if raw is NULL:
        return 0, set()
    try:
        decoded = _INPUT.decode(raw)
    except UNREADABLE:
        return len(memoryview(raw)), set()
    if isinstance(decoded, str):
        return utf8_length(decoded), set()
    text_bytes = 0
    needs: set[str] = set()
    for item in decoded:
        text_bytes += utf8_length(item.arguments or "")
        for content in (item.content, item.output):
            if isinstance(content, str):
                text_bytes += utf8_length(content)
            elif content is not None:
                for part in content:
                    text_bytes += utf8_length(part.text or part.refusal or "")
                    if part.type in _NEED_OF_PART:
                        needs.add(_NEED_OF_PART[part.type])
    return text_bytes, needs


def _wants_schema(raw: Raw) -> bool:
    try:
        text = _TEXT.decode(raw)
    except UNREADABLE:
        return False
    return text is not None and text.format is not None and text.format.type == "json_schema"


def _wants_reasoning(raw: Raw) -> bool:
    try:
        reasoning = _REASONING.decode(raw)
    except UNREADABLE:
        return is_given(raw)
    return reasoning is not None and reasoning.effort != "none" and bool(reasoning.effort or reasoning.summary)
