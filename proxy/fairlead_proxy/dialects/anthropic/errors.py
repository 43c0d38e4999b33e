"""Errors of Anthropic's form: what a provider's answer means, and how ours are written."""

from datetime import datetime

import msgspec
from msgspec import Struct

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.dialects.dialect import Headers, Said
from fairlead_proxy.dialects.failures import is_no_api, not_the_answer, relayed_answer, relayed_from_success
from fairlead_proxy.dialects.retry_hint import MAX_SECONDS, read_retry_hint
from fairlead_proxy.dialects.told_json import text_in, text_of, told_value
from fairlead_proxy.exchange.errors import Answer, UpstreamFailure

_CLASS_OF_TYPE: dict[str, FailureClass] = {
    # https://docs.anthropic.com/en/api/errors
    "invalid_request_error": FailureClass.INVALID_REQUEST,
    "authentication_error": FailureClass.CREDENTIAL_REJECTED,
    "billing_error": FailureClass.QUOTA_EXHAUSTED,
    "permission_error": FailureClass.CREDENTIAL_REJECTED,
    "not_found_error": FailureClass.MODEL_UNAVAILABLE,
    "request_too_large": FailureClass.CONTEXT_LENGTH_EXCEEDED,
    "rate_limit_error": FailureClass.RATE_LIMITED,
    "api_error": FailureClass.SERVER_ERROR,
    "overloaded_error": FailureClass.OVERLOADED,
    "timeout_error": FailureClass.TIMEOUT,
}

_CLASS_OF_CODE: dict[str, FailureClass] = {
    # `error.details.error_code`, documented in the vendor's SDK since 2.14 (anthropic/types/shared/error_details.py)
    "contract_spend_limit_reached": FailureClass.QUOTA_EXHAUSTED,
    "enforced_spend_limit_reached": FailureClass.QUOTA_EXHAUSTED,
    "linked_organization_spend_limit_reached": FailureClass.QUOTA_EXHAUSTED,
    "linked_organization_billing_unavailable": FailureClass.QUOTA_EXHAUSTED,
    "organization_on_hold": FailureClass.CREDENTIAL_REJECTED,
    "cmek_key_disabled": FailureClass.CREDENTIAL_REJECTED,
    "cmek_key_network_blocked": FailureClass.CREDENTIAL_REJECTED,
    "ramp_limit_exceeded": FailureClass.RATE_LIMITED,
}

_CLASS_OF_BEGINNING: tuple[tuple[str, FailureClass], ...] = (
    ("prompt is too long", FailureClass.CONTEXT_LENGTH_EXCEEDED),
    ("input length and `max_tokens` exceed context limit", FailureClass.CONTEXT_LENGTH_EXCEEDED),
    ("output blocked by content filtering policy", FailureClass.CONTENT_FILTERED),
    ("your credit balance is too low", FailureClass.QUOTA_EXHAUSTED),
    ("you have reached your specified api usage limits", FailureClass.QUOTA_EXHAUSTED),
    ("you have reached your specified workspace api usage limits", FailureClass.QUOTA_EXHAUSTED),
    ("this organization has been disabled", FailureClass.CREDENTIAL_REJECTED),
)
"""How messages begin, in lower case, where the type says no more than `invalid_request_error`.

Only a beginning speaks: a message that quotes what a caller wrote begins with the path of the member it is in.
"""

_CLASS_OF_STATUS: dict[int, FailureClass] = {
    401: FailureClass.CREDENTIAL_REJECTED,
    402: FailureClass.QUOTA_EXHAUSTED,
    403: FailureClass.CREDENTIAL_REJECTED,
    404: FailureClass.MODEL_UNAVAILABLE,
    405: FailureClass.MALFORMED_RESPONSE,  # no Messages API stands at this url
    408: FailureClass.TIMEOUT,
    409: FailureClass.SERVER_ERROR,  # the vendor's SDK repeats it
    410: FailureClass.MODEL_UNAVAILABLE,
    413: FailureClass.CONTEXT_LENGTH_EXCEEDED,
    425: FailureClass.SERVER_ERROR,
    429: FailureClass.RATE_LIMITED,
    503: FailureClass.OVERLOADED,
    504: FailureClass.TIMEOUT,
    529: FailureClass.OVERLOADED,
}

_LIMITS = ("requests", "tokens", "input-tokens", "output-tokens")


class VendorError(Struct, frozen=True):
    """What is read of a provider's error object; every part of it may be missing."""

    type: str = ""
    code: str = ""
    message: str = ""

    def named_class(self) -> FailureClass | None:
        """Return the class that the vendor's own words name, the most exact first."""
        named = _CLASS_OF_CODE.get(self.code)
        if named is None and self.type in ("", "invalid_request_error", "rate_limit_error", "permission_error"):
            beginning = self.message[:80].lower()
            named = next((found for words, found in _CLASS_OF_BEGINNING if beginning.startswith(words)), None)
        if named is None and self.type == "not_found_error" and self.message.lower().startswith("file"):
            return FailureClass.INVALID_REQUEST  # something that the request names
        return named or _CLASS_OF_TYPE.get(self.type)


