"""Errors of OpenAI's form: what a provider's answer means, and how ours are written."""

import re
from typing import Any

import msgspec
from msgspec import Struct

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.dialects.dialect import Headers
from fairlead_proxy.dialects.failures import (
    RELAYED_CLASSES,
    is_no_api,
    not_the_answer,
    relayed_answer,
    relayed_from_success,
)
from fairlead_proxy.dialects.json_text import UNREADABLE
from fairlead_proxy.dialects.retry_hint import read_retry_hint
from fairlead_proxy.exchange.errors import Answer, UpstreamFailure

CLASS_OF_CODE: dict[str, FailureClass] = {
    # https://platform.openai.com/docs/guides/error-codes
    "context_length_exceeded": FailureClass.CONTEXT_LENGTH_EXCEEDED,
    "content_filter": FailureClass.CONTENT_FILTERED,
    "content_policy_violation": FailureClass.CONTENT_FILTERED,
    "insufficient_quota": FailureClass.QUOTA_EXHAUSTED,
    "billing_hard_limit_reached": FailureClass.QUOTA_EXHAUSTED,
    "billing_not_active": FailureClass.QUOTA_EXHAUSTED,
    "invalid_api_key": FailureClass.CREDENTIAL_REJECTED,
    "account_deactivated": FailureClass.CREDENTIAL_REJECTED,
    "model_not_found": FailureClass.MODEL_UNAVAILABLE,
    "rate_limit_exceeded": FailureClass.RATE_LIMITED,
    # llama.cpp server, tools/server/README.md: error types
    "exceed_context_size_error": FailureClass.CONTEXT_LENGTH_EXCEEDED,
    # Azure OpenAI, "Content filtering" and "Deployment not found"
    "responsibleaipolicyviolation": FailureClass.CONTENT_FILTERED,
    "deploymentnotfound": FailureClass.MODEL_UNAVAILABLE,
    # https://console.groq.com/docs/deprecations
    "model_decommissioned": FailureClass.MODEL_UNAVAILABLE,
    "model_deprecated": FailureClass.MODEL_UNAVAILABLE,
    # Mistral, DeepSeek, Moonshot and others that follow OpenAI's form with words of their own
    "quota_exceeded": FailureClass.QUOTA_EXHAUSTED,
    "insufficient_balance": FailureClass.QUOTA_EXHAUSTED,
    "exceeded_current_quota_error": FailureClass.QUOTA_EXHAUSTED,
    "rate_limit_error": FailureClass.RATE_LIMITED,
    "rate_limit_reached_error": FailureClass.RATE_LIMITED,
    "authentication_error": FailureClass.CREDENTIAL_REJECTED,
}
"""A vendor's `code` or `type`, in lower case. It speaks before the status does."""

_CLASS_OF_STATUS: dict[int, FailureClass] = {
    401: FailureClass.CREDENTIAL_REJECTED,
    402: FailureClass.QUOTA_EXHAUSTED,
    403: FailureClass.CREDENTIAL_REJECTED,
    404: FailureClass.MODEL_UNAVAILABLE,
    405: FailureClass.MALFORMED_RESPONSE,  # no chat API stands at this url
    408: FailureClass.TIMEOUT,
    409: FailureClass.SERVER_ERROR,  # the openai SDK repeats it: a lock that timed out at the provider
    410: FailureClass.MODEL_UNAVAILABLE,
    413: FailureClass.CONTEXT_LENGTH_EXCEEDED,
    425: FailureClass.SERVER_ERROR,
    429: FailureClass.RATE_LIMITED,
    498: FailureClass.OVERLOADED,  # Groq: flex tier capacity exceeded
    503: FailureClass.OVERLOADED,
    529: FailureClass.OVERLOADED,
}

_CONTEXT_MESSAGE = re.compile(
    r"(maximum|max(imum)? model|available) context (length|size)|context (window|length) (is )?exceeded"
    r"|prompt is too long|longer than the (maximum )?(model|context)",
    re.IGNORECASE,
)
"""vLLM, TGI and Ollama send no code. Only for a class without blame: a message may quote what a caller wrote."""


_STREAM_OPTIONS = "stream_options"
_TELLING_MEMBERS = ("error", "detail", "message", "msg", "param", "loc")


class VendorError(Struct, frozen=True):
    """What is read of a provider's error object; every part of it may be missing."""

    codes: tuple[str, ...] = ()
    param: str | None = None
    message: str = ""
    flagged: bool = False

    def named_class(self) -> FailureClass | None:
        """Return the class that the vendor's own code names."""
        return next((CLASS_OF_CODE[code] for code in self.codes if code in CLASS_OF_CODE), None)


