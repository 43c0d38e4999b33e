"""Token counts as Bedrock reports them: what caches had to do with comes beside the input, not in it."""

from fairlead_proxy.dialects.told_json import object_of, objects_of, tokens_of
from fairlead_proxy.exchange.usage import Usage


def read_usage(value: object) -> Usage | None:
    """Read TokenUsage, whose input does not count what a cache had to do with.

    Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html; what was written for how long:
    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html, "cacheDetails"
    """
    told = object_of(value)
    if tokens_of(told.get("inputTokens")) is None and tokens_of(told.get("outputTokens")) is None:
        return None
    cached, written = _count(told.get("cacheReadInputTokens")), _count(told.get("cacheWriteInputTokens"))
    details = objects_of(told.get("cacheDetails"))
    long = min(written, sum(_count(each.get("inputTokens")) for each in details if each.get("ttl") == "1h"))
    return Usage(
        input_tokens=_count(told.get("inputTokens")) + cached + written,
        output_tokens=_count(told.get("outputTokens")),
        cached_input_tokens=cached,
        cache_write_tokens=written - long,
        cache_write_long_tokens=long,
    )


def _count(value: object) -> int:
    return tokens_of(value) or 0
