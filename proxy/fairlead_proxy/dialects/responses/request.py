"""Reading what the gateway needs to know of a request of the Responses API, without its content."""

from msgspec import UNSET, Raw

from fairlead_proxy.contract.names import Mode
from fairlead_proxy.dialects.dialect import InvalidCall, ReadRequest
from fairlead_proxy.dialects.json_members import check_depth
from fairlead_proxy.dialects.raw_values import NULL, whole_number
from fairlead_proxy.dialects.refusing import REFUSED, check_utf8, locate_members, refusal_of
from fairlead_proxy.dialects.responses.conversation import read_conversation
from fairlead_proxy.dialects.responses.prompt import (
    READ_FIELDS,
    Peek,
    count_text_bytes,
    needs_of,
    peek_at,
)

_NOTHING = b"null"


def read_responses_request(body: bytes, *, streams: bool = True) -> ReadRequest:
    """Read a request; raise InvalidCall naming the parameter at fault. `streams` False: the operation has none.

    Source: https://platform.openai.com/docs/api-reference/responses/create. A field that is read here may come only
    once.
    """
    if not body.isascii():
        check_utf8(body)
    peek = _peek(body)
    if peek.model is UNSET or not peek.model:
        raise InvalidCall("you must provide a model parameter", "model")
    _check_input(peek)
    model = locate_members(body, READ_FIELDS)["model"]
    return ReadRequest(
        peek.model,
        Mode.STREAM if peek.stream and streams else Mode.PLAIN,
        body,
        True,
        needs_of(peek),
        whole_number(peek.max_output_tokens),
        model.value_start,
        model.value_end,
        count_text_bytes=count_text_bytes,
        read_conversation=read_conversation,
    )


def _peek(body: bytes) -> Peek:
    try:
        check_depth(body)
        return peek_at(body)
    except REFUSED as error:
        raise refusal_of(error) from None


def _check_input(peek: Peek) -> None:
    """Input may be missing only where the vendor has it: from an earlier response, a conversation or a template."""
    if not _is_null(peek.input):
        if bytes(memoryview(peek.input)[:1]) not in (b'"', b"["):
            raise InvalidCall("'input' must be a string or a list of items", "input")
    elif all(_is_null(raw) for raw in (peek.previous_response_id, peek.conversation, peek.prompt)):
        raise InvalidCall("missing required parameter: 'input'", "input")


def _is_null(raw: Raw) -> bool:
    return raw is NULL or bytes(memoryview(raw)[:4]) == _NOTHING
