"""Reading the content of a message in Anthropic's form: its blocks, as parts of a turn."""

import base64
from collections.abc import Iterable

from msgspec import Raw, structs

from fairlead_proxy.dialects.anthropic.citations import read_citation
from fairlead_proxy.dialects.anthropic.members import (
    Members,
    Notes,
    is_text,
    items_of,
    members_of_item,
    text_of,
)
from fairlead_proxy.dialects.anthropic.thoughts import OWN, read_call_seal, read_redacted, read_thinking
from fairlead_proxy.dialects.dialect import InvalidCall
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

_PDF, _PLAIN_TEXT = "application/pdf", "text/plain"
_LONGEST_TYPE = 64


class ContentReader:
    """Reads one message after the other: a tool's result finds the name of its tool in the calls before it."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._tool_of_call: dict[str, str] = {}

    def read(self, content: Raw, path: str) -> tuple[Part, ...]:
        """Return the parts of a message's content, which is a text or a list of blocks; raise InvalidCall.

        Source: https://docs.anthropic.com/en/api/messages, "messages"
        """
        if is_text(content):
            return (Text(text_of(content, path)),)
        parts: list[Part] = []
        seals: dict[str, Seal] = {}
        for block in self._blocks(content, path):
            parts += self._read_block(block, seals)
            block.finish()
        if not seals:
            return tuple(parts)
        return tuple(
            structs.replace(part, seal=seals[part.id]) if isinstance(part, ToolCall) and part.id in seals else part
            for part in parts
        )

    def read_texts(self, content: Raw, path: str) -> tuple[Part, ...]:
        """Return the parts of instructions, which are a text or a list of text blocks; raise InvalidCall."""
        if is_text(content):
            return (Text(text_of(content, path)),)
        parts: list[Part] = []
        for block in self._blocks(content, path):
            kind = block.needed_text("type")
            if kind != "text":
                raise InvalidCall(f"{block.path}.type: a system prompt holds blocks of the type text only", block.path)
            parts.append(_read_text(block))
            block.finish()
        return tuple(parts)

    def _blocks(self, content: Raw, path: str) -> Iterable[Members]:
        for place, item in enumerate(items_of(content, path)):
            yield members_of_item(item, f"{path}.{place}", self._notes)

    def _read_block(self, block: Members, seals: dict[str, Seal]) -> Iterable[Part]:
        match block.needed_text("type"):
            case "text" | "image" | "document" as kind:
                return self._read_visible(block, kind)
            case "thinking":
                return (read_thinking(block.needed_text("thinking"), block.text("signature")),)
            case "redacted_thinking":
                return _read_redacted(block, seals)
            case "tool_use":
                return (self._read_call(block),)
            case "tool_result":
                return (self._read_result(block),)
            case kind:
                self._bind_to(kind, block)
                return ()

    def _read_visible(self, block: Members, kind: str) -> tuple[Text | Media, ...]:
        match kind:
            case "text":
                return (_read_text(block),)
            case "image":
                return (self._read_image(block),)
            case "document":
                return self._read_document(block)
            case _:
                self._bind_to(kind, block)
                return ()

    def _bind_to(self, kind: str, block: Members) -> None:
        """Note a block that only the vendor knows what to do with: what its own tools found, a search result, …"""
        plain = kind.isascii() and kind.isidentifier() and len(kind) <= _LONGEST_TYPE
        self._notes.bound_to.add(f"content of the type {kind}" if plain else "content of an unknown type")
        block.pass_over(*block.names())

    def _read_image(self, block: Members) -> Media:
        source = _source_of(block)
        cache = read_cache(block)
        match source.needed_text("type"):
            case "base64":
                data, media_type = source.needed_text("data"), source.needed_text("media_type")
                media = Media(MediaKind.IMAGE, media_type, data=data, cache=cache)
            case "url":
                media = Media(MediaKind.IMAGE, url=source.needed_text("url"), cache=cache)
            case "file":
                media = Media(MediaKind.IMAGE, file_id=source.needed_text("file_id"), origin=OWN, cache=cache)
            case _:
                raise _unknown_source(source, "base64, url or file")
        source.finish()
        return media

    def _read_document(self, block: Members) -> tuple[Text | Media, ...]:
        """Return the document; one that is made of blocks, as these."""
        source = _source_of(block)
        name, cache = block.text("title"), read_cache(block)
        media = Media(MediaKind.FILE, name=name, cache=cache)
        match source.needed_text("type"):
            case "base64":
                media_type = source.text("media_type") or _PDF
                media = structs.replace(media, media_type=media_type, data=source.needed_text("data"))
            case "text":
                source.pass_over("media_type")
                media = structs.replace(media, media_type=_PLAIN_TEXT, data=_packed(source.needed_text("data")))
            case "url":
                media = structs.replace(media, media_type=_PDF, url=source.needed_text("url"))
            case "file":
                media = structs.replace(media, file_id=source.needed_text("file_id"), origin=OWN)
            case "content":
                content = source.raw("content")
                source.finish()
                if content is not None and is_text(content):
                    text = text_of(content, source.path_of("content"))
                    return (structs.replace(media, media_type=_PLAIN_TEXT, data=_packed(text)),)
                block.leave_out("title")
                return self._read_inner(content, source.path_of("content"), cache)
            case _:
                raise _unknown_source(source, "base64, text, url, file or content")
        source.finish()
        return (media,)

    def _read_inner(self, content: Raw | None, path: str, cache: CacheHint | None) -> tuple[Text | Media, ...]:
        parts: list[Text | Media] = []
        for inner in self._blocks(content, path) if content is not None else ():
            parts += self._read_visible(inner, inner.needed_text("type"))
            inner.finish()
        if parts and cache is not None:
            parts[-1] = structs.replace(parts[-1], cache=cache)
        return tuple(parts)

    def _read_call(self, block: Members) -> ToolCall:
        id_, name = block.needed_text("id"), block.needed_text("name")
        if not id_:
            raise InvalidCall(f"{block.path}.id: a call needs an id, which its result repeats", block.path_of("id"))
        self._tool_of_call[id_] = name
        caller = block.inner("caller")
        if caller is not None and caller.text("type") != "direct":
            self._notes.bound_to.add("a tool call by code that Anthropic itself runs")
        if block.text("toolset_name") is not None:
            self._notes.bound_to.add("a toolset, which Anthropic itself defines")
        return ToolCall(id_, name, block.json_text("input") or "{}", cache=read_cache(block))

    def _read_result(self, block: Members) -> ToolResult:
        call_id = block.needed_text("tool_use_id")
        content = block.raw("content")
        path = block.path_of("content")
        parts: tuple[Text | Media, ...] = ()
        if content is not None:
            parts = (Text(text_of(content, path)),) if is_text(content) else self._read_inner(content, path, None)
        block.pass_over("toolset_name")
        name = self._tool_of_call.get(call_id, "")
        return ToolResult(call_id, name, parts, bool(block.flag("is_error")), read_cache(block))


def read_cache(block: Members) -> CacheHint | None:
    """Return the hint of a block or a tool. Source: https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching"""
    hint = block.inner("cache_control")
    if hint is None:
        return None
    hint.pass_over("type")
    ttl = hint.text("ttl")
    hint.finish()
    return CacheHint(ttl)


def _read_text(block: Members) -> Text:
    return Text(block.needed_text("text"), read_cache(block), tuple(_citations_of(block)))


def _citations_of(block: Members) -> Iterable[Citation]:
    for item in block.objects("citations"):
        citation = read_citation(item.strings())
        if citation is not None:
            yield citation


def _read_redacted(block: Members, seals: dict[str, Seal]) -> tuple[Reasoning, ...]:
    data = block.needed_text("data")
    of_call = read_call_seal(data)
    if of_call is None:
        return (read_redacted(data),)
    call_id, seal = of_call
    seals[call_id] = seal
    return ()


def _source_of(block: Members) -> Members:
    source = block.inner("source")
    if source is None:
        raise InvalidCall(f"{block.path_of('source')}: an object is required here", block.path_of("source"))
    return source


def _unknown_source(source: Members, known: str) -> InvalidCall:
    path = source.path_of("type")
    return InvalidCall(f"{path}: a source of this type cannot be translated; {known} can", path)


def _packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
