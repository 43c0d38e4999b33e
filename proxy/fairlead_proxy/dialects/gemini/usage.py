"""Token counts as the vendor reports them.

Source: https://ai.google.dev/api/generate-content#UsageMetadata: the prompt's include those from a cache; what tools
brought in, and what was thought, are counted apart.
"""

from fairlead_proxy.dialects.told_json import tokens_of
from fairlead_proxy.exchange.conversation import JsonObject
from fairlead_proxy.exchange.usage import Usage

_COUNTS = (
    "promptTokenCount",
    "toolUsePromptTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "cachedContentTokenCount",
)


def read_usage(metadata: object) -> Usage | None:
    """Return the counts; None where there are none: a chunk of Vertex AI's may say no more than `trafficType`."""
    told = metadata if isinstance(metadata, dict) else {}
    given = [tokens_of(told.get(name)) for name in _COUNTS]
    if all(count is None for count in given):
        return None
    asked, by_tools, candidates, thoughts, cached = (count or 0 for count in given)
    prompt = asked + by_tools
    return Usage(
        input_tokens=prompt,
        output_tokens=candidates + thoughts,
        cached_input_tokens=min(prompt, cached),
        reasoning_tokens=thoughts,
    )


def write_usage(usage: Usage) -> JsonObject:
    thoughts = min(usage.reasoning_tokens, usage.output_tokens)
    metadata: JsonObject = {
        "promptTokenCount": usage.input_tokens,
        "candidatesTokenCount": usage.output_tokens - thoughts,
        "totalTokenCount": usage.input_tokens + usage.output_tokens,
    }
    if thoughts:
        metadata["thoughtsTokenCount"] = thoughts
    if usage.cached_input_tokens:
        metadata["cachedContentTokenCount"] = usage.cached_input_tokens
    return metadata
