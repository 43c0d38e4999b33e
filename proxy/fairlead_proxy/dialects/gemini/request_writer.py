"""Writing a conversation as a request of generateContent, or of countTokens, for a provider."""

from typing import Any

import msgspec

from fairlead_proxy.contract.names import Feature
from fairlead_proxy.dialects.dialect import Written
from fairlead_proxy.dialects.gemini.contents_writer import WrittenContents, write_contents
from fairlead_proxy.dialects.gemini.thinking import write_thinking
from fairlead_proxy.dialects.losses import Loss, above, beyond
from fairlead_proxy.exchange.conversation import Conversation, JsonObject, Sampling, Tool, ToolChoice, ToolChoiceMode

_MAX_TEMPERATURE = 2.0
_MAX_STOPS = 5
_MAX_CHANCES = 20
_SEEDS = range(-(2**31), 2**31)
"""Sources of these four: https://ai.google.dev/api/generate-content#generationconfig"""

_MODE_OF_CHOICE = {
    ToolChoiceMode.AUTO: "AUTO",
    ToolChoiceMode.NONE: "NONE",
    ToolChoiceMode.ANY: "ANY",
    ToolChoiceMode.NAMED: "ANY",
}


def write_generate_request(conversation: Conversation, *, model: str) -> Written:
    """Return the body; see ProviderDialect.write_request. The model and the mode stand in the path.

    Source: https://ai.google.dev/api/generate-content; Vertex AI takes all of it.
    """
    lost = _unsaid(conversation)
    written = write_contents(conversation.turns, model=model, lost=lost)
    body = _body_of(written)
    if conversation.tools:
        body["tools"] = [{"functionDeclarations": [_declare(tool, lost) for tool in conversation.tools]}]
        if conversation.tool_choice is not None:
            body["toolConfig"] = {"functionCallingConfig": _calling(conversation.tool_choice)}
    config = _config(conversation, model, lost)
    if config:
        body["generationConfig"] = config
    return Written(msgspec.json.encode(body), tuple(sorted(lost)))


def write_count_request(conversation: Conversation, *, model: str) -> Written:
    """Return the body of a request for a count.

    The Gemini API wraps instructions and tools in a whole request, Vertex AI has them beside the contents, and each
    refuses the other's form (https://ai.google.dev/api/tokens and
    https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/count-tokens). Both take contents alone: so
    instructions and tools are counted as the texts that they are.
    """
    lost: set[str] = set()
    written = write_contents(conversation.turns, model=model, lost=lost)
    ahead = [*written.instructions]
    if conversation.tools:
        declared = [_declare(tool, lost) for tool in conversation.tools]
        ahead.append({"text": msgspec.json.encode(declared).decode()})
    contents = [*([{"role": "user", "parts": ahead}] if ahead else []), *written.contents]
    return Written(msgspec.json.encode({"contents": contents}), tuple(sorted(lost)))


def _body_of(written: WrittenContents) -> JsonObject:
    body: JsonObject = {"contents": written.contents}
    if written.instructions:
        body["systemInstruction"] = {"parts": written.instructions}
    return body


def _unsaid(conversation: Conversation) -> set[str]:
    """Return what there is no word for, whatever the model."""
    lost: set[str] = set()
    if conversation.user is not None:
        lost.add(Loss.USER)
    if conversation.service_tier is not None:
        lost.add(Loss.SERVICE_TIER)
    if conversation.parallel_tools is False and conversation.tools:
        lost.add(Loss.ONE_CALL_AT_A_TIME)
    return lost


def _declare(tool: Tool, lost: set[str]) -> JsonObject:
    """`parametersJsonSchema` takes any JSON schema; `parameters` only what OpenAPI 3.0 has words for."""
    if tool.cache is not None:
        lost.add(Loss.CACHE_HINT)
    if tool.strict:
        lost.add(Loss.STRICT_TOOL)
    declared: JsonObject = {"name": tool.name}
    if tool.description:
        declared["description"] = tool.description
    if tool.parameters is not None:
        declared["parametersJsonSchema"] = tool.parameters
    return declared


def _calling(choice: ToolChoice) -> JsonObject:
    """Names need ANY or VALIDATED; the latter leaves the model free not to call, as AUTO does.

    Source: https://ai.google.dev/gemini-api/docs/function-calling#function_calling_modes
    """
    mode = _MODE_OF_CHOICE[choice.mode]
    if not choice.names or mode == "NONE":
        return {"mode": mode}
    return {"mode": "VALIDATED" if mode == "AUTO" else mode, "allowedFunctionNames": list(choice.names)}


def _config(conversation: Conversation, model: str, lost: set[str]) -> JsonObject:
    config = _sampling(conversation.sampling, lost)
    if conversation.max_tokens is not None:
        config["maxOutputTokens"] = conversation.max_tokens
    if conversation.stop:
        if len(conversation.stop) > _MAX_STOPS:
            lost.add(beyond(Feature.STOP, _MAX_STOPS))
        config["stopSequences"] = list(conversation.stop[:_MAX_STOPS])
    if conversation.choices > 1:
        config["candidateCount"] = conversation.choices
    form = conversation.form
    if form is not None:
        config["responseMimeType"] = "application/json"
        if form.schema is not None:
            config["responseJsonSchema"] = form.schema
        if form.description:
            lost.add(Loss.SCHEMA_DESCRIPTION)
    if conversation.thinking is not None:
        thinking = write_thinking(conversation.thinking, model, lost)
        if thinking:
            config["thinkingConfig"] = thinking
    return config


def _sampling(sampling: Sampling, lost: set[str]) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if sampling.temperature is not None:
        if sampling.temperature > _MAX_TEMPERATURE:
            lost.add(above(Loss.TEMPERATURE, 2))
        config["temperature"] = min(sampling.temperature, _MAX_TEMPERATURE)
    if sampling.seed is not None and sampling.seed not in _SEEDS:
        lost.add(Loss.SEED)
    elif sampling.seed is not None:
        config["seed"] = sampling.seed
    for name, value in (
        ("topP", sampling.top_p),
        ("topK", sampling.top_k),
        ("frequencyPenalty", sampling.frequency_penalty),
        ("presencePenalty", sampling.presence_penalty),
    ):
        if value is not None:
            config[name] = value
    if sampling.logprobs is not None:
        config["responseLogprobs"] = True
        if sampling.logprobs > _MAX_CHANCES:
            lost.add(beyond(Loss.ALTERNATIVES, _MAX_CHANCES))
        if sampling.logprobs > 0:
            config["logprobs"] = min(sampling.logprobs, _MAX_CHANCES)
    return config
