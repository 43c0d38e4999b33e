"""Token counts of chat answers, for callers and from providers of other dialects."""

import msgspec

from fairlead_proxy.dialects.openai.usage import OpenAIUsage
from fairlead_proxy.dialects.told_json import Told
from fairlead_proxy.exchange.conversation import JsonObject
from fairlead_proxy.exchange.usage import Usage


def read_counts(answer: Told) -> Usage | None:
    """Return what an answer or a chunk tells of tokens; None where it tells nothing.

    `cache_write_tokens` is among the details where a cache is written for money:
    https://openrouter.ai/docs/use-cases/usage-accounting
    """
    told = answer.inner("usage")
    if told is None:
        return None
    try:
        usage = msgspec.convert(answer.take("usage"), OpenAIUsage).to_usage()
    except msgspec.ValidationError:
        return None
    details = told.inner("prompt_tokens_details")
    written = details.whole("cache_write_tokens", 0) if details is not None else None
    if written:
        rest = usage.input_tokens - usage.cached_input_tokens
        usage = msgspec.structs.replace(usage, cache_write_tokens=min(written, rest))
    return usage


def write_counts(usage: Usage) -> JsonObject:
    """Source: https://platform.openai.com/docs/api-reference/chat/object, "usage"."""
    prompt_details: JsonObject = {"cached_tokens": usage.cached_input_tokens}
    if usage.cache_write_tokens:
        prompt_details["cache_write_tokens"] = usage.cache_write_tokens
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": prompt_details,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }
