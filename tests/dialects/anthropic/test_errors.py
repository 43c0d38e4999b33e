"""What Anthropic's errors mean, and how ours are written so that its SDK raises the right one."""

import json

import anthropic
import httpx2
import pytest

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.dialects.anthropic.dialect import AnthropicMessages
from fairlead_proxy.dialects.dialect import MAX_ERROR_BYTES, Said
from fairlead_proxy.exchange.errors import Answer, UpstreamFailure

DIALECT = AnthropicMessages()
NOW = 1_800_000_000.0
JSON = (("content-type", "application/json"),)
HTML = b"<html><body>Blocked</body></html>"


def error(kind: str, message: str = "the vendor's words", **members: object) -> bytes:
    return json.dumps(
        {"type": "error", "error": {"type": kind, "message": message, **members}, "request_id": "req_1"}
    ).encode()


def classify(status: int, body: bytes = b"", headers: tuple[tuple[str, str], ...] = JSON) -> UpstreamFailure:
    return DIALECT.classify(status, headers, body, NOW)


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (400, error("invalid_request_error"), FailureClass.INVALID_REQUEST),
        (
            400,
            error("invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum"),
            FailureClass.CONTEXT_LENGTH_EXCEEDED,
        ),
        (
            400,
            error(
                "invalid_request_error", "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"
            ),
            FailureClass.CONTEXT_LENGTH_EXCEEDED,
        ),
        (
            400,
            error("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
            FailureClass.QUOTA_EXHAUSTED,
        ),
        (
            400,
            error("invalid_request_error", "You have reached your specified API usage limits. You will regain access"),
            FailureClass.QUOTA_EXHAUSTED,
        ),
        (
            400,
            error("invalid_request_error", "Output blocked by content filtering policy"),
            FailureClass.CONTENT_FILTERED,
        ),
        (
            400,
            error("invalid_request_error", "messages.0.role: 'Your credit balance is too low' is no role"),
            FailureClass.INVALID_REQUEST,
        ),
        (400, error("invalid_request_error", "This organization has been disabled."), FailureClass.CREDENTIAL_REJECTED),
        (400, b"nonsense", FailureClass.INVALID_REQUEST),
        (400, HTML, FailureClass.MALFORMED_RESPONSE),
        (
            400,
            error("invalid_request_error", details={"error_code": "organization_on_hold"}),
            FailureClass.CREDENTIAL_REJECTED,
        ),
        (401, error("authentication_error", "invalid x-api-key"), FailureClass.CREDENTIAL_REJECTED),
        (401, HTML, FailureClass.CREDENTIAL_REJECTED),
        (402, error("billing_error"), FailureClass.QUOTA_EXHAUSTED),
        (403, error("permission_error"), FailureClass.CREDENTIAL_REJECTED),
        (403, HTML, FailureClass.MALFORMED_RESPONSE),
        (404, error("not_found_error", "model: claude-1"), FailureClass.MODEL_UNAVAILABLE),
        (404, error("not_found_error", "File not found: file_1"), FailureClass.INVALID_REQUEST),
        (404, error("invalid_request_error"), FailureClass.MODEL_UNAVAILABLE),
        (405, b"", FailureClass.MALFORMED_RESPONSE),
        (408, b"", FailureClass.TIMEOUT),
        (413, error("request_too_large"), FailureClass.CONTEXT_LENGTH_EXCEEDED),
        (413, HTML, FailureClass.CONTEXT_LENGTH_EXCEEDED),
        (422, b'{"detail":"bad"}', FailureClass.INVALID_REQUEST),
        (429, error("rate_limit_error"), FailureClass.RATE_LIMITED),
        (
            429,
            error("rate_limit_error", details={"error_code": "enforced_spend_limit_reached"}),
            FailureClass.QUOTA_EXHAUSTED,
        ),
        (429, b"", FailureClass.RATE_LIMITED),
        (500, error("api_error"), FailureClass.SERVER_ERROR),
        (500, error("overloaded_error"), FailureClass.OVERLOADED),
        (500, error("invalid_request_error"), FailureClass.SERVER_ERROR),
        (502, HTML, FailureClass.SERVER_ERROR),
        (503, b"", FailureClass.OVERLOADED),
        (504, error("timeout_error"), FailureClass.TIMEOUT),
        (529, error("overloaded_error"), FailureClass.OVERLOADED),
        (301, b"", FailureClass.MALFORMED_RESPONSE),
        (200, b"", FailureClass.MALFORMED_RESPONSE),
        (200, HTML, FailureClass.MALFORMED_RESPONSE),
        (200, error("overloaded_error"), FailureClass.OVERLOADED),
        (200, error("api_error"), FailureClass.ERROR_IN_STREAM),
        (200, error("something_new"), FailureClass.ERROR_IN_STREAM),
        (200, b'{"error":"text"}', FailureClass.ERROR_IN_STREAM),
        (200, b'{"type":"error"}', FailureClass.ERROR_IN_STREAM),
        (200, error("invalid_request_error", "prompt is too long: 2 > 1"), FailureClass.CONTEXT_LENGTH_EXCEEDED),
    ],
)
def test_each_error_has_its_class(status: int, body: bytes, failure: FailureClass) -> None:
    found = classify(status, body)
    assert (found.failure, found.status) == (failure, status)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"retry-after": "20"}, 20.0),
        (
            429,
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2027-01-15T08:00:30Z",
                "anthropic-ratelimit-input-tokens-remaining": "0",
                "anthropic-ratelimit-input-tokens-reset": "2027-01-15T08:01:00+00:00",
                "anthropic-ratelimit-output-tokens-remaining": "5",
                "anthropic-ratelimit-output-tokens-reset": "2027-01-15T09:00:00Z",
            },
            60.0,
        ),
        (
            429,
            {"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": "2030-01-01T00:00:00Z"},
            3600.0,
        ),
        (
            429,
            {"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": "2020-01-01T00:00:00Z"},
            0.0,
        ),
        (429, {"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": "soon"}, None),
        (429, {"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": "2027-01-15"}, None),
        (529, {"retry-after": "2"}, 2.0),
        (400, {"retry-after": "2"}, None),
    ],
)
def test_the_wait_is_as_the_provider_says(status: int, headers: dict[str, str], seconds: float | None) -> None:
    assert classify(status, b"", tuple(headers.items())).retry_after_seconds == seconds


