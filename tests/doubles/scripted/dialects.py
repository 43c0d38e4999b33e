"""Every dialect that the scripted provider speaks: how its requests are read, and who words its answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from doubles.scripted.anthropic_messages import AnthropicMessages
from doubles.scripted.anthropic_rules import read_messages
from doubles.scripted.bedrock import Bedrock
from doubles.scripted.bedrock_rules import read_converse
from doubles.scripted.gemini import Gemini
from doubles.scripted.gemini_rules import read_generate
from doubles.scripted.openai_chat import OpenAIChat
from doubles.scripted.openai_chat_rules import read_chat
from doubles.scripted.openai_responses import OpenAIResponses
from doubles.scripted.openai_responses_rules import read_responses
from doubles.scripted.places import ANTHROPIC, BEDROCK, CHAT, GEMINI, RESPONSES
from doubles.scripted.turn import Place, Question, Speaker


@dataclass(frozen=True)
class Dialect:
    """`read` raises Unfit for what the vendor would refuse."""

    read: Callable[[Place, dict[str, Any]], Question]
    speaker: type[Speaker]


DIALECTS: dict[str, Dialect] = {
    CHAT: Dialect(read_chat, OpenAIChat),
    RESPONSES: Dialect(read_responses, OpenAIResponses),
    ANTHROPIC: Dialect(read_messages, AnthropicMessages),
    GEMINI: Dialect(read_generate, Gemini),
    BEDROCK: Dialect(read_converse, Bedrock),
}
