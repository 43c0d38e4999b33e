"""How each vendor counts the tokens of an answer, as the bytes of its answers tell it; kinds that do not overlap."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Tokens:
    """Tokens by kind. None of the first five overlap; `reasoning` are some of `output`.

    `written` was kept in a cache for minutes, `written_long` for an hour.
    """

    plain: int = 0
    cached: int = 0
    written: int = 0
    written_long: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def input(self) -> int:
        """The whole prompt."""
        return self.plain + self.cached + self.written + self.written_long


def count_chat(usage: Json) -> Tokens:
    """`prompt_tokens` include what a cache gave or took, `completion_tokens` the reasoning.

    Source: https://platform.openai.com/docs/api-reference/chat/object, "usage", and
    https://platform.openai.com/docs/guides/prompt-caching.
    """
    prompt, details = usage["prompt_tokens"], usage.get("prompt_tokens_details") or {}
    cached, written = details.get("cached_tokens") or 0, details.get("cache_write_tokens") or 0
    reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    return Tokens(prompt - cached - written, cached, written, 0, usage["completion_tokens"], reasoning)


def count_response(usage: Json) -> Tokens:
    """`input_tokens` include what a cache gave or took, `output_tokens` the reasoning.

    Source: https://platform.openai.com/docs/api-reference/responses/object, "usage".
    """
    prompt, details = usage["input_tokens"], usage["input_tokens_details"]
    cached, written = details["cached_tokens"], details.get("cache_write_tokens") or 0
    reasoning = usage["output_tokens_details"]["reasoning_tokens"]
    return Tokens(prompt - cached - written, cached, written, 0, usage["output_tokens"], reasoning)


def count_message(usage: Json) -> Tokens:
    """`input_tokens` are neither read from a cache nor written to one; writes of five minutes and of an hour are apart.

    Source: https://docs.claude.com/en/docs/build-with-claude/prompt-caching#tracking-cache-performance, and
    https://docs.claude.com/en/docs/build-with-claude/prompt-caching#1-hour-cache-duration.
    """
    created = usage["cache_creation"]
    written, long = created["ephemeral_5m_input_tokens"], created["ephemeral_1h_input_tokens"]
    return Tokens(usage["input_tokens"], usage["cache_read_input_tokens"], written, long, usage["output_tokens"])


def count_content(usage: Json) -> Tokens:
    """`promptTokenCount` includes what a cache gave; `candidatesTokenCount` does not include what was thought.

    Source: https://ai.google.dev/api/generate-content#UsageMetadata.
    """
    cached, thoughts = usage.get("cachedContentTokenCount", 0), usage.get("thoughtsTokenCount", 0)
    prompt = usage["promptTokenCount"]
    return Tokens(prompt - cached, cached, output=usage["candidatesTokenCount"] + thoughts, reasoning=thoughts)


def count_converse(usage: Json) -> Tokens:
    """`inputTokens` are neither read from a cache nor written to one; writes by their time to live are apart.

    Source: https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html, and
    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CacheDetail.html.
    """
    cached, written = usage.get("cacheReadInputTokens", 0), usage.get("cacheWriteInputTokens", 0)
    long = sum(each["inputTokens"] for each in usage.get("cacheDetails", ()) if each["ttl"] == "1h")
    return Tokens(usage["inputTokens"], cached, written - long, long, usage["outputTokens"])


COUNTS: dict[str, Callable[[Json], Tokens]] = {
    "openai-chat": count_chat,
    "openai-responses": count_response,
    "anthropic-messages": count_message,
    "gemini": count_content,
    "bedrock-converse": count_converse,
}
