"""What a request in Anthropic's form asks of a target: how much text there is to read, and what it must be able to."""

from collections.abc import Iterable

import msgspec
from msgspec import Raw, Struct

from fairlead_proxy.dialects.anthropic.given import decode_body
from fairlead_proxy.dialects.json_text import UNREADABLE
from fairlead_proxy.dialects.raw_values import NULL, is_given, utf8_length

_NO_NEEDS: frozenset[str] = frozenset()
_IMAGE = b'"image"'


class _Block(Struct):
    """What is read of a block; whatever a type does not have is absent."""

    type: str = ""
    text: Raw = NULL
    thinking: Raw = NULL
    input: Raw = NULL
    content: Raw = NULL
    source: Raw = NULL


class _Message(Struct):
    content: Raw = NULL


class _Source(Struct):
    type: str = ""
    data: Raw = NULL
    content: Raw = NULL


class _Kind(Struct):
    type: str = ""
    effort: str | None = None
    format: Raw = NULL


_MESSAGES = msgspec.json.Decoder(list[_Message])
_BLOCKS = msgspec.json.Decoder(list[_Block])
_SOURCE = msgspec.json.Decoder(_Source)
_KIND = msgspec.json.Decoder(_Kind)
_TEXT = msgspec.json.Decoder(str)


def count_text_bytes(body: bytes) -> int:
    """Return the bytes of text in the system prompt, messages and tools of a request that has been read."""
    members = decode_body(body)
    tools = members.get("tools", NULL)
    counted = len(memoryview(tools)) if is_given(tools) else 0
    return counted + _bytes_of_content(members.get("system", NULL)) + _bytes_of_messages(members.get("messages", NULL))


def needs_of(body: bytes, members: dict[str, Raw]) -> frozenset[str]:
    """Return what a target must be capable of to serve this, by the names that ModelProvider gives capabilities."""
    needs = set()
    if is_given(members.get("tools", NULL)):
        needs.add("tools")
    config, thinking = _kind_of(members.get("output_config", NULL)), _kind_of(members.get("thinking", NULL))
    if config.effort is not None and thinking.type != "disabled":
        needs.add("reasoning")
    if thinking.type in ("enabled", "adaptive"):
        needs.add("reasoning")
    if is_given(config.format) or _kind_of(members.get("output_format", NULL)).type == "json_schema":
        needs.add("jsonSchema")
    if _IMAGE in body and _has_image(members.get("messages", NULL)):
        needs.add("vision")
    return frozenset(needs) if needs else _NO_NEEDS


def _kind_of(value: Raw) -> _Kind:
    """Return what a small object says; nothing, where it is of another form: that is the provider's to refuse."""
    try:
        return _KIND.decode(value)
    except UNREADABLE:
        return _Kind()


def _bytes_of_messages(messages: Raw) -> int:
    """Return the bytes of text; what is not of the form counts whole."""
    try:
        decoded = _MESSAGES.decode(messages)
    except UNREADABLE:
        return len(memoryview(messages))
    return sum(_bytes_of_content(message.content) for message in decoded)


def _bytes_of_content(content: Raw) -> int:
    if content is NULL:
        return 0
    if bytes(memoryview(content)[:1]) == b'"':
        return _bytes_of_text(content)
    try:
        return sum(_bytes_of_block(block) for block in _BLOCKS.decode(content))
    except UNREADABLE:
        return len(memoryview(content))


def _bytes_of_block(block: _Block) -> int:
    counted = _bytes_of_text(block.text) + _bytes_of_text(block.thinking)
    if block.input is not NULL:
        counted += len(memoryview(block.input))
    if block.content is not NULL:
        counted += _bytes_of_content(block.content)
    if block.source is not NULL and block.type == "document":
        source = _source_of(block.source)
        if source.type == "text":
            counted += _bytes_of_text(source.data)
        elif source.type == "content":
            counted += _bytes_of_content(source.content)
    return counted


def _bytes_of_text(text: Raw) -> int:
    if text is NULL:
        return 0
    try:
        return utf8_length(_TEXT.decode(text))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return len(memoryview(text))


def _source_of(source: Raw) -> _Source:
    try:
        return _SOURCE.decode(source)
    except UNREADABLE:
        return _Source()


def _has_image(messages: Raw) -> bool:
    try:
        return any(_is_image(block) for message in _MESSAGES.decode(messages) for block in _blocks_in(message.content))
    except UNREADABLE:
        return False


def _is_image(block: _Block) -> bool:
    if block.type == "image":
        return True
    inner = block.content
    if block.type == "document" and block.source is not NULL:
        inner = _source_of(block.source).content
    return any(_is_image(each) for each in _blocks_in(inner))


def _blocks_in(content: Raw) -> Iterable[_Block]:
    if content is NULL or bytes(memoryview(content)[:1]) != b"[" or _IMAGE not in bytes(content):
        return ()
    return _BLOCKS.decode(content)
