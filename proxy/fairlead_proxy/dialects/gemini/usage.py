"""Token counts as the vendor reports them.

Source: https://ai.google.dev/api/generate-content#UsageMetadata: the prompt's include those from a cache; what tools
brought in, and what was thought, are counted apart.
"""

from fairlead_proxy.dialects.told_json import count_of
from fairlead_proxy.exchange.conversation import JsonObject
from fairlead_proxy.exchange.usage import Usage


def read_usage(metadata: object) -> Usage | None:
    """Return the counts; None where there are none."""
    if not isinstance(metadata, dict) or not metadata:
        return None
    prompt = count_of(metadata.get("promptTokenCount")) + count_of(metadata.get("toolUsePromptTokenCount"))
    thoughts = count_of(metadata.get("thoughtsTokenCount"))
    return Usage(
        input_tokens=prompt,
        output_tokens=count_of(metadata.get("candidatesTokenCount")) + thoughts,
        cached_input_tokens=min(prompt, count_of(metadata.get("cachedContentTokenCount"))),
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
