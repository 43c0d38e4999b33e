"""Reading what a request in Anthropic's form asks for, without its content: cheap, however long it is."""

import msgspec
from msgspec import Raw

from fairlead_proxy.contract.names import Mode
from fairlead_proxy.dialects.anthropic.conversation_reader import read_conversation
from fairlead_proxy.dialects.anthropic.members import Members, Notes, decode_body
from fairlead_proxy.dialects.anthropic.prompt import count_text_bytes, needs_of
from fairlead_proxy.dialects.dialect import InvalidCall, ReadRequest
from fairlead_proxy.dialects.json_members import (
    Member,
    TooDeep,
    check_depth,
    check_depth_of_members,
    members_as_written,
    members_of,
)

MODEL = "model"
_READ_NAMES = frozenset(
    {MODEL, "messages", "system", "tools", "stream", "max_tokens", "thinking", "output_config", "output_format"}
)


def read_messages_request(body: bytes) -> ReadRequest:
    """Read a request for a message; raise InvalidCall naming the parameter at fault.

    Source: https://docs.anthropic.com/en/api/messages. A member that is read here may come only once: which of two
    counts is the provider's guess as much as ours. Token counts come with every answer of this dialect: they are
    always wanted.
    """
    members, model = _read(body)
    asked = Members(members, "", Notes())
    streamed = asked.flag("stream")
    return _request(body, asked, model, Mode.STREAM if streamed else Mode.PLAIN, _limit_in(members))


def read_count_request(body: bytes) -> ReadRequest:
    """Read a request to count the tokens of a prompt; raise InvalidCall.

    Source: https://docs.anthropic.com/en/api/messages-count-tokens
    """
    members, model = _read(body)
    return _request(body, Members(members, "", Notes()), model, Mode.PLAIN, None)


def _request(body: bytes, asked: Members, model: Member, mode: Mode, limit: int | None) -> ReadRequest:
    return ReadRequest(
        asked.needed_text(MODEL),
        mode,
        body,
        wants_usage=True,
        needs=needs_of(body, asked),
        max_tokens=limit,
        model_start=model.value_start,
        model_end=model.value_end,
        count_text_bytes=count_text_bytes,
        read_conversation=read_conversation,
    )


def _read(body: bytes) -> tuple[dict[str, Raw], Member]:
    """Return the members, of which the needed ones are there, and where the model stands."""
    members = decode_body(body)
    written = members_as_written(body, members)
    _check_depth(body, written)
    found = written if written is not None else _find_members(body)
    model = Members(members, "", Notes()).text(MODEL)
    if not model:
        raise InvalidCall("model: a text is required here; name a model that this gateway serves", MODEL)
    messages = members.get("messages")
    if messages is None:
        raise InvalidCall("messages: a list is required here", "messages")
    if bytes(memoryview(messages)[:1]) != b"[":
        raise InvalidCall("messages: a list is needed here", "messages")
    return members, found[MODEL]


def _check_depth(body: bytes, written: dict[str, Member] | None) -> None:
    try:
        if written is not None:
            try:
                check_depth_of_members(body, written.values())
                return
            except msgspec.DecodeError:
                pass  # half a surrogate pair in it: see decode_body
        check_depth(body)
    except (TooDeep, RecursionError):
        raise InvalidCall("the request body is nested too deeply") from None


def _find_members(body: bytes) -> dict[str, Member]:
    found: dict[str, Member] = {}
    for key, member in members_of(body):
        if key in _READ_NAMES:
            if key in found:
                raise InvalidCall(f"{key}: this parameter is given twice; give it once", key)
            found[key] = member
    return found


def _limit_in(members: dict[str, Raw]) -> int | None:
    """Return `max_tokens`; of another type it is the provider's to refuse, and so is its absence."""
    limit = members.get("max_tokens")
    if limit is None:
        return None
    try:
        return msgspec.json.decode(limit, type=int | None)
    except msgspec.MsgspecError:
        return None