def test_the_calls_own_fault_is_relayed() -> None:
    body = error("invalid_request_error", "max_tokens: Field required")
    relayed = classify(400, body).relayed
    assert relayed is not None
    assert (relayed.status, relayed.content_type, relayed.body) == (400, "application/json", body)


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (401, error("authentication_error"), JSON),
        (429, error("rate_limit_error"), JSON),
        (400, error("invalid_request_error", "Your credit balance is too low"), JSON),
        (400, b"x" * MAX_ERROR_BYTES, (("content-type", "text/plain"),)),
        (413, HTML, (("content-type", "text/html"),)),
        (400, b"[]", JSON),
    ],
)
def test_nothing_else_of_the_vendors_is_relayed(status: int, body: bytes, headers: tuple[tuple[str, str], ...]) -> None:
    assert classify(status, body, headers).relayed is None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            error("invalid_request_error", "max_tokens: Field required"),
            Said("max_tokens: Field required", "max_tokens"),
        ),
        (
            error("invalid_request_error", "messages.0.content: too bad"),
            Said("messages.0.content: too bad", "messages.0.content"),
        ),
        (error("invalid_request_error", "Prompt is bad: very"), Said("Prompt is bad: very")),
        (b"nonsense", Said("")),
        (b"{}", Said("")),
        (b'{"error":{"message":5}}', Said("")),
    ],
)
def test_a_refusal_tells_its_words_and_the_member(body: bytes, said: Said) -> None:
    assert DIALECT.read_refusal(body) == said


@pytest.mark.parametrize(
    ("status", "kind", "raised"),
    [
        (400, "invalid_request_error", anthropic.BadRequestError),
        (401, "authentication_error", anthropic.AuthenticationError),
        (403, "permission_error", anthropic.PermissionDeniedError),
        (404, "not_found_error", anthropic.NotFoundError),
        (413, "request_too_large", anthropic.APIStatusError),
        (429, "rate_limit_error", anthropic.RateLimitError),
        (500, "api_error", anthropic.InternalServerError),
        (502, "api_error", anthropic.InternalServerError),
        (503, "overloaded_error", anthropic.InternalServerError),
        (504, "timeout_error", anthropic.InternalServerError),
    ],
)
def test_the_sdk_raises_what_our_errors_mean(status: int, kind: str, raised: type[anthropic.APIStatusError]) -> None:
    body = DIALECT.render_error(Answer(status, "some_code", "it went wrong"))
    transport = httpx2.MockTransport(lambda request: httpx2.Response(status, content=body, headers=dict(JSON)))
    client = anthropic.Anthropic(
        api_key="k", base_url="http://gateway.test", http_client=httpx2.Client(transport=transport), max_retries=0
    )
    with client, pytest.raises(raised) as caught:
        client.messages.create(model="smart", max_tokens=5, messages=[{"role": "user", "content": "hi"}])
    assert caught.value.type == kind
    assert caught.value.api_message == "it went wrong"


@pytest.mark.parametrize(
    ("param", "message", "written"),
    [
        ("model", "the model 'x' does not exist", "the model 'x' does not exist"),
        ("top_k", "a whole number is needed", "top_k: a whole number is needed"),
        (None, "no", "no"),
    ],
)
def test_the_parameter_is_named_in_the_message(param: str | None, message: str, written: str) -> None:
    body = json.loads(DIALECT.render_error(Answer(400, "invalid_request", message, param)))
    assert body == {"type": "error", "error": {"type": "invalid_request_error", "message": written}}
