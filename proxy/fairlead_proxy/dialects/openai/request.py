"""Reading a chat request of OpenAI's form, and rewriting it for a target without touching what is not ours."""

from typing import Final

import msgspec
from msgspec import UNSET, Raw

from fairlead_proxy.contract.names import Mode
from fairlead_proxy.dialects.dialect import InvalidCall, ReadRequest
from fairlead_proxy.dialects.json_members import (
    Member,
    check_depth,
    check_depth_of_members,
    members_as_written,
    members_of,
    removal_of,
    splice,
)
from fairlead_proxy.dialects.openai.conversation import read_chat_conversation
from fairlead_proxy.dialects.openai.foreign import FOREIGN, without_foreign_seals
from fairlead_proxy.dialects.openai.prompt import READ_FIELDS, Peek, count_text_bytes, needs_of, peek_at
from fairlead_proxy.dialects.openai.request_usual import read_usual
from fairlead_proxy.dialects.raw_values import whole_number
from fairlead_proxy.dialects.refusing import REFUSED, check_utf8, given_twice, locate_members, refusal_of
from fairlead_proxy.exchange.call import Named

_STREAM: Final = Mode.STREAM
_PLAIN: Final = Mode.PLAIN

MODEL = "model"
STREAM_OPTIONS = "stream_options"
INCLUDE_USAGE = "include_usage"
_INNER_USAGE = f"{STREAM_OPTIONS}.{INCLUDE_USAGE}"

_ASK_USAGE = b'{"include_usage":true}'
_WITH_QUESTION = b',"stream_options":' + _ASK_USAGE
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])

_LARGE_BYTES = 16 * 1024
"""From here on it pays to join a body from views of it instead of copies."""


def read_chat_request(body: bytes, named: Named | None = None) -> ReadRequest:
    """Read a request; raise InvalidCall naming the parameter at fault. The path of a chat call names nothing.

    Source: https://platform.openai.com/docs/api-reference/chat/create. A field that is read here may come only once:
    which of two counts is the provider's guess as much as ours.
    """
    if not body.isascii():
        check_utf8(body)
    members = members_in(body)
    return (members and read_usual(body, members)) or read_any(body, members)


def members_in(body: bytes) -> dict[str, Raw] | None:
    """Decode the outermost object, and nothing in it; None if that cannot be done: whoever reads on says why."""
    try:
        return _MEMBERS.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None


def read_any(body: bytes, members: dict[str, Raw] | None) -> ReadRequest:
    """Read a request, which is known to be UTF-8, whatever its form; raise InvalidCall."""
    written = members_as_written(body, members) if members is not None else None
    peek = _peek(body, written)
    if peek.model is UNSET or not peek.model:
        raise InvalidCall("you must provide a model parameter", "model")
    if peek.messages is UNSET:
        raise InvalidCall("missing required parameter: 'messages'", "messages")
    if bytes(memoryview(peek.messages)[:1]) != b"[":
        raise InvalidCall("'messages' must be a list", "messages")
    needs = needs_of(peek)
    found = _locate(body, written)
    return ReadRequest(
        peek.model,
        _STREAM if peek.stream else _PLAIN,
        body,
        bool(peek.stream and peek.stream_options and peek.stream_options.include_usage),
        needs,
        whole_number(peek.max_completion_tokens) or whole_number(peek.max_tokens),
        found[MODEL].value_start,
        found[MODEL].value_end,
        STREAM_OPTIONS in found,
        count_text_bytes,
        read_chat_conversation,
    )


def rewrite_chat_request(request: ReadRequest, *, model: str, include_usage: bool) -> bytes:
    """Return the body for a target; see Passage.rewrite_request."""
    body, start, end = request.body, request.model_start, request.model_end
    if request.may_hold_seals and FOREIGN in body:
        cleaned = without_foreign_seals(body)
        if FOREIGN not in cleaned:
            return rewrite_chat_request(read_any(cleaned, None), model=model, include_usage=include_usage)
    name = msgspec.json.encode(model)
    if request.mode is _STREAM:
        if request.has_stream_options:
            if not (include_usage and request.wants_usage):
                return splice(body, [(start, end, name), _usage_edit(body, include_usage)])
        elif include_usage:
            name += _WITH_QUESTION
    if len(body) < _LARGE_BYTES:
        return body[:start] + name + body[end:]
    view = memoryview(body)
    return b"".join((view[:start], name, view[end:]))


def _usage_edit(body: bytes, include_usage: bool) -> tuple[int, int, bytes]:
    """Return the edit of the client's own stream options that asks for token counts, or leaves them out."""
    found = _locate(body, None)
    options, asked = found[STREAM_OPTIONS], found.get(_INNER_USAGE)
    if not include_usage:
        return removal_of(body, options)
    if asked is not None:
        return asked.value_start, asked.value_end, b"true"
    is_object = body[options.value_start : options.value_start + 1] == b"{"
    if not is_object or next(members_of(body, options.value_start), None) is None:
        return options.value_start, options.value_end, _ASK_USAGE
    inside = options.value_start + 1
    return inside, inside, b'"include_usage":true,'


def _peek(body: bytes, written: dict[str, Member] | None) -> Peek:
    try:
        # First decoded, since looking for the depth takes for granted that it is JSON.
        peek = peek_at(body)
        if written is None:
            check_depth(body)
        else:
            check_depth_of_members(body, written.values())
        return peek
    except REFUSED as error:
        raise refusal_of(error) from None


def _locate(body: bytes, written: dict[str, Member] | None) -> dict[str, Member]:
    """Return where the model and the stream options stand; raise InvalidCall for a double of a field that is read."""
    found = dict(written) if written is not None else locate_members(body, READ_FIELDS)
    options = found.get(STREAM_OPTIONS)
    if options is not None and body[options.value_start : options.value_start + 1] == b"{":
        for key, member in members_of(body, options.value_start):
            if key == INCLUDE_USAGE:
                if _INNER_USAGE in found:
                    raise given_twice(_INNER_USAGE)
                found[_INNER_USAGE] = member
    return found
