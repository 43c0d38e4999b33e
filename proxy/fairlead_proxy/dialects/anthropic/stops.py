"""Why an answer ends, in Anthropic's words."""

from collections.abc import Iterable

from fairlead_proxy.exchange.completion import AnswerPart, Stop
from fairlead_proxy.exchange.conversation import ToolCall

_STOP_OF_REASON = {
    # https://docs.anthropic.com/en/api/handling-stop-reasons
    "end_turn": Stop.END,
    "max_tokens": Stop.LENGTH,
    "stop_sequence": Stop.SEQUENCE,
    "tool_use": Stop.TOOL_CALLS,
    "pause_turn": Stop.PAUSED,
    "refusal": Stop.REFUSED,
    "model_context_window_exceeded": Stop.LENGTH,
}

REASON_OF_STOP = {
    Stop.END: "end_turn",
    Stop.LENGTH: "max_tokens",
    Stop.SEQUENCE: "stop_sequence",
    Stop.TOOL_CALLS: "tool_use",
    Stop.REFUSED: "refusal",
    Stop.FILTERED: "refusal",
    Stop.PAUSED: "pause_turn",
}


def read_stop(reason: object, parts: Iterable[AnswerPart]) -> Stop:
    """Return why an answer of these parts ended; one that says nothing readable of it, as its parts look."""
    stop = _STOP_OF_REASON.get(reason) if isinstance(reason, str) else None
    if stop is not None:
        return stop
    return Stop.TOOL_CALLS if any(isinstance(part, ToolCall) for part in parts) else Stop.END
