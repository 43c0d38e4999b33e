"""How the Gemini API and Vertex AI fail. Statuses: https://ai.google.dev/gemini-api/docs/troubleshooting"""

from typing import Any

from doubles.scripted.vendor_failure import EVENTS, JSON, VendorFailure, sse, written

TROUBLE = "https://ai.google.dev/gemini-api/docs/troubleshooting"
LIMITS = "https://ai.google.dev/gemini-api/docs/rate-limits"
VERTEX = "https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/api-errors"
EXHAUSTED = "https://cloud.google.com/vertex-ai/generative-ai/docs/provisioned-throughput/error-code-429"
ANSWERS = "https://ai.google.dev/api/generate-content#generatecontentresponse"
TYPES = "type.googleapis.com/google.rpc."
DIALECT = "gemini"
PLAN = "You exceeded your current quota, please check your plan and billing details. For more information on this "
PLAN += "error, head to: https://ai.google.dev/gemini-api/docs/rate-limits."
NO_MODEL = "models/gemini-9 is not found for API version v1beta, or is not supported for generateContent. Call "
NO_MODEL += "ListModels to see the list of available models and their supported methods."
UNAUTHENTICATED = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
)
UNAUTHENTICATED += (
    "valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
USAGE = {"promptTokenCount": 8, "totalTokenCount": 8}
RATINGS = [{"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": True}]
BLOCKED = {
    "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
    "usageMetadata": USAGE,
    "modelVersion": "gemini-2.5-flash",
    "responseId": "r1",
}
UNSAFE = {
    "candidates": [{"finishReason": "SAFETY", "index": 0, "safetyRatings": RATINGS}],
    "usageMetadata": USAGE,
    "modelVersion": "gemini-2.5-flash",
    "responseId": "r1",
}


def _error(code: int, status: str, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {"code": code, "message": message, "status": status}
    return {"error": said | ({"details": list(details)} if details else {})}


def _quota(quota: str, value: str) -> dict[str, Any]:
    violation = {
        "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
        "quotaId": quota,
        "quotaDimensions": {"location": "global", "model": "gemini-2.5-flash"},
        "quotaValue": value,
    }
    return {"@type": TYPES + "QuotaFailure", "violations": [violation]}


def _whole(
    name: str,
    failure_class: str,
    content: dict[str, Any],
    *,
    vendor: str = "Gemini API",
    source: str = TROUBLE,
    **more: Any,
) -> VendorFailure:
    status: int = content.get("error", {}).get("code", 200)
    return VendorFailure(name, DIALECT, vendor, failure_class, status, source, body=written(content), **more)


def _vertex(name: str, failure_class: str, content: dict[str, Any], *, source: str = VERTEX) -> VendorFailure:
    return _whole(f"vertex-{name}", failure_class, content, vendor="Vertex AI", source=source)


def _streamed(name: str, failure_class: str, *contents: dict[str, Any]) -> VendorFailure:
    frames = tuple(sse(content) for content in contents)
    return VendorFailure(
        name, DIALECT, "Gemini API", failure_class, 200, ANSWERS, dict(EVENTS), frames=frames, mode="stream"
    )


RETRY = {"@type": TYPES + "RetryInfo", "retryDelay": "34s"}
HELP = {"@type": TYPES + "Help", "links": [{"description": "Learn more", "url": LIMITS}]}
OVER_MINUTE = _quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "10")
OVER_DAY = _quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "250")
BAD_KEY = {
    "@type": TYPES + "ErrorInfo",
    "reason": "API_KEY_INVALID",
    "domain": "googleapis.com",
    "metadata": {"service": "generativelanguage.googleapis.com"},
}

GOOGLE_FAILURES: tuple[VendorFailure, ...] = (
    _whole(
        "gemini-rate-limited",
        "RateLimited",
        _error(429, "RESOURCE_EXHAUSTED", PLAN, OVER_MINUTE, HELP, RETRY),
        source=LIMITS,
        retry_after_seconds=34.0,
    ),
    _whole(
        "gemini-rate-limited-with-header",
        "RateLimited",
        _error(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
        headers=JSON | {"retry-after": "7"},
        retry_after_seconds=7.0,
    ),
    _whole(
        "gemini-over-daily-quota",
        "QuotaExhausted",
        _error(429, "RESOURCE_EXHAUSTED", PLAN, OVER_DAY, HELP),
        source=LIMITS,
    ),
    _whole(
        "gemini-invalid-key",
        "CredentialRejected",
        _error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", BAD_KEY),
        source="https://ai.google.dev/gemini-api/docs/api-key",
    ),
    _whole(
        "gemini-no-permission",
        "CredentialRejected",
        _error(403, "PERMISSION_DENIED", "The caller does not have permission"),
    ),
    _whole("gemini-no-model", "ModelUnavailable", _error(404, "NOT_FOUND", NO_MODEL)),
    _whole(
        "gemini-too-long",
        "ContextLengthExceeded",
        _error(
            400,
            "INVALID_ARGUMENT",
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        ),
    ),
    _whole(
        "gemini-invalid",
        "InvalidRequest",
        _error(400, "INVALID_ARGUMENT", 'Invalid JSON payload received. Unknown name "foo": Cannot find field.'),
    ),
    _whole(
        "gemini-server-error",
        "ServerError",
        _error(
            500,
            "INTERNAL",
            "An internal error has occurred. Please retry or report in "
            "https://developers.generativeai.google/guide/troubleshooting",
        ),
    ),
    _whole(
        "gemini-overloaded",
        "Overloaded",
        _error(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    ),
    _whole(
        "gemini-timeout",
        "Timeout",
        _error(504, "DEADLINE_EXCEEDED", "The request timed out. Please try again."),
    ),
    _whole("gemini-prompt-blocked", "ContentFiltered", BLOCKED, source=ANSWERS, mode="plain"),
    _whole("gemini-unsafe", "ContentFiltered", UNSAFE, source=ANSWERS, mode="plain"),
    _streamed("gemini-prompt-blocked-in-stream", "ContentFiltered", BLOCKED),
    _streamed("gemini-unsafe-in-stream", "ContentFiltered", UNSAFE),
    _streamed("gemini-error-in-stream", "ErrorInStream", _error(500, "INTERNAL", "An internal error has occurred.")),
    _vertex(
        "rate-limited",
        "RateLimited",
        _error(
            429,
            "RESOURCE_EXHAUSTED",
            "Resource exhausted. Please try again later. Please refer to "
            "https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details.",
        ),
        source=EXHAUSTED,
    ),
    _vertex(
        "unauthenticated",
        "CredentialRejected",
        _error(
            401,
            "UNAUTHENTICATED",
            UNAUTHENTICATED,
            {"@type": TYPES + "ErrorInfo", "reason": "ACCESS_TOKEN_TYPE_UNSUPPORTED", "domain": "googleapis.com"},
        ),
    ),
    _vertex(
        "no-permission",
        "CredentialRejected",
        _error(
            403,
            "PERMISSION_DENIED",
            "Permission 'aiplatform.endpoints.predict' denied on resource "
            "'//aiplatform.googleapis.com/projects/p/locations/us-central1/publishers/google/models/gemini-2.5-flash' "
            "(or it may not exist).",
        ),
    ),
    _vertex(
        "no-model",
        "ModelUnavailable",
        _error(
            404,
            "NOT_FOUND",
            "Publisher Model `projects/p/locations/us-central1/publishers/google/models/gemini-9` was not found or "
            "your project does not have access to it.",
        ),
    ),
    _vertex("overloaded", "Overloaded", _error(503, "UNAVAILABLE", "The service is currently unavailable.")),
)
