"""For every dialect a model, a caller's request and a date, and for every feature the smallest call that uses it."""

from dataclasses import dataclass
from typing import Any

from fairlead_proxy.contract.names import DialectName, Feature, Mode
from fairlead_proxy.dialects.dialect import CallerDialect, ReadRequest
from fairlead_proxy.dialects.registry import ANTHROPIC, GEMINI, OPENAI_CHAT, OPENAI_RESPONSES
from fairlead_proxy.exchange.call import Named
from fairlead_proxy.exchange.conversation import (
    AnswerForm,
    Conversation,
    Media,
    MediaKind,
    Part,
    Role,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    Turn,
)

NOW = 1_800_000_000.0
"""Unix seconds."""

MODELS: dict[DialectName, str] = {
    DialectName.OPENAI_CHAT: "gpt-5.2",
    DialectName.OPENAI_RESPONSES: "gpt-5.2",
    DialectName.ANTHROPIC: "claude-opus-4-6",
    DialectName.GEMINI: "gemini-3-pro-preview",
    DialectName.BEDROCK: "anthropic.claude-sonnet-4-5-20250929-v1:0",
}
"""A model that each dialect is written for: what it takes is told by its name."""

TALKERS: dict[DialectName, CallerDialect] = {
    DialectName.OPENAI_CHAT: OPENAI_CHAT,
    DialectName.OPENAI_RESPONSES: OPENAI_RESPONSES,
    DialectName.ANTHROPIC: ANTHROPIC,
    DialectName.GEMINI: GEMINI,
}

_CHAT = (
    b'{"model":"smart","messages":[{"role":"user","content":"hi"}],"stream":true,'
    b'"stream_options":{"include_usage":true}}'
)
ASKED: dict[DialectName, ReadRequest] = {
    DialectName.OPENAI_CHAT: OPENAI_CHAT.read_request(_CHAT),
    DialectName.OPENAI_RESPONSES: OPENAI_RESPONSES.read_request(b'{"model":"smart","input":"hi","stream":true}'),
    DialectName.ANTHROPIC: ANTHROPIC.read_request(
        b'{"model":"smart","messages":[{"role":"user","content":"hi"}],"max_tokens":10,"stream":true}'
    ),
    DialectName.GEMINI: GEMINI.read_request(b'{"contents":[{"parts":[{"text":"hi"}]}]}', Named("smart", Mode.STREAM)),
}
"""What a caller of each dialect has asked, whose answer is written."""

MARK = "markedword"
"""Stands in every sample where the feature says something of its own."""


@dataclass(frozen=True)
class Sample:
    """The smallest conversation that uses a feature. `words`: what a body holds that says so, whichever dialect it is.

    `also`: the features that cannot be left out beside it.
    """

    conversation: Conversation
    words: tuple[str, ...]
    also: frozenset[Feature] = frozenset()


def _asked(*parts: Part, **members: Any) -> Conversation:
    return Conversation((Turn(Role.USER, (Text("hello"), *parts)),), max_tokens=20_000, **members)


def _media(kind: MediaKind, media_type: str, data: str) -> Sample:
    return Sample(_asked(Media(kind, media_type, data=data)), (data,))


def _linked(kind: MediaKind, media_type: str, ending: str) -> Sample:
    url = f"https://example.com/{MARK}.{ending}"
    return Sample(_asked(Media(kind, media_type, url=url)), (url,))


_TOOL = Tool(MARK, parameters={"type": "object", "properties": {}})
_PNG, _PDF = "iVBORw0KGgo=", "JVBERi0xLjQK"

SAMPLES: dict[Feature, Sample] = {
    Feature.TOOLS: Sample(_asked(tools=(_TOOL,)), (f'"name":"{MARK}"',)),
    Feature.TOOL_CHOICE: Sample(
        _asked(tools=(_TOOL,), tool_choice=ToolChoice(ToolChoiceMode.ANY)),
        ('"tool_choice":"required"', '"tool_choice":{"type":"any"}', '"mode":"ANY"', '"toolChoice":{"any":{}}'),
        frozenset({Feature.TOOLS}),
    ),
    Feature.TOOL_RESULT_MEDIA: Sample(
        Conversation(
            (
                Turn(Role.USER, (Text("hello"),)),
                Turn(Role.ASSISTANT, (ToolCall("call_1", MARK),)),
                Turn(
                    Role.USER,
                    (ToolResult("call_1", MARK, (Media(MediaKind.IMAGE, "image/png", data=_PNG),)),),
                ),
            ),
            (_TOOL,),
        ),
        (_PNG,),
        frozenset({Feature.TOOLS, Feature.IMAGE_DATA}),
    ),
    Feature.IMAGE_DATA: _media(MediaKind.IMAGE, "image/png", _PNG),
    Feature.IMAGE_URL: _linked(MediaKind.IMAGE, "image/png", "png"),
    Feature.FILE_DATA: _media(MediaKind.FILE, "application/pdf", _PDF),
    Feature.FILE_URL: _linked(MediaKind.FILE, "application/pdf", "pdf"),
    Feature.AUDIO: _media(MediaKind.AUDIO, "audio/wav", "UklGRg=="),
    Feature.AUDIO_URL: _linked(MediaKind.AUDIO, "audio/wav", "wav"),
    Feature.VIDEO: _media(MediaKind.VIDEO, "video/mp4", "AAAAGGZ0eXA="),
    Feature.VIDEO_URL: _linked(MediaKind.VIDEO, "video/mp4", "mp4"),
    Feature.ANY_JSON: Sample(_asked(form=AnswerForm()), ('"json_object"', '"responseMimeType":"application/json"')),
    Feature.JSON_SCHEMA: Sample(
        _asked(
            form=AnswerForm(
                {
                    "type": "object",
                    "properties": {MARK: {"type": "string"}},
                    "required": [MARK],
                    "additionalProperties": False,
                }
            )
        ),
        (MARK,),
    ),
    Feature.REASONING: Sample(
        _asked(thinking=Thinking("high")),
        ('"effort":"high"', '"reasoning_effort":"high"', '"thinkingLevel":"HIGH"', '"thinking":{"type":"enabled"'),
    ),
    Feature.LOGPROBS: Sample(_asked(sampling=Sampling(logprobs=3)), ('"top_logprobs":3', '"logprobs":3')),
    Feature.CHOICES: Sample(_asked(choices=3), ('"n":3', '"candidateCount":3')),
    Feature.STOP: Sample(_asked(stop=(MARK,)), (MARK,)),
}
