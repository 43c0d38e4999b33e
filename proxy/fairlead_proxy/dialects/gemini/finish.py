"""Why an answer ends, in the vendor's words and in ours.

Source: https://ai.google.dev/api/generate-content#FinishReason
"""

from fairlead_proxy.exchange.completion import Stop

_FILTERED = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "LANGUAGE",  # "flagged for using an unsupported language"
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "MODEL_ARMOR",
    }
)
_BROKEN = frozenset(
    {
        "OTHER",
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
        "IMAGE_OTHER",
        "NO_IMAGE",
    }
)
"""The model failed, or the vendor does not say why it stopped."""

_REASON_OF_STOP = {
    Stop.END: "STOP",
    Stop.LENGTH: "MAX_TOKENS",
    Stop.SEQUENCE: "STOP",
    Stop.TOOL_CALLS: "STOP",
    Stop.REFUSED: "SAFETY",
    Stop.FILTERED: "SAFETY",
    Stop.PAUSED: "OTHER",  # not STOP, which would call a broken turn whole
}


def is_broken(reason: str) -> bool:
    """Say whether an answer that ends so is none, unless something was said before."""
    return reason in _BROKEN


def stop_of(reason: str, *, has_calls: bool) -> Stop:
    """Return our word. What broke off after content is like what was too long: a caller must not take it for whole.

    A word that is not known ends an answer as STOP does.
    """
    if reason in _FILTERED:
        return Stop.FILTERED
    if reason == "MAX_TOKENS" or reason in _BROKEN:
        return Stop.LENGTH
    return Stop.TOOL_CALLS if has_calls else Stop.END


def reason_of(stop: Stop) -> str:
    """Return the vendor's word."""
    return _REASON_OF_STOP[stop]
