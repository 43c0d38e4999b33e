"""Writing a conversation as a request in Anthropic's form."""

import msgspec
from msgspec import structs

from fairlead_proxy.contract.names import Feature
from fairlead_proxy.dialects.anthropic.cache_marks import MOST_MARKS, keep_last_marks
from fairlead_proxy.dialects.anthropic.content_writer import Messages, cache_control
from fairlead_proxy.dialects.anthropic.conversation_reader import NEUTRAL_TIERS
from fairlead_proxy.dialects.anthropic.thinking_writer import write_thinking
from fairlead_proxy.dialects.claude_models import abilities_of
from fairlead_proxy.dialects.claude_sampling import fit_sampling
from fairlead_proxy.dialects.claude_schema import write_schema
from fairlead_proxy.dialects.dialect import Written
from fairlead_proxy.dialects.losses import Loss, beyond
from fairlead_proxy.exchange.conversation import Conversation, JsonObject, Sampling, Tool, ToolChoiceMode

_TIER_OF = {"auto": "auto", **{neutral: own for own, neutral in NEUTRAL_TIERS.items()}}


def write_messages_request(conversation: Conversation, *, model: str) -> Written:
    """Return the body for a model of this upstream name. Source: https://docs.anthropic.com/en/api/messages"""
    body, lost = _write(conversation, model)
    return Written(msgspec.json.encode(body), tuple(sorted(lost)))


def write_count_request(conversation: Conversation, *, model: str) -> Written:
    """Return the body of the request to count a conversation's tokens: without what has none.

    Source: https://docs.anthropic.com/en/api/messages-count-tokens
    """
    counted = structs.replace(
        conversation, sampling=Sampling(), stop=(), user=None, service_tier=None, stream=False, choices=1
    )
    body, lost = _write(counted, model)
    del body["max_tokens"]
    return Written(msgspec.json.encode(body), tuple(sorted(lost)))


def _write(conversation: Conversation, model: str) -> tuple[JsonObject, set[str]]:
    abilities = abilities_of(model)
    content = Messages(conversation.turns, prefill=abilities.prefill)
    lost = content.lost
    body: JsonObject = {"model": model}
    if content.system:
        body["system"] = content.system
    tools = _offered(conversation)
    choice = _tool_choice(conversation) if tools else None
    forced = choice is not None and choice["type"] in ("any", "tool")
    asked = write_thinking(conversation, abilities, forced=forced, lacks_thinking=content.lacks_thinking, lost=lost)
    if asked.off:
        content.leave_out_thinking()
    body["messages"] = content.messages
    body["max_tokens"] = asked.max_tokens
    if asked.thinking is not None:
        body["thinking"] = asked.thinking
    config: JsonObject = {} if asked.effort is None else {"effort": asked.effort}
    if conversation.form is not None:
        config |= _form(conversation, lost)
    if config:
        body["output_config"] = config
    if tools:
        body["tools"] = tools
    if choice is not None:
        body["tool_choice"] = choice
    sampling = fit_sampling(conversation.sampling, abilities, thinks=asked.thinks, lost=lost)
    for name in ("temperature", "top_p", "top_k"):
        if getattr(sampling, name) is not None:
            body[name] = getattr(sampling, name)
    body |= _settings(conversation, lost)
    if keep_last_marks(body):
        lost.add(beyond(Loss.CACHE_HINTS, MOST_MARKS))
    return body, lost


def _offered(conversation: Conversation) -> list[JsonObject]:
    """Return the tools; where the choice allows only some, these: the dialect has no other word for it."""
    choice = conversation.tool_choice
    allowed = choice.names if choice is not None and choice.mode is not ToolChoiceMode.NAMED else ()
    return [_tool(tool) for tool in conversation.tools if not allowed or tool.name in allowed]


def _tool(tool: Tool) -> JsonObject:
    schema = tool.parameters or {"type": "object", "properties": {}}
    if "type" not in schema:
        schema = {"type": "object", **schema}
    written: JsonObject = {"name": tool.name, "input_schema": schema}
    if tool.description:
        written["description"] = tool.description
    if tool.strict is not None:
        written["strict"] = tool.strict
    if tool.cache is not None:
        written["cache_control"] = cache_control(tool.cache)
    return written


def _tool_choice(conversation: Conversation) -> JsonObject | None:
    choice = conversation.tool_choice
    alone: JsonObject = {}
    if conversation.parallel_tools is not None:
        alone = {"disable_parallel_tool_use": not conversation.parallel_tools}
    if choice is None:
        return {"type": "auto", **alone} if conversation.parallel_tools is False else None
    match choice.mode:
        case ToolChoiceMode.AUTO:
            return {"type": "auto", **alone}
        case ToolChoiceMode.ANY:
            return {"type": "any", **alone}
        case ToolChoiceMode.NONE:
            return {"type": "none"}
        case ToolChoiceMode.NAMED:
            return {"type": "tool", "name": choice.names[0] if choice.names else "", **alone}


def _form(conversation: Conversation, lost: set[str]) -> JsonObject:
    form = conversation.form
    if form is None or form.schema is None:
        lost.add(Feature.ANY_JSON)
        return {}
    if form.description:
        lost.add(Loss.SCHEMA_DESCRIPTION)
    schema, weaker = write_schema(form.schema)
    if weaker:
        lost.add(Loss.SCHEMA_CONSTRAINTS)
    return {"format": {"type": "json_schema", "schema": schema}}


def _settings(conversation: Conversation, lost: set[str]) -> JsonObject:
    """Return the members that stand for themselves."""
    written: JsonObject = {}
    stop = [sequence for sequence in conversation.stop if sequence.strip()]
    if len(stop) < len(conversation.stop):
        lost.add(Loss.BLANK_STOP)
    if stop:
        written["stop_sequences"] = stop
    if conversation.user:
        written["metadata"] = {"user_id": conversation.user}
    if conversation.service_tier is not None:
        tier = _TIER_OF.get(conversation.service_tier)
        if tier is None:
            lost.add(Loss.SERVICE_TIER)
        else:
            written["service_tier"] = tier
    if conversation.stream:
        written["stream"] = True
    if conversation.choices > 1:
        lost.add(Feature.CHOICES)
    return written
