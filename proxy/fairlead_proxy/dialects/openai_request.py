"""Reading a chat request of OpenAI's form, and rewriting it for a target without touching what is not ours."""

import re

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead_proxy.contract.names import Mode
from fairlead_proxy.dialects.dialect import InvalidCall, ReadRequest
from fairlead_proxy.dialects.json_members import (
    Member,
    TooDeep,
    check_depth,
    members_as_written,
    members_of,
    removal_of,
    splice,
)

MODEL = "model"
STREAM_OPTIONS = "stream_options"
INCLUDE_USAGE = "include_usage"
_INNER_USAGE = f"{STREAM_OPTIONS}.{INCLUDE_USAGE}"

_ASK_USAGE = b'{"include_usage":true}'
_ESCAPE = re.compile(rb"\\(?:u[dD][89a-fA-F][0-9a-fA-F]{2}|[^u])")
_FAULTY_FIELD = re.compile(r"`\$\.([a-z_.]+)`")


_NULL = Raw(b"null")
"""Stands for what was not given, by identity."""


class _StreamOptions(Struct):
    include_usage: bool | None = None


class _ResponseFormat(Struct):
    type: str = ""


class _Peek(Struct):
    """The members that are read; Raw where a value of another type is the provider's to refuse."""

    model: str | UnsetType = UNSET
    messages: Raw | UnsetType = UNSET
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    tools: Raw = _NULL
    functions: Raw = _NULL
    response_format: Raw = _NULL
    reasoning_effort: Raw = _NULL
    reasoning: Raw = _NULL
    modalities: Raw = _NULL
    audio: Raw = _NULL
    max_completion_tokens: Raw = _NULL
    max_tokens: Raw = _NULL


_READ_FIELDS = frozenset(_Peek.__struct_fields__)
_NO_NEEDS: frozenset[str] = frozenset()
_EMPTY = frozenset({b"null", b"[]", b"{}", b'""', b"false"})


class _Part(Struct):
    type: str = ""
    text: str | None = None
    refusal: str | None = None


class _Message(Struct):
    content: str | list[_Part] | None = None


_PEEK = msgspec.json.Decoder(_Peek)
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_MESSAGES = msgspec.json.Decoder(list[_Message])
_NEED_OF_PART = {"image_url": "vision", "input_image": "vision", "image": "vision", "input_audio": "audio"}


def read_chat_request(body: bytes) -> ReadRequest:
    """Read a request; raise InvalidCall naming the parameter at fault.

    Source: https://platform.openai.com/docs/api-reference/chat/create. A field that is read here may come only once:
    which of two counts is the provider's guess as much as ours.
    """
    peek = _peek(body)
    if peek.model is UNSET or not peek.model:
        raise InvalidCall("you must provide a model parameter", "model")
    if peek.messages is UNSET:
        raise InvalidCall("missing required parameter: 'messages'", "messages")
    if bytes(memoryview(peek.messages)[:1]) != b"[":
        raise InvalidCall("'messages' must be a list", "messages")
    text_bytes, part_needs = _read_messages(peek.messages)
    tool_bytes = _given_bytes(peek.tools) + _given_bytes(peek.functions)
    return ReadRequest(
        peek.model,
        Mode.STREAM if peek.stream else Mode.PLAIN,
        body,
        bool(peek.stream and peek.stream_options and peek.stream_options.include_usage),
        _needs_of(peek, part_needs, tool_bytes),
        text_bytes + tool_bytes,
        _whole_number(peek.max_completion_tokens) or _whole_number(peek.max_tokens),
        _locate(body),
    )


def rewrite_chat_request(request: ReadRequest, *, model: str, include_usage: bool) -> bytes:
    """Return the body for a target; see Dialect.rewrite_request."""
    at = request.members[MODEL]
    edits = [(at.value_start, at.value_end, msgspec.json.encode(model))]
    if request.mode is Mode.STREAM:
        edits += _usage_edits(request, at, include_usage)
    return splice(request.body, edits)


def _usage_edits(request: ReadRequest, model_at: Member, include_usage: bool) -> list[tuple[int, int, bytes]]:
    body = request.body
    options = request.members.get(STREAM_OPTIONS)
    if not include_usage:
        return [] if options is None else [removal_of(body, options)]
    if request.wants_usage:
        return []
    if options is None:
        end = model_at.value_end
        return [(end, end, b',"stream_options":' + _ASK_USAGE)]
    if body[options.value_start : options.value_start + 1] != b"{":
        return [(options.value_start, options.value_end, _ASK_USAGE)]
    asked = request.members.get(_INNER_USAGE)
    if asked is not None:
        return [(asked.value_start, asked.value_end, b"true")]
    if next(members_of(body, options.value_start), None) is None:
        return [(options.value_start, options.value_end, _ASK_USAGE)]
    inside = options.value_start + 1
    return [(inside, inside, b'"include_usage":true,')]


