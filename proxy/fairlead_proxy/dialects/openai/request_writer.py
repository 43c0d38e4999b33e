"""Writing a conversation as a chat request for a provider."""

import msgspec

from fairlead_proxy.dialects.dialect import Written
from fairlead_proxy.dialects.json_members import members_of, removal_of, splice
from fairlead_proxy.dialects.losses import Loss, above, beyond
from fairlead_proxy.dialects.openai.message_writer import MessageWriter
from fairlead_proxy.dialects.reasoning_effort import effort_in
from fairlead_proxy.exchange.conversation import (
    AnswerForm,
    Conversation,
    JsonObject,
    Sampling,
    Thinking,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)

_STREAM_OPTIONS = "stream_options"
_SERVICE_TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})
_MAX_ALTERNATIVES = 20
_MAX_TEMPERATURE = 2.0
_FORM_NAME = "answer"
"""A schema must have a name here; of letters, digits, `_` and `-`."""


def write_chat_request(conversation: Conversation, *, model: str) -> Written:
    """Return the body for a model of this upstream name; a stream is asked for its token counts.

    Source: https://platform.openai.com/docs/api-reference/chat/create. Members are OpenAI's own, all of them: many
    servers refuse what they do not know.
    """
    writer = MessageWriter()
    messages = [message for turn in conversation.turns for message in writer.write(turn)]
    lost = writer.lost
    body: JsonObject = {"model": model, "messages": messages}
    body |= _tools(conversation, lost)
    if conversation.max_tokens is not None:
        body["max_completion_tokens"] = conversation.max_tokens
    if conversation.stop:
        body["stop"] = conversation.stop
    body |= _sampling(conversation.sampling, lost)
    if conversation.choices > 1:
        body["n"] = conversation.choices
    if conversation.form is not None:
        body["response_format"] = _form(conversation.form)
    if conversation.thinking is not None:
        body |= _thinking(conversation.thinking, lost)
    if conversation.user is not None:
        body["user"] = conversation.user
    if conversation.service_tier in _SERVICE_TIERS:
        body["service_tier"] = conversation.service_tier
    elif conversation.service_tier is not None:
        lost.add(Loss.SERVICE_TIER)
    if conversation.stream:
        body |= {"stream": True, _STREAM_OPTIONS: {"include_usage": True}}
    return Written(msgspec.json.encode(body), tuple(sorted(lost)))


def without_stream_options(body: bytes) -> bytes:
    """Return a body that was written here without the question for token counts, for a target that refuses it."""
    edits = [removal_of(body, member) for name, member in members_of(body) if name == _STREAM_OPTIONS]
    return splice(body, edits)


def _tools(conversation: Conversation, lost: set[str]) -> JsonObject:
    """Return the tools and the choice among them. Where only some are allowed, only those are offered: `allowed_tools`
    is new, and no server but OpenAI's knows it.
    """
    choice = conversation.tool_choice
    tools = conversation.tools
    if choice is not None and choice.names and choice.mode is not ToolChoiceMode.NAMED:
        tools = tuple(tool for tool in tools if tool.name in choice.names)
    if not tools:
        return {}
    if any(tool.cache is not None for tool in tools):
        lost.add(Loss.CACHE_HINT)
    written: JsonObject = {"tools": [_tool(tool) for tool in tools]}
    if choice is not None:
        written["tool_choice"] = _choice(choice)
    if conversation.parallel_tools is not None:
        written["parallel_tool_calls"] = conversation.parallel_tools
    return written


def _tool(tool: Tool) -> JsonObject:
    function: JsonObject = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _choice(choice: ToolChoice) -> str | JsonObject:
    match choice.mode:
        case ToolChoiceMode.AUTO:
            return "auto"
        case ToolChoiceMode.NONE:
            return "none"
        case ToolChoiceMode.ANY:
            return "required"
        case ToolChoiceMode.NAMED:
            return {"type": "function", "function": {"name": choice.names[0] if choice.names else ""}}


def _sampling(sampling: Sampling, lost: set[str]) -> JsonObject:
    written: JsonObject = {}
    temperature = sampling.temperature
    if temperature is not None and temperature > _MAX_TEMPERATURE:
        lost.add(above(Loss.TEMPERATURE, 2))
        temperature = _MAX_TEMPERATURE
    for name, value in (
        ("temperature", temperature),
        ("top_p", sampling.top_p),
        ("seed", sampling.seed),
        ("frequency_penalty", sampling.frequency_penalty),
        ("presence_penalty", sampling.presence_penalty),
    ):
        if value is not None:
            written[name] = value
    if sampling.top_k is not None:
        lost.add(Loss.TOP_K)
    if sampling.logprobs is not None:
        if sampling.logprobs > _MAX_ALTERNATIVES:
            lost.add(beyond(Loss.ALTERNATIVES, _MAX_ALTERNATIVES))
        written |= {"logprobs": True, "top_logprobs": min(sampling.logprobs, _MAX_ALTERNATIVES)}
    return written


def _form(form: AnswerForm) -> JsonObject:
    """Source: https://platform.openai.com/docs/guides/structured-outputs"""
    if form.schema is None:
        return {"type": "json_object"}
    described: JsonObject = {"name": form.name or _FORM_NAME, "schema": form.schema}
    if form.description is not None:
        described["description"] = form.description
    if form.strict is not None:
        described["strict"] = form.strict
    return {"type": "json_schema", "json_schema": described}


def _thinking(thinking: Thinking, lost: set[str]) -> JsonObject:
    """Return the effort. That there be none is not written: a model that does not reason refuses every word of it."""
    if thinking.off:
        lost.add(Loss.REASONING_OFF)
        return {}
    if thinking.budget_tokens is not None:
        lost.add(Loss.REASONING_BUDGET)
    effort = effort_in(thinking)
    return {} if effort is None else {"reasoning_effort": effort}
