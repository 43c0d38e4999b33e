"""Writing an answer for a caller of this dialect, whole."""

from collections.abc import Iterable

import msgspec

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.dialect import ReadRequest
from fairlead_proxy.dialects.gemini.annotations import write_chances, write_citations
from fairlead_proxy.dialects.gemini.answer_parts import write_part
from fairlead_proxy.dialects.gemini.finish import reason_of
from fairlead_proxy.dialects.gemini.usage import write_usage
from fairlead_proxy.exchange.completion import AnswerPart, Choice, Completion, Stop
from fairlead_proxy.exchange.conversation import JsonObject, Media, Reasoning, Text
from fairlead_proxy.exchange.usage import Usage

_FILTERED = frozenset({Stop.FILTERED, Stop.REFUSED})


def write_generate_answer(completion: Completion, *, request: ReadRequest, now: float) -> bytes:
    """Return the body of an answer of generateContent; see CallerDialect.write_completion. It bears no date."""
    candidates = [_candidate(choice, index) for index, choice in enumerate(completion.choices)]
    return msgspec.json.encode(response_of(candidates, completion.usage, completion.id, completion.model))


def write_count_answer(completion: Completion, *, request: ReadRequest, now: float) -> bytes:
    """Return the body of an answer of countTokens; without a count, our estimate."""
    usage = completion.usage
    answer: JsonObject = {"totalTokens": request.prompt_tokens if usage is None else usage.input_tokens}
    if usage is not None and usage.cached_input_tokens:
        answer["cachedContentTokenCount"] = usage.cached_input_tokens
    return msgspec.json.encode(answer)


def response_of(candidates: list[JsonObject], usage: Usage | None, answer_id: str, model: str) -> JsonObject:
    """Return an answer, or a chunk of one."""
    response: JsonObject = {"candidates": candidates}
    if usage is not None:
        response["usageMetadata"] = write_usage(usage)
    if model:
        response["modelVersion"] = model
    if answer_id:
        response["responseId"] = answer_id
    return response


def ending_of(stop: Stop, *, has_content: bool) -> JsonObject:
    """Return the members that end a candidate. What was filtered before any content has none, as at the vendor."""
    if has_content or stop in _FILTERED:
        return {"finishReason": reason_of(stop)}
    return {"content": {"parts": [{"text": ""}], "role": "model"}, "finishReason": reason_of(stop)}


def _candidate(choice: Choice, index: int) -> JsonObject:
    parts = list(_parts(choice.parts))
    texts = [part for part in choice.parts if isinstance(part, Text)]
    citations = [citation for text in texts for citation in text.citations]
    return {
        **({"content": {"parts": parts, "role": "model"}} if parts else {}),
        **ending_of(choice.stop, has_content=bool(parts)),
        "index": index,
        **write_citations(citations, "".join(text.text for text in texts)),
        **write_chances(choice.chances),
    }


def _parts(parts: Iterable[AnswerPart]) -> list[JsonObject]:
    """A signature of the vendor's own that is hidden reasoning goes back onto the text or image before it."""
    made: list[JsonObject] = []
    before: AnswerPart | None = None
    for part in parts:
        written = write_part(part)
        if written is None:
            continue
        is_hidden = isinstance(part, Reasoning) and not part.text
        is_own = isinstance(part, Reasoning) and part.seal is not None and part.seal.origin is DialectName.GEMINI
        if is_hidden and is_own and isinstance(before, Text | Media):
            made[-1]["thoughtSignature"] = written["thoughtSignature"]
        else:
            made.append(written)
        before = part
    return made
