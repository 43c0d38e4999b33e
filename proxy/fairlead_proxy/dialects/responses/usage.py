"""Token counts as the Responses API reports them."""

from typing import Any

from fairlead_proxy.dialects.told_json import object_of, tokens_of
from fairlead_proxy.exchange.usage import Usage


def read_usage(value: object) -> Usage | None:
    """Return the counts; None where it tells neither input nor output. A count that can be none counts as 0.

    Source: https://platform.openai.com/docs/api-reference/responses/object, "usage"; input includes what a cache gave
    or took.
    """
    if not isinstance(value, dict):
        return None
    told, output_tokens = tokens_of(value.get("input_tokens")), tokens_of(value.get("output_tokens"))
    if told is None and output_tokens is None:
        return None
    input_tokens = told or 0
    cached = min(input_tokens, _count(object_of(value.get("input_tokens_details")).get("cached_tokens")))
    return Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens or 0,
        cached_input_tokens=cached,
        cache_write_tokens=min(
            input_tokens - cached, _count(object_of(value.get("input_tokens_details")).get("cache_write_tokens"))
        ),
        reasoning_tokens=_count(object_of(value.get("output_tokens_details")).get("reasoning_tokens")),
    )


def usage_object(usage: Usage | None) -> dict[str, Any] | None:
    if usage is None:
        return None
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_input_tokens,
            "cache_write_tokens": usage.cache_write_tokens + usage.cache_write_long_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _count(value: object) -> int:
    return tokens_of(value) or 0
