"""What callers may ask for besides: in neutral words with what every vendor words otherwise, and member by member."""

from typing import Any

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.exchange.conversation import (
    AnswerForm,
    CacheHint,
    Citation,
    Conversation,
    Media,
    MediaKind,
    Part,
    Reasoning,
    Refusal,
    Role,
    Sampling,
    Seal,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    Turn,
)

_TOOL = Tool("weather", parameters={"type": "object", "properties": {}, "additionalProperties": False})
_CLOSED = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0}}, "additionalProperties": False}
_ANOTHERS = Seal(DialectName.OPENAI_CHAT, "AA==")
"""A seal of a dialect that none of the others can use."""


def _asks(*parts: Part, **members: Any) -> Conversation:
    return Conversation((Turn(Role.USER, (*parts, Text("hello"))),), **{"max_tokens": 20_000, **members})


def _after(*said: Part) -> Conversation:
    """Return a conversation in which the assistant has spoken."""
    return Conversation(
        (Turn(Role.USER, (Text("hello"),)), Turn(Role.ASSISTANT, said), Turn(Role.USER, (Text("go on"),))),
        max_tokens=20_000,
    )


def _after_call(call: ToolCall, result: ToolResult) -> Conversation:
    turns = (Turn(Role.USER, (Text("hello"),)), Turn(Role.ASSISTANT, (call,)), Turn(Role.USER, (result,)))
    return Conversation(turns, (_TOOL,), max_tokens=20_000)


_CALL = ToolCall("call_1", "weather")
_RESULT = ToolResult("call_1", "weather", (Text("sunny"),))
_PDF = Media(MediaKind.FILE, "application/pdf", data="JVBERi0xLjQK", name="report.pdf")

WISHES: dict[str, Conversation] = {
    "instructions after the first turn": Conversation(
        (Turn(Role.USER, (Text("a"),)), Turn(Role.SYSTEM, (Text("b"),)), Turn(Role.USER, (Text("c"),))),
        max_tokens=20_000,
    ),
    "the name of a speaker": Conversation((Turn(Role.USER, (Text("hello"),), "ann"),), max_tokens=20_000),
    "a hint at what is worth caching": _asks(Text("a long text", CacheHint())),
    "five such hints": _asks(*(Text(f"text {number}", CacheHint()) for number in range(5))),
    "how closely to look at an image": _asks(Media(MediaKind.IMAGE, "image/png", data="iVBORw0KGgo=", detail="low")),
    "the name of a file": _asks(_PDF),
    "the sources of an earlier answer": _after(Text("So it is.", citations=(Citation("https://example.com", "A"),))),
    "a refusal in an earlier answer": _after(Refusal("I cannot say.")),
    "reasoning of another provider's": _after(Reasoning("so", _ANOTHERS), Text("yes")),
    "a signature on another provider's tool call": _after_call(
        ToolCall("call_1", "weather", seal=Seal(DialectName.GEMINI, "AA==")), _RESULT
    ),
    "that a tool failed": _after_call(_CALL, ToolResult("call_1", "weather", (Text("no"),), is_error=True)),
    "that tools are called one at a time": _asks(tools=(_TOOL,), parallel_tools=False),
    "that a tool's schema is kept to (`strict`)": _asks(tools=(Tool("t", parameters=_TOOL.parameters, strict=True),)),
    "which of the tools may be called": _asks(
        tools=(_TOOL, Tool("now")), tool_choice=ToolChoice(ToolChoiceMode.AUTO, ("weather",))
    ),
    "an effort of reasoning above `high`": _asks(thinking=Thinking("xhigh")),
    "a budget of reasoning tokens": _asks(thinking=Thinking(budget_tokens=4096)),
    "no reasoning": _asks(thinking=Thinking("none")),
    "a temperature of 0.5": _asks(sampling=Sampling(temperature=0.5)),
    "a temperature of 1.5": _asks(sampling=Sampling(temperature=1.5)),
    "a temperature beside reasoning": _asks(sampling=Sampling(temperature=0.5), thinking=Thinking("low")),
    "`top_p`": _asks(sampling=Sampling(top_p=0.9)),
    "`top_p` beside a temperature": _asks(sampling=Sampling(0.5, 0.9)),
    "`top_k`": _asks(sampling=Sampling(top_k=40)),
    "a seed": _asks(sampling=Sampling(seed=7)),
    "a frequency or presence penalty": _asks(sampling=Sampling(frequency_penalty=0.5, presence_penalty=0.5)),
    "a stop sequence of white space": _asks(stop=("\n",)),
    "six stop sequences": _asks(stop=tuple("abcdef")),
    "bounds within a JSON schema": _asks(form=AnswerForm(_CLOSED)),
    "the description of a JSON schema": _asks(form=AnswerForm(_TOOL.parameters, "a", "An answer.")),
    "an answer of 4 tokens at most": _asks(max_tokens=4),
    "on whose behalf the call is (`user`)": _asks(user="user-17"),
    "a service tier (`flex`)": _asks(service_tier="flex"),
}
"""What is wished for, in the words of a reader, and a conversation that wishes it and nothing else."""

