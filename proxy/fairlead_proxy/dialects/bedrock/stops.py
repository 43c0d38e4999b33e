"""Why an answer of Converse ends, in neutral words."""

from fairlead_proxy.dialects.bedrock.request_writer import STOP_SEQUENCE
from fairlead_proxy.dialects.failures import malformed
from fairlead_proxy.dialects.told_json import object_of, text_of
from fairlead_proxy.exchange.completion import Stop

_STOPS = {
    "end_turn": Stop.END,
    "tool_use": Stop.TOOL_CALLS,
    "max_tokens": Stop.LENGTH,
    "model_context_window_exceeded": Stop.LENGTH,
    "stop_sequence": Stop.SEQUENCE,
    "guardrail_intervened": Stop.FILTERED,
    "content_filtered": Stop.FILTERED,
}
"""Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_MessageStopEvent.html, "stopReason"."""
_MALFORMED = frozenset({"malformed_model_output", "malformed_tool_use"})


def read_stop(reason: object, fields: object) -> tuple[Stop, str | None]:
    """Return the stop and the sequence that it came by, where that was told; `fields`: the model's own.

    A reason that is not known is an ordinary end. Raises UpstreamFailure(MalformedResponse) where the vendor itself
    says that its model wrote what nobody can read: another target may do better.
    """
    reason = text_of(reason)
    if reason in _MALFORMED:
        raise malformed(f"the model's output is no answer: {reason}")
    stop = _STOPS.get(reason, Stop.END)
    return stop, text_of(object_of(fields).get(STOP_SEQUENCE)) or None if stop is Stop.SEQUENCE else None
