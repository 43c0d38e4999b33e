"""What a provider's error means: errors of Google's form.

Sources: https://ai.google.dev/gemini-api/docs/troubleshooting (codes),
https://cloud.google.com/apis/design/errors (their form, and the details) and
https://github.com/googleapis/googleapis/blob/master/google/api/error_reason.proto (reasons).
"""

import re
from typing import Any

import msgspec
from msgspec import Struct

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.dialects.dialect import Headers, Said
from fairlead_proxy.dialects.failures import (
    is_no_api,
    not_the_answer,
    relayed_answer,
    relayed_from_success,
)
from fairlead_proxy.dialects.retry_hint import MAX_SECONDS, read_duration, read_retry_hint
from fairlead_proxy.dialects.told_json import decode_told, object_of, objects_of, text_of
from fairlead_proxy.exchange.errors import UpstreamFailure

_CLASS_OF_REASON: dict[str, FailureClass] = {
    "API_KEY_INVALID": FailureClass.CREDENTIAL_REJECTED,
    "API_KEY_EXPIRED": FailureClass.CREDENTIAL_REJECTED,
    "API_KEY_SERVICE_BLOCKED": FailureClass.CREDENTIAL_REJECTED,
    "API_KEY_HTTP_REFERRER_BLOCKED": FailureClass.CREDENTIAL_REJECTED,
    "API_KEY_IP_ADDRESS_BLOCKED": FailureClass.CREDENTIAL_REJECTED,
    "ACCESS_TOKEN_EXPIRED": FailureClass.CREDENTIAL_REJECTED,
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": FailureClass.CREDENTIAL_REJECTED,
    "ACCOUNT_STATE_INVALID": FailureClass.CREDENTIAL_REJECTED,
    "CREDENTIALS_MISSING": FailureClass.CREDENTIAL_REJECTED,
    "SERVICE_DISABLED": FailureClass.CREDENTIAL_REJECTED,
    "CONSUMER_INVALID": FailureClass.CREDENTIAL_REJECTED,
    "CONSUMER_SUSPENDED": FailureClass.CREDENTIAL_REJECTED,
    "USER_PROJECT_DENIED": FailureClass.CREDENTIAL_REJECTED,
    "IAM_PERMISSION_DENIED": FailureClass.CREDENTIAL_REJECTED,
    "BILLING_DISABLED": FailureClass.QUOTA_EXHAUSTED,
}

_CLASS_OF_STATUS: dict[int, FailureClass] = {
    401: FailureClass.CREDENTIAL_REJECTED,
    402: FailureClass.QUOTA_EXHAUSTED,
    403: FailureClass.CREDENTIAL_REJECTED,
    404: FailureClass.MODEL_UNAVAILABLE,
    405: FailureClass.MALFORMED_RESPONSE,  # no such API stands at this url
    408: FailureClass.TIMEOUT,
    409: FailureClass.SERVER_ERROR,  # ABORTED: to be tried again
    410: FailureClass.MODEL_UNAVAILABLE,
    413: FailureClass.CONTEXT_LENGTH_EXCEEDED,
    429: FailureClass.RATE_LIMITED,
    499: FailureClass.SERVER_ERROR,  # CANCELLED, though nobody here did so
    503: FailureClass.OVERLOADED,
    504: FailureClass.TIMEOUT,
    529: FailureClass.OVERLOADED,
}
_STATUS_OF_NAME = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""For an error whose `code` is missing, or is gRPC's."""

_FAILED_PRECONDITION = "FAILED_PRECONDITION"

_BAD_KEY = re.compile(r"api key (not valid|expired|not found)", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"token count.{0,40}exceeds|token count is \d+ but|exceeds the maximum number of (input )?tokens"
    r"|payload size exceeds",
    re.IGNORECASE,
)
_PLACE = re.compile(r"location is not supported|not available in your (country|region)", re.IGNORECASE)
_BILLING = re.compile(r"billing", re.IGNORECASE)
_SPENT = re.compile(r"credits? (are|is|have been) (depleted|exhausted)|spend(ing)? (cap|limit)|per ?day", re.IGNORECASE)
_KEPT_THING = re.compile(r"\bfiles?/|\bthe file\b|cached ?contents?\b", re.IGNORECASE)
"""What messages say where codes do not tell. Only for classes that a quoted word of a caller's does little harm in."""

_PER_DAY = "perday"
_OWN_TROUBLE = frozenset(
    {
        FailureClass.RATE_LIMITED,
        FailureClass.QUOTA_EXHAUSTED,
        FailureClass.CREDENTIAL_REJECTED,
        FailureClass.MODEL_UNAVAILABLE,
        FailureClass.CONTEXT_LENGTH_EXCEEDED,
        FailureClass.CONTENT_FILTERED,
        FailureClass.INVALID_REQUEST,
    }
)
"""The account's or the call's: under a good status they keep their class."""


class VendorError(Struct, frozen=True):
    """What is read of a provider's error; every part of it may be missing. `quotas` are the ids of those used up."""

    code: int = 0
    status: str = ""
    message: str = ""
    reasons: tuple[str, ...] = ()
    quotas: tuple[str, ...] = ()
    retry_seconds: float | None = None
    field: str | None = None


