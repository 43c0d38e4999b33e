"""Taking out of a chat request what other providers have put into its conversation, before it passes.

A conversation may have been served by a provider of another dialect before. Its reasoning and signatures travelled in
members that chat completions know only in answers (see `reasoning.py`); a provider of chat may refuse them.
"""

from typing import Any

import msgspec

from fairlead_proxy.dialects.rewriting import rewrite_items
from fairlead_proxy.exchange.seals import MARK

FOREIGN = b'"' + MARK.encode()
"""What stands in every body that holds any; hardly one does."""
_REASONING = ("reasoning_details", "reasoning_content")


def without_foreign_seals(body: bytes) -> bytes:
    """Return the body of a request that has been read, its messages without what only others can use."""
    return rewrite_items(body, "messages", _without_foreign)


def _without_foreign(message: Any) -> Any:
    if not isinstance(message, dict):
        return message
    if _holds_mark(message.get("reasoning_details")):
        message = {name: value for name, value in message.items() if name not in _REASONING}
    calls = message.get("tool_calls")
    if isinstance(calls, list) and _holds_mark(calls):
        message = {**message, "tool_calls": [_without_foreign_signature(call) for call in calls]}
    return message


def _without_foreign_signature(call: Any) -> Any:
    if not isinstance(call, dict) or not _holds_mark(call.get("extra_content")):
        return call
    return {name: value for name, value in call.items() if name != "extra_content"}


def _holds_mark(value: Any) -> bool:
    return value is not None and FOREIGN in msgspec.json.encode(value)
