"""How many cache marks a request may bear, in Anthropic's form."""

from collections.abc import Iterator

from fairlead_proxy.exchange.conversation import JsonObject

MOST_MARKS = 4
"""https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching, "Cache limitations": more are refused."""

_MARK = "cache_control"


def keep_last_marks(body: JsonObject) -> bool:
    """Take all marks out of a body but the last ones; return whether there was one too many.

    A mark is worth the more the later it stands: everything before it is kept too.
    """
    marked = [block for block in _in_order(body) if _MARK in block]
    for block in marked[:-MOST_MARKS]:
        del block[_MARK]
    return len(marked) > MOST_MARKS


def _in_order(body: JsonObject) -> Iterator[JsonObject]:
    """Yield what may bear a mark, in the order of the prompt that it makes."""
    yield from body.get("tools", ())
    yield from body.get("system", ())
    for message in body["messages"]:
        for block in message["content"]:
            if block["type"] == "tool_result":
                yield from block.get("content", ())
            yield block
