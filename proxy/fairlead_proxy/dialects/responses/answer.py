"""Reading a whole answer of the Responses API."""

from typing import Any

import msgspec

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.dialects.failures import not_the_answer
from fairlead_proxy.dialects.openai.errors import read_vendor_error
from fairlead_proxy.dialects.responses.failures import failure_of
from fairlead_proxy.dialects.responses.input_items import join_reasoning
from fairlead_proxy.dialects.responses.parts import read_citation
from fairlead_proxy.dialects.responses.settings import OWN
from fairlead_proxy.dialects.responses.usage import read_usage
from fairlead_proxy.dialects.told_json import list_of, number_of, text_in, told_object
from fairlead_proxy.exchange.completion import AnswerPart, Choice, Completion, Stop, TokenChance
from fairlead_proxy.exchange.conversation import Media, MediaKind, Reasoning, Refusal, Text, ToolCall
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.exchange.seals import read_seal

JsonValue = Any

_STOP_OF_REASON = {"max_output_tokens": Stop.LENGTH, "content_filter": Stop.FILTERED}
_UNFINISHED = frozenset({"queued", "in_progress", "cancelled"})
"""A response in the background is handed out before it is one, or after it was stopped."""


def read_responses_answer(body: bytes) -> Completion:
    """Read the body of a 200; raise what it means if it is no answer. See ProviderDialect.

    Source: https://platform.openai.com/docs/api-reference/responses/object
    """
    response = told_object(body)
    error = response.get("error")
    if error or response.get("status") == "failed":
        raise failure_of(error, "response")
    output = response.get("output")
    if not isinstance(output, list):
        if read_vendor_error(body) is not None:
            raise failure_of(response, "response")
        raise not_the_answer(200, "response")
    parts: list[AnswerPart] = []
    chances: list[TokenChance] = []
    for item in output:
        for part in parts_of_item(item, len(parts)):
            parts.append(part)
        chances += _chances_of_item(item)
    stop = stop_of(response, parts)
    if stop is Stop.FILTERED and not parts:
        detail, usage = "the answer was filtered before its content", read_usage(response.get("usage"))
        raise UpstreamFailure(FailureClass.CONTENT_FILTERED, detail, status=200, usage=usage)
    return Completion(
        id=text_in(response, "id"),
        model=text_in(response, "model"),
        choices=(Choice(tuple(parts), stop, chances=tuple(chances)),),
        usage=read_usage(response.get("usage")),
        created=created_of(response),
    )


def parts_of_item(item: JsonValue, position: int) -> list[AnswerPart]:
    """Return what an output item brings; `position` of its first part names a call that has no id.

    Items of tools that the vendor runs bring nothing. A call of a custom tool is read as one of a function, whose
    argument is the text: only callers of this dialect can offer such tools.
    """
    if not isinstance(item, dict):
        return []
    match item.get("type"):
        case "message":
            return [part for part in map(part_of_content, list_of(item.get("content"))) if part is not None]
        case "function_call":
            return [ToolCall(call_id_of(item, position), text_in(item, "name"), text_in(item, "arguments") or "{}")]
        case "custom_tool_call":
            return [ToolCall(call_id_of(item, position), text_in(item, "name"), custom_arguments(item))]
        case "reasoning":
            reasoning = reasoning_of(item)
            return [] if reasoning is None else [reasoning]
        case "image_generation_call":
            data = text_in(item, "result")
            kind = text_in(item, "output_format") or "png"
            return [Media(MediaKind.IMAGE, f"image/{kind}", data=data)] if data else []
        case _:
            return []


def part_of_content(content: JsonValue) -> Text | Refusal | None:
    """Return a part of a message; None for one of another kind."""
    if not isinstance(content, dict):
        return None
    if content.get("type") == "output_text":
        citations = [read_citation(value) for value in list_of(content.get("annotations"))]
        return Text(text_in(content, "text"), None, tuple(found for found in citations if found is not None))
    if content.get("type") == "refusal":
        return Refusal(text_in(content, "refusal"))
    return None


def reasoning_of(item: dict[str, Any]) -> Reasoning | None:
    """Return the reasoning of an item: its summary, or, with open models, the text itself. None: there is none."""
    text = _joined(item, "summary") or _joined(item, "content")
    encrypted = text_in(item, "encrypted_content")
    if not (text or encrypted):
        return None
    return Reasoning(text, read_seal(encrypted, OWN) if encrypted else None, text_in(item, "id") or None)


def stop_of(response: dict[str, Any], parts: list[AnswerPart]) -> Stop:
    """Return why a response ends, by its status and what it holds."""
    if response.get("status") == "incomplete":
        details = response.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        return _STOP_OF_REASON.get(reason, Stop.LENGTH) if isinstance(reason, str) else Stop.LENGTH
    if text_in(response, "status") in _UNFINISHED:
        return Stop.PAUSED
    if any(isinstance(part, ToolCall) for part in parts):
        return Stop.TOOL_CALLS
    return Stop.REFUSED if any(isinstance(part, Refusal) for part in parts) else Stop.END


def chances_of(logprobs: JsonValue) -> tuple[TokenChance, ...]:
    """Return the probabilities of tokens; what is not of the form is left out."""
    if not isinstance(logprobs, list):
        return ()
    chances = []
    for value in logprobs:
        chance = _chance_of(value)
        if chance is not None:
            top = [found for found in map(_chance_of, list_of(value.get("top_logprobs"))) if found is not None]
            chances.append(TokenChance(*chance, tuple(top)))
    return tuple(chances)


def custom_arguments(item: dict[str, Any]) -> str:
    return msgspec.json.encode({"input": text_in(item, "input")}).decode()


def call_id_of(item: dict[str, Any], position: int) -> str:
    return text_in(item, "call_id") or text_in(item, "id") or f"call_{position}"


def created_of(response: dict[str, Any]) -> int | None:
    created = response.get("created_at")
    if isinstance(created, bool) or not isinstance(created, int | float) or not 0 < created < 1e12:
        return None
    return int(created)


def _joined(item: dict[str, Any], name: str) -> str:
    return join_reasoning([text_in(part, "text") for part in list_of(item.get(name))])


def _chances_of_item(item: JsonValue) -> list[TokenChance]:
    if not isinstance(item, dict) or item.get("type") != "message":
        return []
    return [
        chance
        for content in list_of(item.get("content"))
        if isinstance(content, dict)
        for chance in chances_of(content.get("logprobs"))
    ]


def _chance_of(value: JsonValue) -> tuple[str, float] | None:
    if not isinstance(value, dict):
        return None
    token, logprob = value.get("token"), number_of(value.get("logprob"))
    return (token, max(-1e9, min(logprob, 1e9))) if isinstance(token, str) and logprob is not None else None
