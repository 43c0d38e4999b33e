"""How Anthropic fails. Types and statuses: https://docs.claude.com/en/api/errors"""

from typing import Any

from doubles.scripted.vendor_failure import EVENTS, JSON, VendorFailure, sse, written

ERRORS = "https://docs.claude.com/en/api/errors"
LIMITS = "https://docs.claude.com/en/api/rate-limits"
DIALECT = "anthropic-messages"
OVER_RATE = (
    "This request would exceed your organization's rate limit of 50 requests per minute. For details, refer to: "
)
OVER_RATE += "https://docs.claude.com/en/api/rate-limits."
LOW_CREDIT = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or "
LOW_CREDIT += "purchase credits."
OVER_LIMIT = "You have reached your specified API usage limits. You will regain access on 2026-01-01 at 00:00 UTC."
LONG = "input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000, decrease input length or "
LONG += "`max_tokens` and try again"
RATE_HEADERS = {
    "retry-after": "13",
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "0",
    "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:13Z",
    "anthropic-ratelimit-input-tokens-limit": "30000",
    "anthropic-ratelimit-input-tokens-remaining": "29000",
    "anthropic-ratelimit-input-tokens-reset": "2026-01-01T00:00:02Z",
}
STARTED = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 25, "output_tokens": 1},
    },
}


def _error(type_: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": type_, "message": message}, "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"}


def _whole(
    name: str, failure_class: str, status: int, type_: str, message: str, source: str = ERRORS, **more: Any
) -> VendorFailure:
    body = written(_error(type_, message))
    return VendorFailure(f"anthropic-{name}", DIALECT, "Anthropic", failure_class, status, source, body=body, **more)


def _streamed(name: str, failure_class: str, type_: str, message: str) -> VendorFailure:
    """Source: https://docs.claude.com/en/docs/build-with-claude/streaming#error-events."""
    frames = (sse(STARTED, "message_start"), sse(_error(type_, message), "error"))
    source = "https://docs.claude.com/en/docs/build-with-claude/streaming#error-events"
    return VendorFailure(
        f"anthropic-{name}",
        DIALECT,
        "Anthropic",
        failure_class,
        200,
        source,
        dict(EVENTS),
        frames=frames,
        mode="stream",
    )


ANTHROPIC_FAILURES: tuple[VendorFailure, ...] = (
    _whole(
        "rate-limited",
        "RateLimited",
        429,
        "rate_limit_error",
        OVER_RATE,
        LIMITS,
        headers=JSON | RATE_HEADERS,
        retry_after_seconds=13.0,
    ),
    _whole("rate-limited-bare", "RateLimited", 429, "rate_limit_error", OVER_RATE, LIMITS),
    _whole("overloaded", "Overloaded", 529, "overloaded_error", "Overloaded"),
    _whole("server-error", "ServerError", 500, "api_error", "Internal server error"),
    _whole("timeout", "Timeout", 504, "timeout_error", "The request timed out while processing."),
    _whole("invalid-key", "CredentialRejected", 401, "authentication_error", "invalid x-api-key"),
    _whole(
        "no-permission",
        "CredentialRejected",
        403,
        "permission_error",
        "Your API key does not have permission to use the specified resource.",
    ),
    _whole("low-credit", "QuotaExhausted", 400, "invalid_request_error", LOW_CREDIT),
    _whole(
        "billing", "QuotaExhausted", 402, "billing_error", "There's an issue with your billing or payment information."
    ),
    _whole("over-usage-limit", "QuotaExhausted", 400, "invalid_request_error", OVER_LIMIT, LIMITS),
    _whole("no-model", "ModelUnavailable", 404, "not_found_error", "model: claude-9"),
    _whole(
        "too-long",
        "ContextLengthExceeded",
        400,
        "invalid_request_error",
        "prompt is too long: 204311 tokens > 200000 maximum",
        "https://docs.claude.com/en/docs/build-with-claude/context-windows",
    ),
    _whole(
        "too-long-with-answer",
        "ContextLengthExceeded",
        400,
        "invalid_request_error",
        LONG,
        "https://docs.claude.com/en/docs/build-with-claude/context-windows",
    ),
    _whole(
        "too-large",
        "ContextLengthExceeded",
        413,
        "request_too_large",
        "Request exceeds the maximum allowed number of bytes.",
    ),
    _whole(
        "output-blocked",
        "ContentFiltered",
        400,
        "invalid_request_error",
        "Output blocked by content filtering policy",
    ),
    _whole("invalid", "InvalidRequest", 400, "invalid_request_error", "max_tokens: Field required"),
    _streamed("overloaded-in-stream", "Overloaded", "overloaded_error", "Overloaded"),
    _streamed("rate-limited-in-stream", "RateLimited", "rate_limit_error", OVER_RATE),
    _streamed("error-in-stream", "ErrorInStream", "api_error", "Internal server error"),
)
