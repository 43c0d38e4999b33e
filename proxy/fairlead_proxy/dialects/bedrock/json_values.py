"""Reading what a provider wrote, of whatever types it is, without ever failing over it."""

from typing import Any

import msgspec
from msgspec import Raw

from fairlead_proxy.exchange.conversation import JsonObject
from fairlead_proxy.exchange.usage import Usage

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ITEMS = msgspec.json.Decoder(list[Raw])
_LARGEST = 2**53


def members_of(text: bytes | Raw) -> dict[str, Raw] | None:
    """Return the members of an object, each as it is written; None for what is no object of JSON."""
    try:
        if isinstance(text, bytes):
            text.decode()  # what is kept as it is written is not looked at again
        return _MEMBERS.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None


def items_of(raw: Raw | None) -> list[Raw] | None:
    """Return the items of a list, each as it is written; None for what is no list."""
    try:
        return None if raw is None else _ITEMS.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None


def value_of(raw: Raw | bytes | None) -> Any:
    """Return a value; None for what is not there, or cannot be read."""
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None


def object_of(value: object) -> JsonObject:
    """Return a value that is an object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def text_of(value: object) -> str:
    """Return a value that is a text; an empty one for anything else."""
    return value if isinstance(value, str) else ""


def index_of(value: object) -> int:
    """Return a whole number that is not negative; 0 for anything else."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST else 0


def usage_of(value: object) -> Usage | None:
    """Read TokenUsage, whose input does not count what a cache had to do with.

    Source: https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
    """
    told = object_of(value)
    if "inputTokens" not in told and "outputTokens" not in told:
        return None
    cached, written = index_of(told.get("cacheReadInputTokens")), index_of(told.get("cacheWriteInputTokens"))
    return Usage(
        input_tokens=index_of(told.get("inputTokens")) + cached + written,
        output_tokens=index_of(told.get("outputTokens")),
        cached_input_tokens=cached,
        cache_write_tokens=written,
    )
