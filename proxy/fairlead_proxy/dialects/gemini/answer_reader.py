"""Reading a provider's plain answer into the neutral vocabulary."""

from datetime import datetime
from typing import Any

import msgspec

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.dialects.failures import not_the_answer
from fairlead_proxy.dialects.gemini.annotations import read_chances, read_citations
from fairlead_proxy.dialects.gemini.answer_parts import PartReader
from fairlead_proxy.dialects.gemini.errors import failure_in_success, read_vendor_error
from fairlead_proxy.dialects.gemini.finish import is_broken, stop_of
from fairlead_proxy.dialects.gemini.joining import JoinedParts
from fairlead_proxy.dialects.gemini.usage import read_usage
from fairlead_proxy.dialects.told_json import decode_told, object_of, objects_of, place_of, text_of
from fairlead_proxy.exchange.completion import AnswerPart, Choice, Completion, Stop
from fairlead_proxy.exchange.conversation import Citation, JsonObject, Text, ToolCall
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.exchange.usage import Usage

_OK = 200


def read_generate_answer(body: bytes) -> Completion:
    """Read the body of a 200 of generateContent; see ProviderDialect.read_completion.

    Source: https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse
    """
    answer = _decoded(body)
    usage = read_usage(answer.get("usageMetadata"))
    candidates = objects_of(answer.get("candidates"))
    if not candidates:
        if is_blocked(answer):
            raise filtered("the prompt was filtered", usage)
        raise not_the_answer(_OK)
    reader = PartReader()
    reader.know_answer(text_of(answer.get("responseId")))
    choices = tuple(_choice(candidate, reader) for candidate in candidates)
    if not any(choice.parts for choice in choices):
        reasons = [text_of(candidate.get("finishReason")) for candidate in candidates]
        if all(choice.stop is Stop.FILTERED for choice in choices):
            raise filtered("the answer was filtered", usage)
        if all(is_broken(reason) for reason in reasons):
            raise broken_off(usage)
    return Completion(
        id=text_of(answer.get("responseId")),
        model=text_of(answer.get("modelVersion")),
        choices=choices,
        usage=usage,
        created=seconds_of(answer.get("createTime")),
    )


def read_count_answer(body: bytes) -> Completion:
    """Read the body of a 200 of countTokens: a count of the prompt, and no choice.

    Source: https://ai.google.dev/api/tokens#response-body
    """
    answer = _decoded(body)
    total = place_of(answer.get("totalTokens"))
    if total is None:
        raise not_the_answer(_OK, "count")
    cached = place_of(answer.get("cachedContentTokenCount")) or 0
    return Completion("", "", (), Usage(input_tokens=total, cached_input_tokens=min(total, cached)))


def is_blocked(answer: JsonObject) -> bool:
    """Say whether the prompt was refused. Source: https://ai.google.dev/api/generate-content#PromptFeedback"""
    return bool(text_of(object_of(answer.get("promptFeedback")).get("blockReason")))


def filtered(detail: str, usage: Usage | None) -> UpstreamFailure:
    return UpstreamFailure(FailureClass.CONTENT_FILTERED, detail, status=_OK, usage=usage)


def broken_off(usage: Usage | None) -> UpstreamFailure:
    """The model failed before it said anything, such as at writing a call; another one may not."""
    detail = "the model failed before any content"
    return UpstreamFailure(FailureClass.MALFORMED_RESPONSE, detail, status=_OK, usage=usage)


def seconds_of(created: object) -> int | None:
    """Return Unix seconds of an RFC 3339 date, which Vertex AI gives; None for anything else."""
    try:
        return int(datetime.fromisoformat(text_of(created)).timestamp())
    except (ValueError, OverflowError, OSError):
        return None


def _decoded(body: bytes) -> JsonObject:
    """Return the answer; raise what an error in its place means. A list of chunks is a stream that nobody asked for."""
    try:
        answer: Any = decode_told(body)
    except ValueError:
        raise not_the_answer(_OK) from None
    error = read_vendor_error(answer)
    if error is not None:
        raise failure_in_success(error, body, "answer")
    if not isinstance(answer, dict):
        raise not_the_answer(_OK)
    return answer


def _choice(candidate: JsonObject, reader: PartReader) -> Choice:
    joined = JoinedParts()
    texts: list[str] = []
    for part in objects_of(object_of(candidate.get("content")).get("parts")):
        pieces = reader.pieces_of(part)
        texts.append("".join(piece.text for piece in pieces if isinstance(piece, Text)))
        joined.add(pieces)
    has_calls = any(isinstance(part, ToolCall) for part in joined.parts)
    return Choice(
        parts=_cited(joined.parts, read_citations(candidate, texts)),
        stop=stop_of(text_of(candidate.get("finishReason")), has_calls=has_calls),
        chances=read_chances(candidate),
    )


def _cited(parts: list[AnswerPart], citations: list[Citation]) -> tuple[AnswerPart, ...]:
    """Give each citation to the text in which it begins."""
    if not citations:
        return tuple(parts)
    made: list[AnswerPart] = []
    passed = 0
    for part in parts:
        if isinstance(part, Text):
            end = passed + len(part.text)
            own = tuple(each for each in citations if passed <= (each.start or 0) < end)
            part, passed = msgspec.structs.replace(part, citations=own), end
        made.append(part)
    return tuple(made)
