"""Reading a request of generateContent, or of countTokens, as far as deciding needs it; the rest is read on demand."""

from msgspec import Raw

from fairlead_proxy.contract.names import Mode
from fairlead_proxy.dialects.dialect import InvalidCall, ReadRequest
from fairlead_proxy.dialects.gemini.conversation_reader import read_count_conversation, read_generate_conversation
from fairlead_proxy.dialects.gemini.prompt import (
    NO_NEEDS,
    Peek,
    count_text_bytes,
    inner_peek,
    max_tokens_of,
    needs_of,
    peek_at,
)
from fairlead_proxy.dialects.json_members import check_depth
from fairlead_proxy.dialects.raw_values import is_given
from fairlead_proxy.dialects.refusing import REFUSED, check_utf8, refusal_of
from fairlead_proxy.exchange.call import Named


def read_generate_request(body: bytes, named: Named | None = None) -> ReadRequest:
    """Read a request; raise InvalidCall naming the parameter at fault. The model and the mode stand in the path.

    Source: https://ai.google.dev/api/generate-content
    """
    named = _checked(named)
    peek = _peek(body)
    _check_contents(peek.contents)
    return ReadRequest(
        named.model,
        named.mode,
        body,
        wants_usage=True,  # there is no question for it: every answer and every stream tells the counts
        needs=needs_of(peek),
        max_tokens=max_tokens_of(peek),
        count_text_bytes=count_text_bytes,
        read_conversation=read_generate_conversation,
    )


def read_count_request(body: bytes, named: Named | None = None) -> ReadRequest:
    """Do the same for countTokens, whose body holds contents alone, or a whole request of generateContent."""
    named = _checked(named)
    peek = _peek(body)
    _check_contents(inner_peek(peek).contents)
    return ReadRequest(
        named.model,
        Mode.PLAIN,
        body,
        wants_usage=True,
        needs=NO_NEEDS,  # any model can count what it could not serve
        count_text_bytes=count_text_bytes,
        read_conversation=read_count_conversation,
    )


def _checked(named: Named | None) -> Named:
    if named is None or not named.model:
        raise InvalidCall("the path names no model; call /v1beta/models/{model}:generateContent", "model")
    return named


def _peek(body: bytes) -> Peek:
    if not body.isascii():
        check_utf8(body)
    try:
        check_depth(body)
        return peek_at(body)
    except REFUSED as error:
        raise refusal_of(error) from None


def _check_contents(contents: Raw) -> None:
    """One content alone passes for a list of it, as the vendor takes it."""
    if not is_given(contents):
        raise InvalidCall("'contents' is missing or empty; give at least one content", "contents")
    if bytes(memoryview(contents)[:1]) not in (b"[", b"{"):
        raise InvalidCall("'contents' must be a list of contents", "contents")
