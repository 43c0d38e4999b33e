"""What is read of a plain chat answer of OpenAI's form."""

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from fairlead_proxy.dialects.openai.usage import OpenAIUsage
from fairlead_proxy.dialects.raw_values import NULL


class _GoodChoice(Struct):
    finish_reason: str | None = None
    error: None = None


class _Good(Struct):
    """An answer with what is asked of one, the provider's count included, and nothing that could be an error."""

    choices: Annotated[list[_GoodChoice], Meta(min_length=1)]
    usage: OpenAIUsage
    error: None = None


class _Choice(Struct):
    message: Raw = NULL
    finish_reason: Raw = NULL
    error: Raw = NULL


class Message(Struct):
    """What of a message is content."""

    content: Raw = NULL
    refusal: Raw = NULL
    tool_calls: Raw = NULL
    audio: Raw = NULL


class Completion(Struct):
    choices: list[_Choice] = []
    usage: Raw = NULL
    error: Raw = NULL


CONTENT_FILTER = "content_filter"
FILTERED = b'"content_filter"'
"""A finish reason. Source: https://platform.openai.com/docs/api-reference/chat/object"""

GOOD = msgspec.json.Decoder(_Good)
COMPLETION = msgspec.json.Decoder(Completion)
MESSAGE: msgspec.json.Decoder[Message | None] = msgspec.json.Decoder(Message | None)
USAGE: msgspec.json.Decoder[OpenAIUsage | None] = msgspec.json.Decoder(OpenAIUsage | None)
