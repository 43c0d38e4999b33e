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
        details, cached = self.completion_tokens_details, self.prompt_cache_hit_tokens
        if self.prompt_tokens_details is not None and self.prompt_tokens_details.cached_tokens is not None:
            cached = self.prompt_tokens_details.cached_tokens
        prompt = max(0, self.prompt_tokens or 0)
        return Usage(
            input_tokens=prompt,
            output_tokens=max(0, self.completion_tokens or 0),
            cached_input_tokens=min(prompt, max(0, cached)) if cached else 0,
            reasoning_tokens=max(0, details.reasoning_tokens or 0) if details is not None else 0,
        )
