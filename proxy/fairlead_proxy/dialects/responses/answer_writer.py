"""Writing a whole answer of the Responses API, and the response object that its streams repeat."""

import hashlib
from typing import Any

import msgspec

from fairlead_proxy.dialects.dialect import ReadRequest
from fairlead_proxy.dialects.json_text import decode_json
from fairlead_proxy.dialects.responses.output_items import (
    COMPLETED,
    INCOMPLETE,
    JsonObject,
    call_item,
    call_seal_item,
    image_item,
    message_item,
    reasoning_id,
    reasoning_item,
    refusal_content,
    text_content,
)
from fairlead_proxy.dialects.responses.usage import usage_object
from fairlead_proxy.exchange.completion import Choice, Completion, Stop, TokenChance
from fairlead_proxy.exchange.conversation import Media, MediaKind, Reasoning, Refusal, Text, ToolCall
from fairlead_proxy.exchange.usage import Usage

_REASON_OF_STOP = {
    Stop.LENGTH: "max_output_tokens",
    Stop.PAUSED: "max_output_tokens",
    Stop.FILTERED: "content_filter",
    Stop.REFUSED: "content_filter",
}
_ECHOED: dict[str, tuple[type | tuple[type, ...], object]] = {
    "background": (bool, False),
    "instructions": ((str, list), None),
    "max_output_tokens": (int, None),
    "max_tool_calls": (int, None),
    "metadata": (dict, {}),
    "parallel_tool_calls": (bool, True),
    "prompt_cache_key": (str, None),
    "reasoning": (dict, {"effort": None, "summary": None}),
    "safety_identifier": (str, None),
    "service_tier": (str, "default"),
    "temperature": ((int, float), 1.0),
    "text": (dict, {"format": {"type": "text"}}),
    "tool_choice": ((str, dict), "auto"),
    "top_logprobs": (int, 0),
    "top_p": ((int, float), 1.0),
    "truncation": (str, "disabled"),
    "user": (str, None),
}
"""What a response repeats of its request, the types it may have, and what the vendor says where it was not given.

Source: https://platform.openai.com/docs/api-reference/responses/object
"""


class ResponseFrame:
    """All of a response but its output: who answers, and what the caller had asked for."""

    def __init__(self, request: ReadRequest, *, id: str, model: str, created: int | None, now: float) -> None:
        self._echo = _echo_of(request.body)
        self.id = _response_id(id, request.body, now)
        self._model = model or request.model
        self._created = int(now) if created is None else created

    def item_id(self, kind: str, index: int) -> str:
        """Return the id of the output item at this place; `kind`: msg, fc, rs, ig."""
        return f"{kind}_{self.id.removeprefix('resp_')}_{index}"

    def response(
        self, status: str, output: list[JsonObject], usage: Usage | None = None, reason: str | None = None
    ) -> JsonObject:
        """Return the response; `reason`: why it is incomplete. Nothing is kept here, so `store` is false."""
        return {
            "id": self.id,
            "object": "response",
            "created_at": self._created,
            "status": status,
            "error": None,
            "incomplete_details": None if reason is None else {"reason": reason},
            "model": self._model,
            "output": output,
            "previous_response_id": None,
            "store": False,
            **self._echo,
            "usage": usage_object(usage),
        }


def write_responses_answer(completion: Completion, *, request: ReadRequest, now: float) -> bytes:
    """Return a whole answer; of several choices the first. See CallerDialect."""
    frame = ResponseFrame(request, id=completion.id, model=completion.model, created=completion.created, now=now)
    choice = completion.choices[0] if completion.choices else Choice()
    reason = incomplete_reason(choice.stop, has_refusal=any(isinstance(part, Refusal) for part in choice.parts))
    output = _output_of(choice, frame)
    if reason is not None and output and "status" in output[-1]:
        output[-1]["status"] = INCOMPLETE
    status = COMPLETED if reason is None else INCOMPLETE
    return msgspec.json.encode(frame.response(status, output, completion.usage, reason))


def incomplete_reason(stop: Stop, *, has_refusal: bool) -> str | None:
    """Return why a response is incomplete; None: it is complete, as it is with a refusal in so many words."""
    if stop is Stop.REFUSED and has_refusal:
        return None
    return _REASON_OF_STOP.get(stop)


def _output_of(choice: Choice, frame: ResponseFrame) -> list[JsonObject]:
    """Return the output items; texts and refusals that follow each other stand in one message."""
    output: list[JsonObject] = []
    content: list[JsonObject] | None = None
    chances: tuple[TokenChance, ...] = choice.chances
    for part in choice.parts:
        if isinstance(part, Text | Refusal):
            if content is None:
                content = []
                output.append(message_item(frame.item_id("msg", len(output)), content, COMPLETED))
            if isinstance(part, Refusal):
                content.append(refusal_content(part.text))
            else:
                content.append(text_content(part.text, part.citations, chances))
                chances = ()
        else:
            content = None
            output += _items_of(part, frame, len(output))
    return output


def _items_of(part: Reasoning | ToolCall | Media, frame: ResponseFrame, index: int) -> list[JsonObject]:
    match part:
        case Reasoning():
            if not part.text and part.seal is None:
                return []
            return [reasoning_item(reasoning_id(part, frame.item_id("rs", index)), part.text, part.seal)]
        case ToolCall():
            items = []
            if part.seal is not None:
                items.append(call_seal_item(frame.item_id("rs", index), part.id, part.seal))
            items.append(call_item(frame.item_id("fc", index + len(items)), part, COMPLETED))
            return items
        case Media():
            if part.kind is MediaKind.IMAGE and part.data:
                return [image_item(frame.item_id("ig", index), part, COMPLETED)]
            return []


def _echo_of(body: bytes) -> JsonObject:
    """Return what of the request a response repeats; a value of another type is as good as none."""
    try:
        decoded: Any = decode_json(body)
    except ValueError:
        decoded = None
    given = decoded if isinstance(decoded, dict) else {}
    echo: JsonObject = {}
    for name, (types, default) in _ECHOED.items():
        value = given.get(name)
        known = isinstance(value, types) and (not isinstance(value, bool) or types is bool)
        echo[name] = value if known else default
    if "format" not in echo["text"]:
        echo["text"] = {"format": {"type": "text"}, **echo["text"]}
    tools = given.get("tools")
    echo["tools"] = [_echo_of_tool(tool) for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    return echo


def _echo_of_tool(tool: JsonObject) -> JsonObject:
    if tool.get("type") != "function":
        return tool
    return {"description": None, "parameters": None, "strict": False, **tool}


def _response_id(id: str, body: bytes, now: float) -> str:
    if id.startswith("resp_"):
        return id
    if not id:
        id = hashlib.sha256(b"%r %b" % (now, body)).hexdigest()[:32]
    return f"resp_{id}"
