"""Why an answer ends, in the words of chat completions."""

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.completion import Stop
from fairlead_proxy.exchange.errors import UpstreamFailure

_STOP_OF_WORD = {
    # https://platform.openai.com/docs/api-reference/chat/object, "finish_reason"
    "stop": Stop.END,
    "length": Stop.LENGTH,
    "tool_calls": Stop.TOOL_CALLS,
    "function_call": Stop.TOOL_CALLS,
    "content_filter": Stop.FILTERED,
    # https://docs.mistral.ai/api/#tag/chat: the context is full
    "model_length": Stop.LENGTH,
}

_FAILURE_OF_WORD = {
    # https://openrouter.ai/docs/api-reference/overview#finish-reason, and Mistral's
    "error": FailureClass.ERROR_IN_STREAM,
    # https://api-docs.deepseek.com/api/create-chat-completion, "finish_reason"
    "insufficient_system_resource": FailureClass.OVERLOADED,
}

_WORD_OF_STOP = {
    Stop.END: "stop",
    Stop.SEQUENCE: "stop",
    Stop.LENGTH: "length",
    Stop.TOOL_CALLS: "tool_calls",
    Stop.FILTERED: "content_filter",
    # There may be more to come: no other word says so.
    Stop.PAUSED: "length",
}


def read_stop(word: object, *, has_calls: bool, has_refusal: bool, stopped_by: object = None) -> Stop:
    """Return why a choice ends; raise the UpstreamFailure that some vendors' words mean.

    Several servers say `stop` where a tool was called, and OpenAI says it of a refusal. `stopped_by`: vLLM's
    `stop_reason`, a text where a stop sequence was met
    (https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html).
    """
    if isinstance(word, str) and word in _FAILURE_OF_WORD:
        raise UpstreamFailure(_FAILURE_OF_WORD[word], "the answer was broken off, by its finish reason", status=200)
    stop = _STOP_OF_WORD.get(word, Stop.END) if isinstance(word, str) else Stop.END
    if stop is not Stop.END:
        return stop
    if has_calls:
        return Stop.TOOL_CALLS
    if has_refusal:
        return Stop.REFUSED
    return Stop.SEQUENCE if isinstance(stopped_by, str) and stopped_by else Stop.END


def write_stop(stop: Stop, *, has_refusal: bool, as_functions: bool) -> str:
    """Return the finish reason. A refusal that is told in words ends as OpenAI's do; one without, like filtering."""
    if stop is Stop.REFUSED:
        return "stop" if has_refusal else "content_filter"
    if stop is Stop.TOOL_CALLS and as_functions:
        return "function_call"
    return _WORD_OF_STOP[stop]
