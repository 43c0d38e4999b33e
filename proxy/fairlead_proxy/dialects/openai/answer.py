"""A plain chat answer of OpenAI's form: is it one, and how many tokens did it take."""

import msgspec

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.dialects.dialect import (
    BYTES_PER_TOKEN,
    MAX_ERROR_BYTES,
    Answered,
    Headers,
    ReadRequest,
    content_type_of,
)
from fairlead_proxy.dialects.openai.answer_forms import (
    COMPLETION,
    CONTENT_FILTER,
    FILTERED,
    GOOD,
    MESSAGE,
    USAGE,
    Completion,
)
from fairlead_proxy.dialects.openai.chunk import Delta, content_length
from fairlead_proxy.dialects.openai.errors import (
    VendorError,
    classify_answer,
    failure_in_success,
    read_vendor_error,
    vendor_error_of,
)
from fairlead_proxy.dialects.raw_values import NULL, is_given
from fairlead_proxy.exchange.errors import Relayed, UpstreamFailure
from fairlead_proxy.exchange.usage import Usage

_SAID = msgspec.json.Decoder(Delta)
_NOTHING = frozenset({b"null", b'""', b"{}"})


def read_chat_answer(status: int, headers: Headers, body: bytes, *, request: ReadRequest, now: float) -> Answered:
    """Return the answer as it is, or raise what it means; see Passage.read_answer."""
    if not 200 <= status < 300:
        raise classify_answer(status, headers, body[:MAX_ERROR_BYTES], now)
    try:
        good = GOOD.decode(body)
        usage, filtered = good.usage.to_usage(), good.choices[0].finish_reason == CONTENT_FILTER
        if usage is None:
            usage = read_any_answer(status, body, request)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        usage, filtered = read_any_answer(status, body, request), FILTERED in body
    if filtered and _is_filtered(body):
        detail, relayed = "the answer was filtered before its first content", Relayed(status, "application/json", body)
        told = None if usage.estimated else usage
        raise UpstreamFailure(FailureClass.CONTENT_FILTERED, detail, status=status, relayed=relayed, usage=told)
    content_type = content_type_of(headers)
    if content_type != "application/json" and "json" not in content_type.lower():
        content_type = "application/json"
    return Answered(body, content_type, usage)


def read_any_answer(status: int, body: bytes, request: ReadRequest) -> Usage:
    """Return what an answer of whatever form took, or raise what it means."""
    try:
        completion = COMPLETION.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise failure_in_success(read_vendor_error(body), body[:MAX_ERROR_BYTES], status=status) from None
    error = _error_in(completion)
    if error is not None:
        raise failure_in_success(error, body[:MAX_ERROR_BYTES], status=status)
    if not completion.choices:
        raise failure_in_success(read_vendor_error(body), body[:MAX_ERROR_BYTES], status=status)
    return _usage_of(completion, request)


def _is_filtered(body: bytes) -> bool:
    """Say whether every choice of a good answer was filtered, and none holds anything else."""
    choices = COMPLETION.decode(body).choices
    if not all(bytes(choice.finish_reason) == FILTERED for choice in choices):
        return False
    try:
        messages = [MESSAGE.decode(choice.message) for choice in choices]
    except msgspec.MsgspecError:
        return False
    parts = [part for each in messages if each for part in (each.content, each.refusal, each.tool_calls, each.audio)]
    return not any(is_given(part) for part in parts)


def _error_in(completion: Completion) -> VendorError | None:
    """Return the error that an answer holds: at its top, or in a choice (OpenRouter: a provider that failed late)."""
    for raw in (completion.error, *[choice.error for choice in completion.choices]):
        if raw is not NULL and bytes(raw) not in _NOTHING:
            return vendor_error_of(msgspec.json.decode(raw))
    return None


def _usage_of(completion: Completion, request: ReadRequest) -> Usage:
    """Return the provider's count; without one an estimate, from what the messages say."""
    try:
        reported = USAGE.decode(completion.usage)
    except msgspec.MsgspecError:
        reported = None
    counted = None if reported is None else reported.to_usage()
    if counted is not None:
        return counted
    output_bytes = sum(_length_of(bytes(choice.message)) for choice in completion.choices)
    return Usage(request.prompt_tokens, -(-output_bytes // BYTES_PER_TOKEN), estimated=True)


def _length_of(message: bytes) -> int:
    """Return about how many bytes of content a message brings, which has the members of a delta."""
    try:
        return content_length(_SAID.decode(message))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return len(message)
