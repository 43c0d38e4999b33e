"""Reading what a request in Anthropic's form asks for, without its content: cheap, however long it is."""

import msgspec
from msgspec import Raw

from fairlead_proxy.contract.names import Mode
from fairlead_proxy.dialects.anthropic.conversation_reader import read_conversation
from fairlead_proxy.dialects.anthropic.given import Block, decode_body
from fairlead_proxy.dialects.anthropic.prompt import count_text_bytes, needs_of
from fairlead_proxy.dialects.dialect import ReadRequest
from fairlead_proxy.dialects.json_members import (
    Member,
    check_depth,
    check_depth_of_members,
    members_as_written,
)
from fairlead_proxy.dialects.raw_values import NULL
from fairlead_proxy.dialects.refusing import REFUSED, locate_members, refusal_of

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
    streamed = Block(members).flag("stream")
    return _request(body, members, model, Mode.STREAM if streamed else Mode.PLAIN, _limit_in(members))


def read_count_request(body: bytes) -> ReadRequest:
    """Read a request to count the tokens of a prompt; raise InvalidCall.

    Source: https://docs.anthropic.com/en/api/messages-count-tokens
    """
    members, model = _read(body)
    return _request(body, members, model, Mode.PLAIN, None)


def _request(body: bytes, members: dict[str, Raw], model: Member, mode: Mode, limit: int | None) -> ReadRequest:
    return ReadRequest(
        Block(members).needed_text(MODEL),
        mode,
        body,
        wants_usage=True,
        needs=needs_of(body, members),
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
    found = written if written is not None else locate_members(body, _READ_NAMES)
    Block(members).needed_text(MODEL)
    if bytes(memoryview(members.get("messages", NULL))[:1]) != b"[":
        raise Block(members).refuse_choice("messages", "a list")
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
    except REFUSED as error:
        raise refusal_of(error) from None


def _limit_in(members: dict[str, Raw]) -> int | None:
    """Return `max_tokens`; of another type it is the provider's to refuse, and so is its absence."""
    limit = members.get("max_tokens")
    if limit is None:
        return None
    try:
        return msgspec.json.decode(limit, type=int | None)
    except msgspec.MsgspecError:
        return None
