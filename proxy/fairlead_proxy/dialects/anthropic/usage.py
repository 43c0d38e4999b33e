"""Token counts as Anthropic reports them: what caches had to do with comes beside `input_tokens`, not in it."""

from typing import Any

from fairlead_proxy.dialects.told_json import object_of, tokens_of
from fairlead_proxy.exchange.conversation import JsonObject
from fairlead_proxy.exchange.usage import Usage

_COUNTS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")


class Counts:
    """The counts of one answer. A stream tells them in pieces, each the total so far of what it names.

    Sources: https://docs.anthropic.com/en/docs/build-with-claude/streaming, "Event types"; of what was written to
    caches, how much is kept for an hour: https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching
    """

    __slots__ = ("_counts", "_thinking_tokens", "_written_long", "told")

    def __init__(self) -> None:
        self._counts = dict.fromkeys(_COUNTS, 0)
        self._thinking_tokens = self._written_long = 0
        self.told = False

    def take(self, reported: Any) -> bool:
        """Take what is told of them; return whether anything is. What is of another type says nothing."""
        if not isinstance(reported, dict):
            return False
        taken = False
        for name in _COUNTS:
            count = tokens_of(reported.get(name))
            if count is not None:
                self._counts[name] = count
                taken = True
        details = object_of(reported.get("output_tokens_details"))
        self._thinking_tokens = tokens_of(details.get("thinking_tokens")) or self._thinking_tokens
        created = object_of(reported.get("cache_creation"))
        self._written_long = tokens_of(created.get("ephemeral_1h_input_tokens")) or self._written_long
        self.told = self.told or taken
        return taken

    def to_usage(self) -> Usage:
        plain, cached, written, output = (self._counts[name] for name in _COUNTS)
        long = min(written, self._written_long)
        return Usage(
            input_tokens=plain + cached + written,
            output_tokens=output,
            cached_input_tokens=cached,
            cache_write_tokens=written - long,
            cache_write_long_tokens=long,
            reasoning_tokens=self._thinking_tokens,
        )


def write_usage(usage: Usage | None) -> JsonObject:
    """Return the counts, zeros where nobody counted. Source: https://docs.anthropic.com/en/api/messages, "usage"."""
    usage = usage or Usage()
    short, long = usage.cache_write_tokens, usage.cache_write_long_tokens
    written: JsonObject = {
        "input_tokens": max(0, usage.plain_input_tokens),
        "cache_creation_input_tokens": short + long,
        "cache_read_input_tokens": usage.cached_input_tokens,
        "output_tokens": usage.output_tokens,
    }
    if long:
        written["cache_creation"] = {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long}
    if usage.reasoning_tokens:
        written["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return written