def classify_answer(status: int, headers: Headers, body: bytes, now: float) -> UpstreamFailure:
    """Return what an answer that is not a good one means; see Dialect.classify. Classes: design, section 5.3."""
    error = read_vendor_error(body)
    if status < 300:
        return failure_in_success(error, body, status=status)
    named = error.named_class() if error else None
    failure = _class_of(status, error, named, body)
    hint = read_retry_hint(headers, now) if status == 429 or status >= 500 else None
    return UpstreamFailure(
        failure,
        f"status {status}" + ("" if named is None else ", by its code"),
        status=status,
        retry_after_seconds=hint,
        relayed=relayed_answer(failure, status, headers, body) if failure in RELAYED_CLASSES else None,
    )


def failure_in_success(
    error: VendorError | None, body: bytes, what: str = "answer", *, status: int = 200
) -> UpstreamFailure:
    """Return what a good status means with a body that is not: ErrorInStream for an error, else MalformedResponse.

    A code that names the account's or the call's own trouble keeps its class.
    """
    if error is None:
        return not_the_answer(status, what)
    failure = error.named_class() or FailureClass.ERROR_IN_STREAM
    detail = f"an error inside the {what} of status {status}"
    return UpstreamFailure(failure, detail, status=status, relayed=relayed_from_success(failure, body))


def read_vendor_error(body: bytes) -> VendorError | None:
    """Read the error object of a body; None where there is none.

    Forms: `{"error": {…}}` (OpenAI), `{"error": "text"}` (Ollama), `{"object": "error", …}` (vLLM before 0.10).
    """
    try:
        decoded: Any = msgspec.json.decode(body)
    except UNREADABLE:
        return None
    if not isinstance(decoded, dict):
        return None
    if decoded.get("object") == "error":
        return vendor_error_of(decoded)
    error = decoded.get("error")
    return None if error is None else vendor_error_of(error)


def vendor_error_of(error: object) -> VendorError:
    """Read an error object that has been decoded."""
    if not isinstance(error, dict):
        return VendorError(message=error if isinstance(error, str) else "")
    inner = error.get("innererror")
    metadata = error.get("metadata")
    candidates = (error.get("code"), inner.get("code") if isinstance(inner, dict) else None, error.get("type"))
    param = error.get("param")
    message = error.get("message")
    return VendorError(
        codes=tuple(candidate.lower() for candidate in candidates if isinstance(candidate, str)),
        param=param if isinstance(param, str) else None,
        message=message if isinstance(message, str) else "",
        flagged=isinstance(metadata, dict) and "reasons" in metadata,
    )


def refuses_stream_options(status: int, body: bytes) -> bool:
    """Say whether a 400 or 422 refuses `stream_options`, by `param`, by message or by the path of a validation error.

    A message may quote what a caller wrote: the refusal is certain only once the call without it is not refused.
    """
    if status not in (400, 422) or _STREAM_OPTIONS.encode() not in body:
        return False
    try:
        decoded: Any = msgspec.json.decode(body)
    except UNREADABLE:
        return False
    return _names_stream_options(decoded)


def render_openai_error(answer: Answer) -> bytes:
    """Return `{"error": {message, type, param, code}}`: the form that every SDK reads."""
    error = {"message": answer.message, "type": _type_of(answer.status), "param": answer.param, "code": answer.code}
    return msgspec.json.encode({"error": error})


def _class_of(status: int, error: VendorError | None, named: FailureClass | None, body: bytes) -> FailureClass:
    if status >= 500:
        return _CLASS_OF_STATUS.get(status, FailureClass.SERVER_ERROR)
    if status < 400:
        return FailureClass.MALFORMED_RESPONSE  # no redirects
    if named is not None:
        return named
    if error is None and is_no_api(status, body):
        return FailureClass.MALFORMED_RESPONSE
    if error is not None:
        by_content = _class_by_content(status, error)
        if by_content is not None:
            return by_content
    return _CLASS_OF_STATUS.get(status, FailureClass.INVALID_REQUEST)


def _class_by_content(status: int, error: VendorError) -> FailureClass | None:
    if status == 403 and error.flagged:  # https://openrouter.ai/docs/api-reference/errors, "Moderation errors"
        return FailureClass.CONTENT_FILTERED
    if status in (400, 422) and _CONTEXT_MESSAGE.search(error.message):
        return FailureClass.CONTEXT_LENGTH_EXCEEDED
    if status in (400, 404) and error.param == "model":
        return FailureClass.MODEL_UNAVAILABLE
    if status == 404 and error.param is not None:  # something that the request names, such as a file
        return FailureClass.INVALID_REQUEST
    return None


def _names_stream_options(part: object) -> bool:
    """Look into the members that tell what is wrong, not into `input`, where FastAPI's servers echo the request."""
    if isinstance(part, str):
        return _STREAM_OPTIONS in part
    if isinstance(part, list):
        return any(_names_stream_options(item) for item in part)
    if isinstance(part, dict):
        return any(_names_stream_options(part.get(name)) for name in _TELLING_MEMBERS)
    return False


def _type_of(status: int) -> str:
    match status:
        case 401:
            return "authentication_error"
        case 403:
            return "permission_error"
        case 429:
            return "rate_limit_error"
        case _:
            return "invalid_request_error" if status < 500 else "server_error"
