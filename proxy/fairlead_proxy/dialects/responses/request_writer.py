"""Writing a conversation as a request of the Responses API, which is to keep nothing."""

from typing import Any

import msgspec

from fairlead_proxy.contract.names import Feature
from fairlead_proxy.dialects.dialect import Written
from fairlead_proxy.dialects.losses import Loss, above, below, beyond
from fairlead_proxy.dialects.reasoning_effort import effort_in
from fairlead_proxy.dialects.responses.item_writer import ItemWriter
from fairlead_proxy.dialects.responses.settings import ENCRYPTED, LOGPROBS
from fairlead_proxy.exchange.conversation import (
    AnswerForm,
    Conversation,
    Sampling,
    Thinking,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)

JsonObject = dict[str, Any]

_MIN_OUTPUT_TOKENS = 16
"""Source: https://platform.openai.com/docs/api-reference/responses/create, "max_output_tokens"."""
_MAX_LOGPROBS = 20
_MAX_TEMPERATURE = 2.0
_TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast", "ultrafast"})
_NO_PARAMETERS: JsonObject = {"type": "object", "properties": {}}
_COUNTED = ("model", "input", "tools", "tool_choice", "parallel_tool_calls", "text", "reasoning")
"""Source: https://platform.openai.com/docs/api-reference/responses/input-tokens"""


def write_responses_request(conversation: Conversation, *, model: str) -> Written:
    """Return the body; see ProviderDialect. Source: https://platform.openai.com/docs/api-reference/responses/create

    Nothing is stored, so reasoning comes back encrypted, for the caller to keep.
    """
    body, lost = _request_of(conversation, model)
    return Written(msgspec.json.encode(body), tuple(sorted(lost)))


def write_count_request(conversation: Conversation, *, model: str) -> Written:
    """Return the body that asks how many tokens such a request would have: of its members those that are counted."""
    body, lost = _request_of(conversation, model)
    return Written(msgspec.json.encode({name: body[name] for name in _COUNTED if name in body}), tuple(sorted(lost)))


def _request_of(conversation: Conversation, model: str) -> tuple[JsonObject, set[str]]:
    writer = ItemWriter()
    writer.write(conversation.turns)
    lost = writer.lost
    body: JsonObject = {"model": model, "input": writer.items, "store": False, "stream": conversation.stream}
    include = []
    thinking = conversation.thinking
    if writer.has_reasoning or (thinking is not None and not thinking.off):
        include.append(ENCRYPTED)
    if conversation.tools:
        body["tools"] = [_tool(tool, lost) for tool in conversation.tools]
        if conversation.tool_choice is not None:
            body["tool_choice"] = _tool_choice(conversation.tool_choice)
        if conversation.parallel_tools is not None:
            body["parallel_tool_calls"] = conversation.parallel_tools
    if conversation.form is not None:
        body["text"] = {"format": _format(conversation.form)}
    if thinking is not None:
        body["reasoning"] = _reasoning(thinking, lost)
    if conversation.max_tokens is not None:
        if conversation.max_tokens < _MIN_OUTPUT_TOKENS:
            lost.add(below(Loss.MAX_TOKENS, _MIN_OUTPUT_TOKENS))
        body["max_output_tokens"] = max(conversation.max_tokens, _MIN_OUTPUT_TOKENS)
    if conversation.user is not None:
        body["user"] = conversation.user
    if conversation.service_tier is not None:
        if conversation.service_tier in _TIERS:
            body["service_tier"] = conversation.service_tier
        else:
            lost.add(Loss.SERVICE_TIER)
    if conversation.stop:
        lost.add(Feature.STOP)
    if conversation.choices > 1:
        lost.add(Feature.CHOICES)
    _write_sampling(conversation.sampling, body, include, lost)
    if include:
        body["include"] = include
    return body, lost


def _write_sampling(sampling: Sampling, body: JsonObject, include: list[str], lost: set[str]) -> None:
    if sampling.temperature is not None:
        if sampling.temperature > _MAX_TEMPERATURE:
            lost.add(above(Loss.TEMPERATURE, 2))
        body["temperature"] = min(sampling.temperature, _MAX_TEMPERATURE)
    if sampling.top_p is not None:
        body["top_p"] = sampling.top_p
    if sampling.logprobs is not None:
        include.append(LOGPROBS)
        if sampling.logprobs > _MAX_LOGPROBS:
            lost.add(beyond(Loss.ALTERNATIVES, _MAX_LOGPROBS))
        body["top_logprobs"] = min(sampling.logprobs, _MAX_LOGPROBS)
    for name in ("top_k", "seed", "frequency_penalty", "presence_penalty"):
        if getattr(sampling, name) is not None:
            lost.add(Loss(name))


def _tool(tool: Tool, lost: set[str]) -> JsonObject:
    """Here a tool is strict unless the request says otherwise; who did not ask for it has not written it so.

    Source: https://platform.openai.com/docs/guides/migrate-to-responses, "Update function definitions".
    """
    if tool.cache is not None:
        lost.add(Loss.CACHE_HINT)
    written: JsonObject = {"type": "function", "name": tool.name}
    if tool.description is not None:
        written["description"] = tool.description
    written["parameters"] = _NO_PARAMETERS if tool.parameters is None else tool.parameters
    written["strict"] = bool(tool.strict)
    return written


def _tool_choice(choice: ToolChoice) -> str | JsonObject:
    match choice.mode:
        case ToolChoiceMode.NONE:
            return "none"
        case ToolChoiceMode.NAMED:
            return {"type": "function", "name": choice.names[0]} if choice.names else "required"
        case ToolChoiceMode.AUTO | ToolChoiceMode.ANY:
            mode = "auto" if choice.mode is ToolChoiceMode.AUTO else "required"
            if not choice.names:
                return mode
            tools = [{"type": "function", "name": name} for name in choice.names]
            return {"type": "allowed_tools", "mode": mode, "tools": tools}


def _format(form: AnswerForm) -> JsonObject:
    if form.schema is None:
        return {"type": "json_object"}
    written: JsonObject = {"type": "json_schema", "name": form.name or "answer", "schema": form.schema}
    if form.description is not None:
        written["description"] = form.description
    if form.strict is not None:
        written["strict"] = form.strict
    return written


def _reasoning(thinking: Thinking, lost: set[str]) -> JsonObject:
    written: JsonObject = {}
    effort = "none" if thinking.off else effort_in(thinking)
    if effort is not None:
        written["effort"] = effort
    if thinking.budget_tokens:
        lost.add(Loss.REASONING_BUDGET)
    if thinking.shown:
        written["summary"] = "auto"
    return written
