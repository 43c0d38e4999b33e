"""What a request asks of a target, read at a glance: how much text there is, and what the model must be able to do."""

from collections.abc import Iterator

import msgspec
from msgspec import Raw, Struct

from fairlead_proxy.dialects.gemini.given import whole_number_of
from fairlead_proxy.dialects.gemini.media import kind_of_file
from fairlead_proxy.dialects.json_text import UNREADABLE, decode_whole
from fairlead_proxy.dialects.media_types import kind_of_type
from fairlead_proxy.dialects.raw_values import NULL, given_bytes, is_given, utf8_length
from fairlead_proxy.exchange.conversation import MediaKind


class Peek(Struct):
    """The members that are read, in both cases; Raw where a value of another type is the provider's to refuse."""

    contents: Raw = NULL
    system_instruction: Raw = NULL
    systemInstruction: Raw = NULL
    tools: Raw = NULL
    generation_config: Raw = NULL
    generationConfig: Raw = NULL
    generate_content_request: Raw = NULL
    generateContentRequest: Raw = NULL


class _File(Struct):
    mime_type: str | None = None
    mimeType: str | None = None
    file_uri: str | None = None
    fileUri: str | None = None


class _Part(Struct):
    text: str | None = None
    inline_data: _File | None = None
    inlineData: _File | None = None
    file_data: _File | None = None
    fileData: _File | None = None
    function_call: Raw = NULL
    functionCall: Raw = NULL
    function_response: Raw = NULL
    functionResponse: Raw = NULL


class _Content(Struct):
    parts: list[_Part] | _Part | None = None


class _Tool(Struct):
    function_declarations: Raw = NULL
    functionDeclarations: Raw = NULL


NO_NEEDS: frozenset[str] = frozenset()
_NEED_OF_KIND = {MediaKind.IMAGE: "vision", MediaKind.AUDIO: "audio"}

_PEEK = msgspec.json.Decoder(Peek)
_CONTENTS: msgspec.json.Decoder[list[_Content] | _Content] = msgspec.json.Decoder(list[_Content] | _Content)
_CONTENT = msgspec.json.Decoder(_Content)
_TOOLS: msgspec.json.Decoder[list[_Tool] | _Tool] = msgspec.json.Decoder(list[_Tool] | _Tool)
_ANY = msgspec.json.Decoder()


def peek_at(body: bytes) -> Peek:
    """Decode the body as far as it is read; raise what msgspec does. What is sent is the original."""
    return decode_whole(_PEEK, body)


def given(snake: Raw, camel: Raw) -> Raw:
    return camel if is_given(camel) else snake


def inner_peek(peek: Peek) -> Peek:
    """Return what a request for a count wraps; itself where it wraps nothing readable."""
    wrapped = given(peek.generate_content_request, peek.generateContentRequest)
    if not is_given(wrapped):
        return peek
    try:
        return _PEEK.decode(wrapped)
    except UNREADABLE:
        return peek


def count_text_bytes(body: bytes) -> int:
    """Return the bytes of text in the contents, instructions and tools of a request that has been read."""
    peek = inner_peek(peek_at(body))
    total = given_bytes(peek.tools)
    for part in _parts_of(peek):
        if part is None:
            return total + given_bytes(peek.contents)
        total += utf8_length(part.text or "")
        for raw in (part.function_call, part.functionCall, part.function_response, part.functionResponse):
            total += given_bytes(raw)
    return total


def needs_of(peek: Peek) -> frozenset[str]:
    """Return what a target must be capable of to serve this."""
    needs: set[str] = set()
    if _has_functions(peek.tools):
        needs.add("tools")
    for part in _parts_of(peek):
        if part is not None:
            _add_needs_of_part(part, needs)
    config = _object(given(peek.generation_config, peek.generationConfig))
    if _either(config, "response_schema") or _either(config, "response_json_schema"):
        needs.add("jsonSchema")
    if _asks_for_thoughts(_either(config, "thinking_config")):
        needs.add("reasoning")
    modalities = _either(config, "response_modalities")
    if isinstance(modalities, list) and any(str(each).upper() == "AUDIO" for each in modalities):
        needs.add("audio")
    return frozenset(needs) if needs else NO_NEEDS


def max_tokens_of(peek: Peek) -> int | None:
    config = _object(given(peek.generation_config, peek.generationConfig))
    return whole_number_of(_either(config, "max_output_tokens"))


def _add_needs_of_part(part: _Part, needs: set[str]) -> None:
    for file in (part.inlineData or part.inline_data, part.fileData or part.file_data):
        if file is not None:
            media_type = file.mimeType or file.mime_type or ""
            kind = kind_of_type(media_type) if media_type else kind_of_file(file.fileUri or file.file_uri or "")
            if kind in _NEED_OF_KIND:
                needs.add(_NEED_OF_KIND[kind])
    called = (part.function_response, part.functionResponse, part.function_call, part.functionCall)
    if any(bytes(raw) != b"null" for raw in called):  # an empty result is one too
        needs.add("tools")
    for inner in _parts_in(given(part.function_response, part.functionResponse)):
        _add_needs_of_part(inner, needs)


def _parts_of(peek: Peek) -> Iterator[_Part | None]:
    """Yield the parts of the instructions and contents; None in place of contents that are not of the form."""
    yield from _parts_in(given(peek.system_instruction, peek.systemInstruction))
    if is_given(peek.contents):
        try:
            contents = _CONTENTS.decode(peek.contents)
        except UNREADABLE:
            yield None
            return
        for content in contents if isinstance(contents, list) else [contents]:
            yield from _listed(content.parts)


def _parts_in(content: Raw) -> list[_Part]:
    """Return the parts of one content, or of a function's result, which has them too; none that cannot be read."""
    if not is_given(content):
        return []
    try:
        return _listed(_CONTENT.decode(content).parts)
    except UNREADABLE:
        return []


def _listed(parts: list[_Part] | _Part | None) -> list[_Part]:
    if parts is None:
        return []
    return parts if isinstance(parts, list) else [parts]


def _has_functions(tools: Raw) -> bool:
    if not is_given(tools):
        return False
    try:
        decoded = _TOOLS.decode(tools)
    except UNREADABLE:
        return True
    return any(
        is_given(given(tool.function_declarations, tool.functionDeclarations))
        for tool in (decoded if isinstance(decoded, list) else [decoded])
    )


def _asks_for_thoughts(config: object) -> bool:
    if not isinstance(config, dict):
        return False
    budget = whole_number_of(_either(config, "thinking_budget"))
    level = _either(config, "thinking_level")
    asks = isinstance(level, str) and level.upper() != "THINKING_LEVEL_UNSPECIFIED"
    return asks or (_either(config, "include_thoughts") is True if budget is None else budget != 0)


def _either(members: dict[str, object], snake: str) -> object:
    first, *rest = snake.split("_")
    found = members.get(first + "".join(word.capitalize() for word in rest))
    return members.get(snake) if found is None else found


def _object(raw: Raw) -> dict[str, object]:
    if not is_given(raw):
        return {}
    try:
        decoded = _ANY.decode(raw)
    except UNREADABLE:
        return {}
    return decoded if isinstance(decoded, dict) else {}
