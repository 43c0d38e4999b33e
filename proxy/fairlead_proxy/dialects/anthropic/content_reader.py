"""Reading the content of a message in Anthropic's form: its blocks, as parts of a turn."""

import base64
from collections.abc import Iterable

from msgspec import structs

from fairlead_proxy.dialects.anthropic.citations import read_citation
from fairlead_proxy.dialects.anthropic.given import Block
from fairlead_proxy.dialects.anthropic.thoughts import OWN, read_call_seal, read_redacted, read_thinking
from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.dialects.media_types import PDF, PLAIN_TEXT
from fairlead_proxy.dialects.notes import Notes
from fairlead_proxy.dialects.told_json import objects_of, texts_in
from fairlead_proxy.exchange.conversation import (
    CacheHint,
    Citation,
    Media,
    MediaKind,
    Part,
    Reasoning,
    Seal,
    Text,
    ToolCall,
    ToolResult,
)

_LONGEST_TYPE = 64


class ContentReader:
    """Reads one message after the other: a tool's result finds the name of its tool in the calls before it."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._tool_of_call: dict[str, str] = {}

    def read(self, message: Block) -> tuple[Part, ...]:
        """Return the parts of a message's content, which is a text or a list of blocks; raise InvalidCall.

        Source: https://docs.anthropic.com/en/api/messages, "messages"
        """
        if message.is_text("content"):
            return (Text(message.needed_text("content", may_be_empty=True)),)
        parts: list[Part] = []
        seals: dict[str, Seal] = {}
        for block in message.objects("content"):
            parts += self._read_block(block, seals)
            block.leave_rest_out(self._notes)
        if not seals:
            return tuple(parts)
        return tuple(
            structs.replace(part, seal=seals[part.id]) if isinstance(part, ToolCall) and part.id in seals else part
            for part in parts
        )

    def read_texts(self, owner: Block, name: str) -> tuple[Part, ...]:
        """Return the parts of instructions, which are a text or a list of text blocks; raise InvalidCall."""
        if owner.is_text(name):
            return (Text(owner.needed_text(name, may_be_empty=True)),)
        parts: list[Part] = []
        for block in owner.objects(name):
            if block.needed_text("type") != "text":
                raise InvalidCall(
                    f"'{block.path}.type' must be text, the only type that a system prompt has", block.path
                )
            parts.append(self._read_text(block))
            block.leave_rest_out(self._notes)
        return tuple(parts)

    def _read_block(self, block: Block, seals: dict[str, Seal]) -> Iterable[Part]:
        match block.needed_text("type"):
            case "text" | "image" | "document" as kind:
                return self._read_visible(block, kind)
            case "thinking":
                return (read_thinking(block.needed_text("thinking", may_be_empty=True), block.text("signature")),)
            case "redacted_thinking":
                return _read_redacted(block, seals)
            case "tool_use":
                return (self._read_call(block),)
            case "tool_result":
                return (self._read_result(block),)
            case kind:
                self._bind_to(kind, block)
                return ()

    def _read_visible(self, block: Block, kind: str) -> tuple[Text | Media, ...]:
        match kind:
            case "text":
                return (self._read_text(block),)
            case "image":
                return (self._read_image(block),)
            case "document":
                return self._read_document(block)
            case _:
                self._bind_to(kind, block)
                return ()

    def _read_text(self, block: Block) -> Text:
        text = block.needed_text("text", may_be_empty=True)
        return Text(text, read_cache(block, self._notes), tuple(_citations_of(block)))

    def _bind_to(self, kind: str, block: Block) -> None:
        """Note a block that only the vendor knows what to do with: what its own tools found, a search result, …"""
        plain = kind.isascii() and kind.isidentifier() and len(kind) <= _LONGEST_TYPE
        self._notes.bind_to(f"content of the type {kind}" if plain else "content of an unknown type")
        block.pass_over(*block.names())

    def _read_image(self, block: Block) -> Media:
        source = _source_of(block)
        cache = read_cache(block, self._notes)
        match source.needed_text("type"):
            case "base64":
                data, media_type = (
                    source.needed_text("data", may_be_empty=True),
                    source.needed_text("media_type", may_be_empty=True),
                )
                media = Media(MediaKind.IMAGE, media_type, data=data, cache=cache)
            case "url":
                media = Media(MediaKind.IMAGE, url=source.needed_text("url", may_be_empty=True), cache=cache)
            case "file":
                media = Media(
                    MediaKind.IMAGE, file_id=source.needed_text("file_id", may_be_empty=True), origin=OWN, cache=cache
                )
            case _:
                raise source.refuse_choice("type", "base64, url or file")
        source.leave_rest_out(self._notes)
        return media

    def _read_document(self, block: Block) -> tuple[Text | Media, ...]:
        """Return the document; one that is made of blocks, as these."""
        source = _source_of(block)
        name, cache = block.text("title"), read_cache(block, self._notes)
        media = Media(MediaKind.FILE, name=name, cache=cache)
        match source.needed_text("type"):
            case "base64":
                media_type = source.text("media_type") or PDF
                media = structs.replace(
                    media, media_type=media_type, data=source.needed_text("data", may_be_empty=True)
                )
            case "text":
                source.pass_over("media_type")
                media = structs.replace(
                    media, media_type=PLAIN_TEXT, data=_packed(source.needed_text("data", may_be_empty=True))
                )
            case "url":
                media = structs.replace(media, media_type=PDF, url=source.needed_text("url", may_be_empty=True))
            case "file":
                media = structs.replace(media, file_id=source.needed_text("file_id", may_be_empty=True), origin=OWN)
            case "content":
                source.pass_over("content")
                source.leave_rest_out(self._notes)
                if source.is_text("content"):
                    text = source.needed_text("content", may_be_empty=True)
                    return (structs.replace(media, media_type=PLAIN_TEXT, data=_packed(text)),)
                block.leave_out("title", self._notes)
                return self._read_inner(source, cache)
            case _:
                raise source.refuse_choice("type", "base64, text, url, file or content")
        source.leave_rest_out(self._notes)
        return (media,)

    def _read_inner(self, owner: Block, cache: CacheHint | None) -> tuple[Text | Media, ...]:
        parts: list[Text | Media] = []
        for inner in owner.objects("content"):
            parts += self._read_visible(inner, inner.needed_text("type"))
            inner.leave_rest_out(self._notes)
        if parts and cache is not None:
            parts[-1] = structs.replace(parts[-1], cache=cache)
        return tuple(parts)

    def _read_call(self, block: Block) -> ToolCall:
        id_, name = block.needed_text("id"), block.needed_text("name", may_be_empty=True)
        self._tool_of_call[id_] = name
        caller = block.inner("caller")
        if caller is not None and caller.text("type") != "direct":
            self._notes.bind_to("a tool call by code that Anthropic itself runs")
        if block.text("toolset_name") is not None:
            self._notes.bind_to("a toolset, which Anthropic itself defines")
        return ToolCall(id_, name, block.json_text("input") or "{}", cache=read_cache(block, self._notes))

    def _read_result(self, block: Block) -> ToolResult:
        call_id = block.needed_text("tool_use_id", may_be_empty=True)
        if block.is_text("content"):
            parts: tuple[Text | Media, ...] = (Text(block.needed_text("content", may_be_empty=True)),)
        else:
            parts = self._read_inner(block, None)
        block.pass_over("toolset_name")
        name = self._tool_of_call.get(call_id, "")
        return ToolResult(call_id, name, parts, bool(block.flag("is_error")), read_cache(block, self._notes))


def read_cache(block: Block, notes: Notes) -> CacheHint | None:
    """Return the hint of a block or a tool. Source: https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching"""
    hint = block.inner("cache_control")
    if hint is None:
        return None
    hint.pass_over("type")
    ttl = hint.text("ttl")
    hint.leave_rest_out(notes)
    return CacheHint(ttl)


def _citations_of(block: Block) -> Iterable[Citation]:
    for item in objects_of(block.take("citations")):
        citation = read_citation(texts_in(item))
        if citation is not None:
            yield citation


def _read_redacted(block: Block, seals: dict[str, Seal]) -> tuple[Reasoning, ...]:
    data = block.needed_text("data", may_be_empty=True)
    of_call = read_call_seal(data)
    if of_call is None:
        return (read_redacted(data),)
    call_id, seal = of_call
    seals[call_id] = seal
    return ()


def _source_of(block: Block) -> Block:
    source = block.inner("source")
    if source is None:
        raise block.refuse_choice("source", "an object")
    return source


def _packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
