"""How OpenAI and Azure OpenAI fail, in chat and in responses.

Messages and codes: https://platform.openai.com/docs/guides/error-codes
"""

from typing import Any

from doubles.scripted.vendor_failure import EVENTS, JSON, VendorFailure, sse, written

CODES = "https://platform.openai.com/docs/guides/error-codes"
LIMITS = "https://platform.openai.com/docs/guides/rate-limits"
STREAMING = "https://platform.openai.com/docs/api-reference/responses-streaming"
FILTERING = "https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter"
AZURE = "https://learn.microsoft.com/azure/ai-foundry/openai/quotas-limits"
CHAT, RESPONSES = "openai-chat", "openai-responses"

OVER_RATE = "Rate limit reached for gpt-4o in organization org-abc on requests per min (RPM): Limit 3, Used 3, "
NO_QUOTA = "You exceeded your current quota, please check your plan and billing details."
BAD_KEY = "Incorrect API key provided: sk-abc***xyz. You can find your API key at "
BAD_KEY += "https://platform.openai.com/account/api-keys."
NO_MODEL = "The model `gpt-9` does not exist or you do not have access to it."
TOO_LONG = "This model's maximum context length is 128000 tokens. However, your messages resulted in 130011 tokens."
SERVER = "The server had an error while processing your request. Sorry about that!"
ENGINE = "The engine is currently overloaded, please try again later"
FILTERED = "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please "
FILTERED += "modify your prompt and retry."
NOT_FILTERED = {"filtered": False, "severity": "safe"}
RATE_HEADERS = {
    "retry-after": "20",
    "x-ratelimit-limit-requests": "3",
    "x-ratelimit-remaining-requests": "0",
    "x-ratelimit-reset-requests": "20s",
}


def _error(message: str, type_: str | None, code: str | None, param: str | None = None) -> bytes:
    return written({"error": {"message": message, "type": type_, "param": param, "code": code}})


def _both(name: str, failure_class: str, status: int, body: bytes, **more: Any) -> tuple[VendorFailure, ...]:
    """Return one for each of OpenAI's APIs: their errors are the same."""
    return tuple(
        VendorFailure(f"{prefix}-{name}", dialect, "OpenAI", failure_class, status, CODES, body=body, **more)
        for prefix, dialect in (("openai", CHAT), ("responses", RESPONSES))
    )


def _azure(name: str, failure_class: str, status: int, content: Any, source: str, **more: Any) -> VendorFailure:
    body = written(content)
    return VendorFailure(f"azure-{name}", CHAT, "Azure", failure_class, status, source, body=body, **more)


def _response(status: str, **members: Any) -> dict[str, Any]:
    """Source: https://platform.openai.com/docs/api-reference/responses/object."""
    head = {"id": "resp_1", "object": "response", "created_at": 1741476542, "status": status, "model": "gpt-4o"}
    told: dict[str, Any] = {
        "error": None,
        "incomplete_details": None,
        "output": [],
        "usage": None,
        "instructions": None,
    }
    rest = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "metadata": {}}
    return head | told | rest | members


def _streamed(name: str, failure_class: str, *events: dict[str, Any]) -> VendorFailure:
    begun = {"type": "response.created", "response": _response("in_progress"), "sequence_number": 0}
    frames = tuple(sse(event, event["type"]) for event in (begun, *events))
    return VendorFailure(
        f"responses-{name}", RESPONSES, "OpenAI", failure_class, 200, STREAMING, EVENTS, frames=frames, mode="stream"
    )


def _failed(code: str, message: str) -> dict[str, Any]:
    response = _response("failed", error={"code": code, "message": message})
    return {"type": "response.failed", "response": response, "sequence_number": 1}


