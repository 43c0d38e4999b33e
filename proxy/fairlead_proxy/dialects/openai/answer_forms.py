"""What is read of a plain chat answer of OpenAI's form."""

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from fairlead_proxy.dialects.openai.usage import OpenAIUsage
from fairlead_proxy.dialects.raw_values import NULL


class _GoodChoice(Struct):
    error: None = None


class _Good(Struct):
    """An answer with what is asked of one, the provider's count included, and nothing that could be an error."""

    choices: Annotated[list[_GoodChoice], Meta(min_length=1)]
    usage: OpenAIUsage
    error: None = None


class _Choice(Struct):
    message: Raw = NULL
    error: Raw = NULL


class Completion(Struct):
    choices: list[_Choice] = []
    usage: Raw = NULL
    error: Raw = NULL


GOOD = msgspec.json.Decoder(_Good)
COMPLETION = msgspec.json.Decoder(Completion)
USAGE: msgspec.json.Decoder[OpenAIUsage | None] = msgspec.json.Decoder(OpenAIUsage | None)
