"""Token counts as OpenAI's form reports them."""

from msgspec import Struct

from fairlead_proxy.exchange.usage import MOST_TOKENS, Usage


class _PromptDetails(Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _CompletionDetails(Struct):
    reasoning_tokens: int | None = None


class OpenAIUsage(Struct):
    """Source: https://platform.openai.com/docs/api-reference/chat/object, "usage"; input includes cached tokens.

    `prompt_cache_hit_tokens` is DeepSeek's (https://api-docs.deepseek.com/guides/kv_cache); `cache_write_tokens` is
    among the details where a cache is written for money (https://openrouter.ai/docs/use-cases/usage-accounting).
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None
    prompt_cache_hit_tokens: int | None = None

    def to_usage(self) -> Usage | None:
        """Return the counts; None where it tells neither of the two that matter, or what cannot be."""
        prompt, completion = self.prompt_tokens, self.completion_tokens
        if prompt is None or completion is None:
            if prompt is completion:
                return None
            prompt, completion = prompt or 0, completion or 0
        if prompt > MOST_TOKENS or completion > MOST_TOKENS:
            return None
        prompt_details, details = self.prompt_tokens_details, self.completion_tokens_details
        cached, written, reasoning = self.prompt_cache_hit_tokens, None, None
        if prompt_details is not None:
            written = prompt_details.cache_write_tokens
            if prompt_details.cached_tokens is not None:
                cached = prompt_details.cached_tokens
        if details is not None:
            reasoning = details.reasoning_tokens
        if cached or written or reasoning or prompt < 0 or completion < 0:
            prompt = max(0, prompt)
            cached = min(prompt, max(0, cached or 0))
            return Usage(
                input_tokens=prompt,
                output_tokens=max(0, completion),
                cached_input_tokens=cached,
                cache_write_tokens=min(prompt - cached, max(0, written or 0)),
                reasoning_tokens=min(MOST_TOKENS, max(0, reasoning or 0)),
            )
        return Usage(prompt, completion)
