"""Token counts of chat answers, for callers and from providers of other dialects."""

import msgspec

from fairlead_proxy.dialects.openai.usage import OpenAIUsage
from fairlead_proxy.dialects.told_json import Told
from fairlead_proxy.exchange.conversation import JsonObject
from fairlead_proxy.exchange.usage import Usage


def read_counts(answer: Told) -> Usage | None:
    """Return what an answer or a chunk tells of tokens; None where it tells nothing."""
    if answer.inner("usage") is None:
        return None
    try:
        return msgspec.convert(answer.take("usage"), OpenAIUsage).to_usage()
    except msgspec.ValidationError:
        return None


def write_counts(usage: Usage) -> JsonObject:
    """Source: https://platform.openai.com/docs/api-reference/chat/object, "usage"."""
    prompt_details: JsonObject = {"cached_tokens": usage.cached_input_tokens}
    written = usage.cache_write_tokens + usage.cache_write_long_tokens
    if written:
        prompt_details["cache_write_tokens"] = written
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": prompt_details,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }
