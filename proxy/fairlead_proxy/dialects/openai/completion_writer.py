"""Writing a whole chat answer for a caller."""

import msgspec

from fairlead_proxy.dialects.dialect import ReadRequest
from fairlead_proxy.dialects.openai.answer_content import write_citation, write_image
from fairlead_proxy.dialects.openai.chances import write_chances
from fairlead_proxy.dialects.openai.conversation import speaks_functions
from fairlead_proxy.dialects.openai.counts import write_counts
from fairlead_proxy.dialects.openai.finish import write_stop
from fairlead_proxy.dialects.openai.joined_text import PARAGRAPH, JoinedText, join_texts
from fairlead_proxy.dialects.openai.reasoning import write_call_seal, write_detail
from fairlead_proxy.exchange.completion import AnswerPart, Choice, Completion
from fairlead_proxy.exchange.conversation import JsonObject, Media, MediaKind, Reasoning, Refusal, Text, ToolCall

_ID_START = "chatcmpl"


def write_chat_completion(completion: Completion, *, request: ReadRequest, now: float) -> bytes:
    """Return a whole answer; see CallerDialect.write_completion.

    Source: https://platform.openai.com/docs/api-reference/chat/object
    """
    created = completion.created if completion.created is not None else int(now)
    as_functions = speaks_functions(request)
    answer: JsonObject = {
        "id": answer_id(completion.id, created),
        "object": "chat.completion",
        "created": created,
        "model": completion.model or request.model,
        "choices": [
            _choice(choice, index, as_functions=as_functions) for index, choice in enumerate(completion.choices)
        ],
    }
    if completion.usage is not None:
        answer["usage"] = write_counts(completion.usage)
    return msgspec.json.encode(answer)


def answer_id(vendor_id: str, created: int) -> str:
    """Return an id of the form that chat answers have; without one of the provider's, made of the date."""
    if vendor_id.startswith(_ID_START):
        return vendor_id
    return f"{_ID_START}-{vendor_id or created}"


def write_call(call: ToolCall) -> JsonObject:
    written: JsonObject = {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
    if call.seal is not None:
        written["extra_content"] = write_call_seal(call.seal)
    return written


def _choice(choice: Choice, index: int, *, as_functions: bool) -> JsonObject:
    has_refusal = any(isinstance(part, Refusal) for part in choice.parts)
    has_text = any(isinstance(part, Text) for part in choice.parts)
    return {
        "index": index,
        "message": _message(choice.parts, as_functions=as_functions),
        "logprobs": write_chances(choice.chances, "refusal" if has_refusal and not has_text else "content"),
        "finish_reason": write_stop(choice.stop, has_refusal=has_refusal, as_functions=as_functions),
    }


def _message(parts: tuple[AnswerPart, ...], *, as_functions: bool) -> JsonObject:
    refusals = [part.text for part in parts if isinstance(part, Refusal)]
    calls = [part for part in parts if isinstance(part, ToolCall)]
    has_text = any(isinstance(part, Text) for part in parts)
    message: JsonObject = {
        "role": "assistant",
        "content": join_texts(parts) if has_text or not (calls or refusals) else None,
        "refusal": PARAGRAPH.join(refusals) if refusals else None,
    }
    message |= _reasoning([part for part in parts if isinstance(part, Reasoning)])
    annotations = _annotations(parts)
    if annotations:
        message["annotations"] = annotations
    images = [write_image(part) for part in parts if isinstance(part, Media) and part.kind is MediaKind.IMAGE]
    if images:
        message["images"] = images
    if calls and as_functions:
        message["function_call"] = {"name": calls[0].name, "arguments": calls[0].arguments}
    elif calls:
        message["tool_calls"] = [write_call(call) for call in calls]
    return message


def _reasoning(parts: list[Reasoning]) -> JsonObject:
    """Return the text, and in detail the parts with their seals: so they come back as they were."""
    written: JsonObject = {}
    text = PARAGRAPH.join(part.text for part in parts if part.text)
    if text:
        written["reasoning_content"] = text
    if parts:
        written["reasoning_details"] = [write_detail(part, index) for index, part in enumerate(parts)]
    return written


def _annotations(parts: tuple[AnswerPart, ...]) -> list[JsonObject]:
    """Return the citations; one that names no place stands for the part that holds it."""
    found: list[JsonObject] = []
    joined = JoinedText()
    for part in parts:
        if not isinstance(part, Text):
            joined.interrupt()
            continue
        joined.add(part.text)
        span = (joined.length - len(part.text), joined.length)
        written = (write_citation(citation, span) for citation in part.citations)
        found += (annotation for annotation in written if annotation is not None)
    return found