def classify_answer(status: int, headers: Headers, body: bytes, now: float) -> UpstreamFailure:
    """Return what an answer that is not a good one means; see Passage.classify. Classes: design, section 5.3."""
    error = _error_in(body)
    if status < 300:
        return not_the_answer(status) if error is None else failure_in_success(error, body, "answer", status=status)
    failure = _class_of(status, error, body)
    hint = None
    if status == 429 or status >= 500:
        told = None if error is None else error.retry_seconds
        hint = read_retry_hint(headers, now) if told is None else told
    return UpstreamFailure(
        failure,
        f"status {status}",
        status=status,
        retry_after_seconds=hint,
        relayed=relayed_answer(failure, status, headers, _alone(body)),
    )


def failure_in_success(error: VendorError, body: bytes, what: str, *, status: int = 200) -> UpstreamFailure:
    """Return what an error under a good status means: ErrorInStream, unless it is the account's or the call's own."""
    found = _class_of(_STATUS_OF_NAME.get(error.status, error.code or 500), error, b"")
    failure = found if found in _OWN_TROUBLE else FailureClass.ERROR_IN_STREAM
    return UpstreamFailure(
        failure,
        f"an error inside the {what} of status {status}",
        status=status,
        retry_after_seconds=error.retry_seconds,
        relayed=relayed_from_success(failure, body),
    )


def read_vendor_error(answer: Any) -> VendorError | None:
    """Read the error of a decoded body; None where there is none. A stream without SSE holds it in a list."""
    if isinstance(answer, list):
        answer = answer[0] if answer else None
    error = answer.get("error") if isinstance(answer, dict) else None
    if error is None or error in ("", {}, [], False):
        return None
    members = object_of(error)
    code = members.get("code")
    details = objects_of(members.get("details"))
    return VendorError(
        code=code if isinstance(code, int) and not isinstance(code, bool) and 400 <= code < 600 else 0,
        status=text_of(members.get("status")),
        message=text_of(members.get("message")) or text_of(error),
        reasons=tuple(text_of(detail.get("reason")) for detail in details),
        quotas=tuple(quota for detail in details for quota in _quotas_of(detail)),
        retry_seconds=next(filter(None, (_delay_of(detail) for detail in details)), None),
        field=next(filter(None, (_field_of(detail) for detail in details)), None),
    )


def read_refusal(body: bytes) -> Said:
    """See ProviderDialect.read_refusal."""
    error = _error_in(body)
    return Said("") if error is None else Said(error.message, error.field)


def _alone(body: bytes) -> bytes:
    """Return an error out of the list that it stands in where a stream was asked for without SSE."""
    if body.lstrip()[:1] != b"[":
        return body
    try:
        first = object_of(next(iter(decode_told(body)), None))
    except ValueError:
        return body
    return msgspec.json.encode(first)


def _error_in(body: bytes) -> VendorError | None:
    try:
        return read_vendor_error(decode_told(body))
    except ValueError:
        return None


def _class_of(status: int, error: VendorError | None, body: bytes) -> FailureClass:
    if status >= 500:
        return _CLASS_OF_STATUS.get(status, FailureClass.SERVER_ERROR)
    if status < 400:
        return FailureClass.MALFORMED_RESPONSE  # no redirects
    if error is None:
        if is_no_api(status, body):
            return FailureClass.MALFORMED_RESPONSE
        return _CLASS_OF_STATUS.get(status, FailureClass.INVALID_REQUEST)
    named = next((_CLASS_OF_REASON[reason] for reason in error.reasons if reason in _CLASS_OF_REASON), None)
    if named is not None:
        return named
    by_content = _class_by_content(status, error)
    return by_content or _CLASS_OF_STATUS.get(status, FailureClass.INVALID_REQUEST)


def _class_by_content(status: int, error: VendorError) -> FailureClass | None:
    message = error.message
    if status == 400:
        if _BAD_KEY.search(message):
            return FailureClass.CREDENTIAL_REJECTED
        if _TOO_LONG.search(message):
            return FailureClass.CONTEXT_LENGTH_EXCEEDED
        if error.status == _FAILED_PRECONDITION and _BILLING.search(message):
            return FailureClass.QUOTA_EXHAUSTED  # the free tier is not to be had there: an account that pays is
        if error.status == _FAILED_PRECONDITION and _PLACE.search(message):
            return FailureClass.CREDENTIAL_REJECTED  # whatever is asked with this account from this place is refused
    if status == 429:
        # Without details a message names billing whatever the quota; see `quotas` first.
        exhausted = any(_PER_DAY in quota.lower() for quota in error.quotas) or (
            not error.quotas and _SPENT.search(message) is not None
        )
        return FailureClass.QUOTA_EXHAUSTED if exhausted else None
    if status in (403, 404) and _KEPT_THING.search(message):
        return FailureClass.INVALID_REQUEST  # something that the request names, not the model
    return None


def _quotas_of(detail: dict[str, Any]) -> list[str]:
    """QuotaFailure names what is used up, such as `GenerateRequestsPerDayPerProjectPerModel-FreeTier`."""
    return [text_of(violation.get("quotaId")) for violation in objects_of(detail.get("violations"))]


def _delay_of(detail: dict[str, Any]) -> float | None:
    """RetryInfo's `retryDelay`, such as `18s`."""
    seconds = read_duration(text_of(detail.get("retryDelay")))
    return None if seconds is None else min(max(seconds, 0.0), MAX_SECONDS)


def _field_of(detail: dict[str, Any]) -> str | None:
    """BadRequest's first `fieldViolations`."""
    violations = objects_of(detail.get("fieldViolations"))
    return text_of(violations[0].get("field")) or None if violations else None
