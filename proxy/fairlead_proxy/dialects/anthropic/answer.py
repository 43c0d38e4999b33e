"""Whole answers in Anthropic's form, read and written."""

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec

from fairlead_proxy.dialects.anthropic.answer_blocks import write_blocks
from fairlead_proxy.dialects.anthropic.citations import read_citation
from fairlead_proxy.dialects.anthropic.errors import failure_in_success, vendor_error_of
from fairlead_proxy.dialects.anthropic.stops import REASON_OF_STOP, read_stop
from fairlead_proxy.dialects.anthropic.thoughts import read_redacted, read_thinking
from fairlead_proxy.dialects.anthropic.usage import Counts, write_usage
from fairlead_proxy.dialects.dialect import MAX_ERROR_BYTES, ReadRequest
from fairlead_proxy.dialects.failures import not_the_answer
from fairlead_proxy.dialects.told_json import objects_of, place_of, text_in, texts_in, told_object
from fairlead_proxy.exchange.completion import AnswerPart, Choice, Completion
from fairlead_proxy.exchange.conversation import Citation, JsonObject, Text, ToolCall
from fairlead_proxy.exchange.usage import Usage

_ID_BEGINS = "msg_"


def read_message(body: bytes) -> Completion:
    """Read the body of a 200; raise the UpstreamFailure that it means where it is no message.

    Source: https://docs.anthropic.com/en/api/messages, "Response". Blocks of types that are not known, such as those of
    tools that the vendor itself ran, say nothing.
    """
    message = told_object(body)
    content = message.get("content")
    if not isinstance(content, list):
        raise failure_in_success(vendor_error_of(message), body[:MAX_ERROR_BYTES])
    if message.get("type") == "error":
        raise failure_in_success(vendor_error_of(message), body[:MAX_ERROR_BYTES])
    parts = tuple(_read_blocks(content))
    counts = Counts()
    counts.take(message.get("usage"))
    choice = Choice(parts, read_stop(message.get("stop_reason"), parts), text_in(message, "stop_sequence") or None)
    return Completion(
        text_in(message, "id"),
        text_in(message, "model"),
        (choice,),
        counts.to_usage() if counts.told else None,
    )


def read_count(body: bytes) -> Completion:
    """Read the answer to a request to count; raise UpstreamFailure.

    Source: https://docs.anthropic.com/en/api/messages-count-tokens
    """
    answer = told_object(body)
    counted = place_of(answer.get("input_tokens"))
    if counted is None:
        raise failure_in_success(vendor_error_of(answer), body[:MAX_ERROR_BYTES])
    return Completion("", "", (), Usage(input_tokens=counted))


def write_message(completion: Completion, *, request: ReadRequest, now: float) -> bytes:
    """Return a whole answer; of several choices the first, since there is room for one."""
    choice = completion.choices[0] if completion.choices else Choice()
    message = message_frame(completion.id, completion.model or request.model, request, now)
    message["content"] = write_blocks(choice.parts)
    message["stop_reason"] = REASON_OF_STOP[choice.stop]
    message["stop_sequence"] = choice.sequence
    message["usage"] = write_usage(completion.usage)
    return msgspec.json.encode(message)


def write_count(completion: Completion, *, request: ReadRequest, now: float) -> bytes:
    """Return the answer to a request to count."""
    usage = completion.usage or Usage()
    return msgspec.json.encode({"input_tokens": usage.input_tokens})


def message_frame(id_: str, model: str, request: ReadRequest, now: float) -> JsonObject:
    """Return a message that has not begun. Its id is the provider's in the vendor's form, or made of call and time."""
    if not id_:
        id_ = hashlib.sha256(f"{now!r} {model} ".encode() + request.body).hexdigest()[:24]
    return {
        "id": id_ if id_.startswith(_ID_BEGINS) else _ID_BEGINS + id_,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": write_usage(None),
    }


def _read_blocks(content: list[Any]) -> Iterator[AnswerPart]:
    said = 0
    for block in content:
        if not isinstance(block, dict):
            continue
        match block.get("type"):
            case "text":
                text = text_in(block, "text")
                yield Text(text, citations=tuple(_read_citations(block, said, said + len(text))))
                said += len(text)
            case "thinking":
                yield read_thinking(text_in(block, "thinking"), text_in(block, "signature"))
            case "redacted_thinking":
                yield read_redacted(text_in(block, "data"))
            case "tool_use":
                yield _read_call(block)
            case _:
                pass


def _read_call(block: dict[str, Any]) -> ToolCall:
    id_, name, arguments = text_in(block, "id"), text_in(block, "name"), block.get("input")
    if not id_ or not name:
        raise not_the_answer(200)
    return ToolCall(id_, name, write_arguments(arguments))


def write_arguments(arguments: Any) -> str:
    """Return a call's input, an object, as JSON text."""
    return msgspec.json.encode(arguments).decode() if isinstance(arguments, dict) else "{}"


def _read_citations(block: dict[str, Any], start: int, end: int) -> Iterator[Citation]:
    """A citation stands for the whole of its block. Source: https://docs.anthropic.com/en/docs/build-with-claude/citations"""
    for each in objects_of(block.get("citations")):
        citation = read_citation(texts_in(each))
        if citation is not None:
            yield msgspec.structs.replace(citation, start=start, end=end)
