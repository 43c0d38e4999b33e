"""Reading a whole chat answer of OpenAI's form, as any of the many servers writes it that follow the form."""

import msgspec

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.dialects.dialect import MAX_ERROR_BYTES
from fairlead_proxy.dialects.openai.answer_content import failure_of, read_citations, read_content, read_images
from fairlead_proxy.dialects.openai.chances import read_chances
from fairlead_proxy.dialects.openai.counts import read_counts
from fairlead_proxy.dialects.openai.errors import failure_in_success, read_vendor_error
from fairlead_proxy.dialects.openai.finish import read_stop
from fairlead_proxy.dialects.openai.reasoning import read_call_seal, read_reasoning
from fairlead_proxy.dialects.told_json import Told, told_value
from fairlead_proxy.exchange.completion import AnswerPart, Choice, Completion, Stop
from fairlead_proxy.exchange.conversation import Reasoning, Refusal, Text, ToolCall
from fairlead_proxy.exchange.errors import UpstreamFailure


def read_chat_completion(body: bytes) -> Completion:
    """Read the body of a 200; see ProviderDialect.read_completion.

    Source: https://platform.openai.com/docs/api-reference/chat/object
    """
    decoded = told_value(body)
    if not isinstance(decoded, dict):
        raise _no_answer(body)
    answer = Told(decoded)
    choices = answer.objects("choices")
    # OpenRouter tells of a provider that failed late in the choice (its documentation, "Errors").
    for holder in (answer, *choices):
        failure = failure_of(holder.take("error"), body[:MAX_ERROR_BYTES], "answer")
        if failure is not None:
            raise failure
    choices.sort(key=lambda choice: choice.whole("index", 0) or 0)
    read = tuple(_choice(choice, body) for choice in choices)
    if not read:
        raise _no_answer(body)
    if all(choice.stop is Stop.FILTERED and not choice.parts for choice in read):
        detail = "the answer was filtered, all of it"
        raise UpstreamFailure(FailureClass.CONTENT_FILTERED, detail, status=200, usage=read_counts(answer))
    return Completion(
        id=answer.text("id") or "",
        model=answer.text("model") or "",
        choices=read,
        usage=read_counts(answer),
        created=answer.whole("created", 0),
    )


def read_arguments(function: Told) -> str:
    """Return a call's arguments as JSON text; some servers write the object itself."""
    arguments = function.take("arguments")
    if isinstance(arguments, dict):
        return msgspec.json.encode(arguments).decode()
    return arguments if isinstance(arguments, str) else ""


def _choice(choice: Told, body: bytes) -> Choice:
    message = choice.inner("message")
    if message is None:
        raise _no_answer(body)
    parts = tuple(_parts(message, body))
    stop = read_stop(
        choice.take("finish_reason"),
        has_calls=any(isinstance(part, ToolCall) for part in parts),
        has_refusal=any(isinstance(part, Refusal) for part in parts),
        stopped_by=choice.take("stop_reason"),
    )
    sequence = choice.text("stop_reason") if stop is Stop.SEQUENCE else None
    return Choice(parts, stop, sequence, read_chances(choice) or read_chances(choice, "refusal"))


def _parts(message: Told, body: bytes) -> list[AnswerPart]:
    content = read_content(message)
    parts: list[AnswerPart] = [*read_reasoning(message)]
    if content.reasoning:
        parts.append(Reasoning(content.reasoning))
    if content.text:
        parts.append(Text(content.text, citations=tuple(read_citations(message))))
    refusal = message.text("refusal")
    if refusal:
        parts.append(Refusal(refusal))
    parts += read_images(message)
    calls = message.objects("tool_calls")
    parts += (_call(call, call.inner("function"), position, body) for position, call in enumerate(calls))
    old = message.inner("function_call")
    if old is not None and not calls:
        parts.append(_call(old, old, 0, body))
    return parts


def _call(call: Told, function: Told | None, position: int, body: bytes) -> ToolCall:
    name = function.text("name") if function is not None else None
    if function is None or not name:
        raise _no_answer(body)
    arguments = read_arguments(function).strip() or "{}"
    return ToolCall(call.text("id") or f"call_{position}", name, arguments, read_call_seal(call))


def _no_answer(body: bytes) -> UpstreamFailure:
    return failure_in_success(read_vendor_error(body), body[:MAX_ERROR_BYTES])