_FUNCTION = {"name": "f", "parameters": {"type": "object", "properties": {}}}
_CHAT_TOOL = {"type": "function", "function": _FUNCTION}
_CLAUDE_TOOL = {"name": "f", "input_schema": {"type": "object"}}

ASKS: dict[DialectName, dict[str, Any]] = {
    DialectName.OPENAI_CHAT: {"model": "m", "messages": [{"role": "user", "content": "hi"}]},
    DialectName.OPENAI_RESPONSES: {"model": "m", "input": "hi"},
    DialectName.ANTHROPIC: {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]},
    DialectName.GEMINI: {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
}
"""The smallest request of each caller's dialect."""

MEMBERS: dict[DialectName, dict[str, Any]] = {
    DialectName.OPENAI_CHAT: {
        "audio": {"voice": "alloy", "format": "wav"},
        "frequency_penalty": 0.5,
        "function_call": {"functions": [_FUNCTION], "function_call": "auto"},
        "functions": [_FUNCTION],
        "logit_bias": {"50256": -100},
        "logprobs": True,
        "max_completion_tokens": 10,
        "max_tokens": 10,
        "metadata": {"a": "b"},
        "modalities": ["text", "audio"],
        "moderation": {"model": "m"},
        "n": 2,
        "parallel_tool_calls": False,
        "prediction": {"type": "content", "content": "x"},
        "presence_penalty": 0.5,
        "prompt_cache_key": "k",
        "prompt_cache_options": {"mode": "auto"},
        "prompt_cache_retention": "24h",
        "reasoning_effort": "high",
        "response_format": {"type": "json_object"},
        "safety_identifier": "u",
        "seed": 7,
        "service_tier": "flex",
        "stop": ["END"],
        "store": True,
        "stream_options": {"include_usage": True, "include_obfuscation": False},
        "temperature": 0.5,
        "tool_choice": {"tools": [_CHAT_TOOL], "tool_choice": "required"},
        "tools": [_CHAT_TOOL],
        "top_logprobs": {"logprobs": True, "top_logprobs": 2},
        "top_p": 0.9,
        "user": "u",
        "verbosity": "low",
        "web_search_options": {"search_context_size": "low"},
    },
    DialectName.OPENAI_RESPONSES: {
        "access_programs": ["x"],
        "background": True,
        "background_options": {"a": "b"},
        "context_management": [{"type": "compaction"}],
        "conversation": "conv_1",
        "image": {"a": "b"},
        "include": ["file_search_call.results"],
        "instructions": "Be brief.",
        "max_output_tokens": 100,
        "max_tool_calls": 3,
        "metadata": {"a": "b"},
        "moderation": {"model": "m"},
        "parallel_tool_calls": False,
        "previous_response_id": "resp_1",
        "prompt": {"id": "pmpt_1"},
        "prompt_cache_key": "k",
        "prompt_cache_options": {"mode": "auto"},
        "prompt_cache_retention": "24h",
        "reasoning": {"effort": "high"},
        "safety_identifier": "u",
        "service_tier": "flex",
        "store": True,
        "stream_options": {"include_obfuscation": False},
        "temperature": 0.5,
        "text": {"format": {"type": "json_object"}},
        "tool_choice": {"tools": [{"type": "function", **_FUNCTION}], "tool_choice": "required"},
        "tools": [{"type": "function", **_FUNCTION}],
        "top_logprobs": 2,
        "top_p": 0.9,
        "truncation": "auto",
        "user": "u",
    },
    DialectName.ANTHROPIC: {
        "cache_control": {"type": "ephemeral"},
        "container": "container_1",
        "diagnostics": {"a": "b"},
        "inference_geo": "us",
        "metadata": {"user_id": "u"},
        "output_config": {"effort": "high"},
        "service_tier": "standard_only",
        "speed": "fast",
        "stop_sequences": ["END"],
        "system": "Be brief.",
        "temperature": 0.5,
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "tool_choice": {"tools": [_CLAUDE_TOOL], "tool_choice": {"type": "any"}},
        "tools": [_CLAUDE_TOOL],
        "top_k": 40,
        "top_p": 0.9,
        "user_profile_id": "u",
        "workspace_id": "w",
        "mcp_servers": [{"type": "url", "url": "https://example.com", "name": "x"}],
    },
    DialectName.GEMINI: {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
        "toolConfig": {
            "tools": [{"functionDeclarations": [{"name": "f"}]}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        },
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_LOW_AND_ABOVE"}],
        "cachedContent": "cachedContents/1",
        "labels": {"a": "b"},
        "serviceTier": "flex",
        "store": True,
        "modelArmorConfig": {"promptTemplateName": "x"},
        **{
            f"generationConfig.{name}": value
            for name, value in {
                "temperature": 0.5,
                "topP": 0.9,
                "topK": 40,
                "candidateCount": 2,
                "maxOutputTokens": 10,
                "stopSequences": ["END"],
                "responseLogprobs": True,
                "logprobs": {"responseLogprobs": True, "logprobs": 2},
                "presencePenalty": 0.5,
                "frequencyPenalty": 0.5,
                "seed": 7,
                "responseMimeType": "application/json",
                "responseSchema": {"responseMimeType": "application/json", "responseSchema": {"type": "OBJECT"}},
                "responseJsonSchema": {
                    "responseMimeType": "application/json",
                    "responseJsonSchema": {"type": "object"},
                },
                "responseFormat": {"text": {"mimeType": "application/json"}},
                "responseModalities": ["TEXT", "IMAGE"],
                "thinkingConfig": {"thinkingBudget": 2048},
                "mediaResolution": "MEDIA_RESOLUTION_LOW",
                "speechConfig": {"voiceConfig": {}},
                "audioTimestamp": True,
                "audioTranscriptionConfig": {"a": "b"},
                "imageConfig": {"aspectRatio": "1:1"},
                "routingConfig": {"autoMode": {}},
                "modelSelectionConfig": {"a": "b"},
                "enableAffectiveDialog": True,
                "enableEnhancedCivicAnswers": True,
                "translationConfig": {"a": "b"},
            }.items()
        },
    },
}
"""Every member of a vendor's request beside those of `ASKS`, with a value that says something.

Where one needs another beside it, both stand in an object under its own name: see `request_with`.
"""


def request_with(dialect: DialectName, member: str) -> dict[str, Any]:
    """Return the smallest request of a dialect that has this member."""
    value = MEMBERS[dialect][member]
    group, _, name = member.rpartition(".")
    inner = value if isinstance(value, dict) and name in value else {name: value}
    return {**ASKS[dialect], **({group: inner} if group else inner)}
