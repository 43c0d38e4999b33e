"""Token counts as OpenAI's form reports them."""

from msgspec import Struct

from fairlead_proxy.exchange.outcome import Usage


class _PromptDetails(Struct):
    cached_tokens: int | None = None


class _CompletionDetails(Struct):
    reasoning_tokens: int | None = None


class OpenAIUsage(Struct):
    """Source: https://platform.openai.com/docs/api-reference/chat/object, "usage"; input includes cached tokens.

    `prompt_cache_hit_tokens` is DeepSeek's (https://api-docs.deepseek.com/guides/kv_cache).
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None
    prompt_cache_hit_tokens: int | None = None

    def to_usage(self) -> Usage:
        cached = self.prompt_tokens_details.cached_tokens if self.prompt_tokens_details else None
        details = self.completion_tokens_details
        prompt = _count(self.prompt_tokens)
        return Usage(
            input_tokens=prompt,
            output_tokens=_count(self.completion_tokens),
            cached_input_tokens=min(prompt, _count(cached if cached is not None else self.prompt_cache_hit_tokens)),
            reasoning_tokens=_count(details.reasoning_tokens if details else None),
        )


def _count(tokens: int | None) -> int:
    return max(0, tokens or 0)