OPENAI_FAILURES: tuple[VendorFailure, ...] = (
    *_both(
        "rate-limited",
        "RateLimited",
        429,
        _error(OVER_RATE + "Requested 1. Please try again in 20s.", "requests", "rate_limit_exceeded"),
        headers=JSON | RATE_HEADERS,
        retry_after_seconds=20.0,
    ),
    *_both("rate-limited-bare", "RateLimited", 429, _error(OVER_RATE, "tokens", "rate_limit_exceeded")),
    *_both("insufficient-quota", "QuotaExhausted", 429, _error(NO_QUOTA, "insufficient_quota", "insufficient_quota")),
    *_both("invalid-key", "CredentialRejected", 401, _error(BAD_KEY, "invalid_request_error", "invalid_api_key")),
    *_both(
        "no-permission",
        "CredentialRejected",
        403,
        _error("You have insufficient permissions for this operation.", "invalid_request_error", None),
    ),
    *_both("no-model", "ModelUnavailable", 404, _error(NO_MODEL, "invalid_request_error", "model_not_found")),
    *_both(
        "too-long",
        "ContextLengthExceeded",
        400,
        _error(TOO_LONG, "invalid_request_error", "context_length_exceeded", "messages"),
    ),
    *_both(
        "invalid",
        "InvalidRequest",
        400,
        _error(
            "Invalid 'temperature': decimal above maximum value.",
            "invalid_request_error",
            "decimal_above_max_value",
            "temperature",
        ),
    ),
    *_both("server-error", "ServerError", 500, _error(SERVER, "server_error", None)),
    *_both("overloaded", "Overloaded", 503, _error(ENGINE, "server_error", None)),
    VendorFailure(
        "openai-error-in-stream",
        CHAT,
        "OpenAI",
        "ErrorInStream",
        200,
        CODES,
        EVENTS,
        frames=(sse({"error": {"message": SERVER, "type": "server_error", "param": None, "code": None}}),),
        mode="stream",
    ),
    _azure(
        "content-filter",
        "ContentFiltered",
        400,
        {
            "error": {
                "message": FILTERED,
                "type": None,
                "param": "prompt",
                "code": "content_filter",
                "status": 400,
                "innererror": {
                    "code": "ResponsibleAIPolicyViolation",
                    "content_filter_result": {
                        "hate": NOT_FILTERED,
                        "jailbreak": {"filtered": True, "detected": True},
                        "self_harm": NOT_FILTERED,
                        "sexual": NOT_FILTERED,
                        "violence": {"filtered": True, "severity": "high"},
                    },
                },
            }
        },
        FILTERING,
    ),
    _azure(
        "rate-limited",
        "RateLimited",
        429,
        {
            "error": {
                "code": "429",
                "message": "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 "
                "have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 12 seconds.",
            }
        },
        AZURE,
        headers=JSON | {"retry-after": "12", "retry-after-ms": "12000"},
        retry_after_seconds=12.0,
    ),
    _azure(
        "no-deployment",
        "ModelUnavailable",
        404,
        {
            "error": {
                "code": "DeploymentNotFound",
                "message": "The API deployment for this resource does not exist. If you created the deployment within "
                "the last 5 minutes, please wait a moment and try again.",
            }
        },
        "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/working-with-models",
    ),
    _azure(
        "invalid-key",
        "CredentialRejected",
        401,
        {
            "error": {
                "code": "401",
                "message": "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide "
                "a valid key for an active subscription and use a correct regional API endpoint for your resource.",
            }
        },
        "https://learn.microsoft.com/azure/ai-services/authentication",
    ),
    VendorFailure(
        "responses-failed",
        RESPONSES,
        "OpenAI",
        "ErrorInStream",
        200,
        "https://platform.openai.com/docs/api-reference/responses/object#responses/object-error",
        body=written(_response("failed", error={"code": "server_error", "message": SERVER})),
        mode="plain",
    ),
    _streamed("failed-in-stream", "ErrorInStream", _failed("server_error", SERVER)),
    _streamed("rate-limited-in-stream", "RateLimited", _failed("rate_limit_exceeded", OVER_RATE)),
    _streamed(
        "error-in-stream",
        "ErrorInStream",
        {"type": "error", "code": "server_error", "message": SERVER, "param": None, "sequence_number": 1},
    ),
)