def _peek(body: bytes) -> _Peek:
    try:
        if not body.isascii():
            body.decode()
        check_depth(body)
        peek = _decode(body)
    except msgspec.ValidationError as error:
        found = _FAULTY_FIELD.search(str(error))
        raise InvalidCall(f"the request is not valid: {error}", found[1] if found else None) from None
    except UnicodeDecodeError:
        raise InvalidCall("the request body is not UTF-8") from None
    except msgspec.DecodeError as error:
        raise InvalidCall(f"the request body is not valid JSON: {error}") from None
    except (TooDeep, RecursionError):
        raise InvalidCall("the request body is nested too deeply") from None
    return peek


def _decode(body: bytes) -> _Peek:
    """Decode the body; if that fails, once more with U+FFFD in place of escaped surrogates.

    Half a surrogate pair is legal JSON (RFC 8259, section 8.2: a text cut within an emoji) that msgspec does not read.
    The copy is for reading only: what is sent is the original.
    """
    try:
        return _PEEK.decode(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return _PEEK.decode(_ESCAPE.sub(_without_surrogate, body))


def _without_surrogate(escape: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if escape[0][1:2] == b"u" else escape[0]


def _locate(body: bytes) -> dict[str, Member]:
    """Return where the model and the stream options stand; raise InvalidCall for a double of a field that is read."""
    seen: set[str] = set()
    found = _find_members(body, seen)
    options = found.get(STREAM_OPTIONS)
    if options is not None and body[options.value_start : options.value_start + 1] == b"{":
        for key, member in members_of(body, options.value_start):
            if key == INCLUDE_USAGE:
                _refuse_double(_INNER_USAGE, seen)
                found[_INNER_USAGE] = member
    return found


def _find_members(body: bytes, seen: set[str]) -> dict[str, Member]:
    try:
        written = members_as_written(body, _MEMBERS.decode(body))
    except msgspec.DecodeError:  # half of a surrogate pair in a key
        written = None
    if written is not None:
        return written
    found: dict[str, Member] = {}
    for key, member in members_of(body):
        if key in _READ_FIELDS:
            _refuse_double(key, seen)
            found[key] = member
    return found


def _refuse_double(name: str, seen: set[str]) -> None:
    if name in seen:
        raise InvalidCall(f"the parameter '{name}' is given twice", name)
    seen.add(name)


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
            text_bytes += _utf8_length(content)
        elif content is not None:
            for part in content:
                text_bytes += _utf8_length(part.text or part.refusal or "")
                if part.type in _NEED_OF_PART:
                    needs.add(_NEED_OF_PART[part.type])
    return text_bytes, needs


def _needs_of(peek: _Peek, part_needs: set[str], tool_bytes: int) -> frozenset[str]:
    """Return what a target must be capable of to serve this."""
    needs = part_needs
    if tool_bytes:
        needs.add("tools")
    if _format_of(peek.response_format) == "json_schema":
        needs.add("jsonSchema")
    if _given(peek.reasoning) or (_given(peek.reasoning_effort) and bytes(peek.reasoning_effort) != b'"none"'):
        needs.add("reasoning")
    if _given(peek.audio) or (_given(peek.modalities) and b'"audio"' in bytes(peek.modalities)):
        needs.add("audio")
    return frozenset(needs) if needs else _NO_NEEDS


def _given(raw: Raw) -> bool:
    return raw is not _NULL and bytes(raw) not in _EMPTY


def _given_bytes(raw: Raw) -> int:
    return len(bytes(raw)) if _given(raw) else 0


def _format_of(raw: Raw) -> str:
    if raw is _NULL:
        return ""
    try:
        decoded = msgspec.json.decode(raw, type=_ResponseFormat | None)
    except (msgspec.MsgspecError, RecursionError):
        return ""
    return decoded.type if decoded else ""


def _whole_number(raw: Raw) -> int | None:
    if raw is _NULL:
        return None
    try:
        return msgspec.json.decode(raw, type=int | None)
    except msgspec.MsgspecError:
        return None


def _utf8_length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