def classify_answer(status: int, headers: Headers, body: bytes, now: float) -> UpstreamFailure:
    """Return what an answer that is not a good one means; see Passage.classify. Classes: design, section 5.3."""
    error = read_vendor_error(body)
    if status < 300:
        return failure_in_success(error, body, status=status)
    named = error.named_class() if error else None
    failure = _class_of(status, error, named, body)
    return UpstreamFailure(
        failure,
        f"status {status}" + ("" if named is None else ", by its type"),
        status=status,
        retry_after_seconds=_retry_hint(headers, now) if status == 429 or status >= 500 else None,
        relayed=relayed_answer(failure, status, headers, body),
    )


def failure_in_success(
    error: VendorError | None, body: bytes, what: str = "answer", *, status: int = 200
) -> UpstreamFailure:
    """Return what a good status means with a body that is not: the error's own class, else MalformedResponse.

    An `api_error`, and one without a type that we know, is ErrorInStream.
    """
    if error is None:
        return not_the_answer(status, what)
    failure = error.named_class()
    if failure is None or failure is FailureClass.SERVER_ERROR:
        failure = FailureClass.ERROR_IN_STREAM
    detail = f"an error inside the {what} of status {status}"
    return UpstreamFailure(failure, detail, status=status, relayed=relayed_from_success(failure, body))


def read_vendor_error(body: bytes) -> VendorError | None:
    """Read the error object of a body, `{"type": "error", "error": {…}}`; None where there is none."""
    return vendor_error_of(told_value(body))


def vendor_error_of(decoded: object) -> VendorError | None:
    """Read an error that has been decoded."""
    if not isinstance(decoded, dict):
        return None
    error = decoded.get("error")
    if not isinstance(error, dict):
        if decoded.get("type") == "error" or error:
            return VendorError(message=text_of(error))
        return None
    return VendorError(
        type=text_in(error, "type"),
        code=text_in(error.get("details"), "error_code"),
        message=text_in(error, "message"),
    )


def read_refusal_of(body: bytes) -> Said:
    """Return what an error says to its caller; `param`: the path that its message begins with, as in `tools.0: …`."""
    error = read_vendor_error(body)
    if error is None:
        return Said("")
    path, colon, _ = error.message.partition(": ")
    named = bool(colon) and path.isascii() and path.replace(".", "").replace("_", "").isalnum() and path.islower()
    return Said(error.message, path if named else None)


def render_anthropic_error(answer: Answer) -> bytes:
    """Return `{"type": "error", "error": {type, message}}`; the parameter is named in the message, where it is not yet.

    Source: https://docs.anthropic.com/en/api/errors, "Error shapes".
    """
    message = answer.message
    if answer.param is not None and answer.param not in message:
        message = f"{answer.param}: {message}"
    return msgspec.json.encode({"type": "error", "error": {"type": _type_of(answer.status), "message": message}})


def render_anthropic_stream_error(answer: Answer) -> bytes:
    """Return the event that the vendor ends a stream with when it fails; its SDK raises on it."""
    return b"event: error\ndata: " + render_anthropic_error(answer) + b"\n\n"


def _class_of(status: int, error: VendorError | None, named: FailureClass | None, body: bytes) -> FailureClass:
    if status >= 500:
        if named in (FailureClass.OVERLOADED, FailureClass.TIMEOUT, FailureClass.RATE_LIMITED):
            return named
        return _CLASS_OF_STATUS.get(status, FailureClass.SERVER_ERROR)
    if status < 400:
        return FailureClass.MALFORMED_RESPONSE  # no redirects
    if named is not None and not (named is FailureClass.INVALID_REQUEST and _says_little(status, error)):
        return named
    if error is None and is_no_api(status, body):
        return FailureClass.MALFORMED_RESPONSE
    return _CLASS_OF_STATUS.get(status, FailureClass.INVALID_REQUEST)


def _says_little(status: int, error: VendorError | None) -> bool:
    """Say whether a status tells more than the error's type does; others who speak this dialect are less exact."""
    return status in _CLASS_OF_STATUS and error is not None and error.type == "invalid_request_error"


def _retry_hint(headers: Headers, now: float) -> float | None:
    """Return the seconds to wait: as every provider says it, else until the last of the limits that are used up resets.

    Source: https://docs.anthropic.com/en/api/rate-limits, "Response headers"; resets are dates of RFC 3339.
    """
    hint = read_retry_hint(headers, now)
    if hint is not None:
        return hint
    by_name = dict(headers)
    waits = [
        _seconds_until(by_name.get(f"anthropic-ratelimit-{limit}-reset", ""), now)
        for limit in _LIMITS
        if by_name.get(f"anthropic-ratelimit-{limit}-remaining", "").strip() == "0"
    ]
    longest = max((wait for wait in waits if wait is not None), default=None)
    return None if longest is None else min(max(longest, 0.0), MAX_SECONDS)


def _seconds_until(date: str, now: float) -> float | None:
    try:
        moment = datetime.fromisoformat(date.strip())
        return None if moment.tzinfo is None else moment.timestamp() - now
    except (ValueError, OverflowError):
        return None


def _type_of(status: int) -> str:
    match status:
        case 401:
            return "authentication_error"
        case 402:
            return "billing_error"
        case 403:
            return "permission_error"
        case 404:
            return "not_found_error"
        case 413:
            return "request_too_large"
        case 429:
            return "rate_limit_error"
        case 503 | 529:
            return "overloaded_error"
        case 504:
            return "timeout_error"
        case _:
            return "invalid_request_error" if status < 500 else "api_error"
