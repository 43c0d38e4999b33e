"""What a provider's error means: by its code before its status, and never by what a caller wrote."""

import json

import pytest

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.dialects.dialect import MAX_ERROR_BYTES
from fairlead_proxy.dialects.registry import OPENAI_CHAT
from fairlead_proxy.exchange.errors import UpstreamFailure

NOW = 1_800_000_000.0
JSON = (("content-type", "application/json"),)
HTML = b"<html><body>Blocked</body></html>"


def error(**members: object) -> bytes:
    return json.dumps({"error": {"message": "the vendor's words", **members}}).encode()


def classify(status: int, body: bytes = b"", headers: tuple[tuple[str, str], ...] = JSON) -> UpstreamFailure:
    return OPENAI_CHAT.classify(status, headers, body, NOW)


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (400, error(type="invalid_request_error"), FailureClass.INVALID_REQUEST),
        (400, error(code="context_length_exceeded"), FailureClass.CONTEXT_LENGTH_EXCEEDED),
        (400, error(code="content_filter"), FailureClass.CONTENT_FILTERED),
        (400, error(code="content_policy_violation"), FailureClass.CONTENT_FILTERED),
        (400, error(innererror={"code": "ResponsibleAIPolicyViolation"}), FailureClass.CONTENT_FILTERED),
        (400, error(type="exceed_context_size_error"), FailureClass.CONTEXT_LENGTH_EXCEEDED),
        (400, error(code="insufficient_quota"), FailureClass.QUOTA_EXHAUSTED),
        (400, error(code="billing_hard_limit_reached"), FailureClass.QUOTA_EXHAUSTED),
        (400, error(code="model_not_found"), FailureClass.MODEL_UNAVAILABLE),
        (400, error(code="model_decommissioned"), FailureClass.MODEL_UNAVAILABLE),
        (400, error(param="model"), FailureClass.MODEL_UNAVAILABLE),
        (400, error(code="invalid_api_key"), FailureClass.CREDENTIAL_REJECTED),
        (
            400,
            error(message="This model's maximum context length is 4096 tokens. However, you requested 9000", code=400),
            FailureClass.CONTEXT_LENGTH_EXCEEDED,
        ),
        (
            400,
            b'{"object":"error","message":"maximum context length is 10","type":"BadRequestError","code":400}',
            FailureClass.CONTEXT_LENGTH_EXCEEDED,
        ),
        (400, error(message="'model x does not exist' is not of type array"), FailureClass.INVALID_REQUEST),
        (400, b"nonsense", FailureClass.INVALID_REQUEST),
        (400, HTML, FailureClass.MALFORMED_RESPONSE),
        (401, error(code="invalid_api_key"), FailureClass.CREDENTIAL_REJECTED),
        (401, b"", FailureClass.CREDENTIAL_REJECTED),
        (401, HTML, FailureClass.CREDENTIAL_REJECTED),
        (402, error(), FailureClass.QUOTA_EXHAUSTED),
        (403, error(), FailureClass.CREDENTIAL_REJECTED),
        (403, b"", FailureClass.CREDENTIAL_REJECTED),
        (403, error(code="insufficient_quota"), FailureClass.QUOTA_EXHAUSTED),
        (403, error(code="model_not_found"), FailureClass.MODEL_UNAVAILABLE),
        (403, error(code=403, metadata={"reasons": ["x"]}), FailureClass.CONTENT_FILTERED),
        (403, HTML, FailureClass.MALFORMED_RESPONSE),
        (404, error(code="model_not_found"), FailureClass.MODEL_UNAVAILABLE),
        (404, error(code="DeploymentNotFound"), FailureClass.MODEL_UNAVAILABLE),
        (404, b'{"error":"model \'x\' not found, try pulling it first"}', FailureClass.MODEL_UNAVAILABLE),
        (404, HTML, FailureClass.MODEL_UNAVAILABLE),
        (404, error(param="messages.0.content.0.file.file_id"), FailureClass.INVALID_REQUEST),
        (405, b"", FailureClass.MALFORMED_RESPONSE),
        (408, b"", FailureClass.TIMEOUT),
        (409, error(), FailureClass.SERVER_ERROR),
        (410, error(), FailureClass.MODEL_UNAVAILABLE),
        (413, HTML, FailureClass.CONTEXT_LENGTH_EXCEEDED),
        (422, b'{"detail":[{"loc":["body","messages"],"msg":"bad"}]}', FailureClass.INVALID_REQUEST),
        (429, error(code="rate_limit_exceeded"), FailureClass.RATE_LIMITED),
        (429, b"", FailureClass.RATE_LIMITED),
        (429, HTML, FailureClass.RATE_LIMITED),
        (429, error(type="insufficient_quota", code="insufficient_quota"), FailureClass.QUOTA_EXHAUSTED),
        (429, error(type="billing_not_active"), FailureClass.QUOTA_EXHAUSTED),
        (498, b"", FailureClass.OVERLOADED),
        (500, error(), FailureClass.SERVER_ERROR),
        (500, error(code="model_not_found"), FailureClass.SERVER_ERROR),
        (502, HTML, FailureClass.SERVER_ERROR),
        (503, error(), FailureClass.OVERLOADED),
        (504, b"", FailureClass.SERVER_ERROR),
        (529, b"", FailureClass.OVERLOADED),
        (301, b"", FailureClass.MALFORMED_RESPONSE),
        (307, b"", FailureClass.MALFORMED_RESPONSE),
        (101, b"", FailureClass.MALFORMED_RESPONSE),
        (200, b'{"choices":[]}', FailureClass.MALFORMED_RESPONSE),
        (200, HTML, FailureClass.MALFORMED_RESPONSE),
        (200, error(code=500), FailureClass.ERROR_IN_STREAM),
        (200, error(code="insufficient_quota"), FailureClass.QUOTA_EXHAUSTED),
    ],
)
def test_an_answer_means_its_class(status: int, body: bytes, failure: FailureClass) -> None:
    found = classify(status, body)
    assert (found.failure, found.status) == (failure, status)


@pytest.mark.parametrize("status", [400, 403, 429, 500, 200])
def test_the_vendors_words_are_never_in_the_detail(status: int) -> None:
    assert "vendor" not in str(classify(status, error(code="sk-secret")))
    assert "secret" not in str(classify(status, error(code="sk-secret")))


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"error":' * 50_000, b'{"error": {"code": ["x"]}}', b"\xff\xfe", b"5"]
)
def test_any_body_is_judged(body: bytes) -> None:
    assert classify(400, body).failure is FailureClass.INVALID_REQUEST


def test_the_calls_own_trouble_is_relayed_as_it_came() -> None:
    body = error(code="context_length_exceeded")
    relayed = classify(400, body).relayed
    assert relayed is not None
    assert (relayed.status, relayed.content_type, relayed.body) == (400, "application/json", body)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"not json"),
        ("text/html", error()),
        ("text/javascript", b"alert(1)"),
        ("application/json", error(message="x" * MAX_ERROR_BYTES)),
    ],
)
def test_what_is_cut_or_of_an_odd_kind_is_not_relayed(content_type: str, body: bytes) -> None:
    failed = classify(400, body[:MAX_ERROR_BYTES], (("content-type", content_type),))
    assert (failed.failure, failed.relayed) == (FailureClass.INVALID_REQUEST, None)


@pytest.mark.parametrize("status", [401, 403, 429, 500, 302])
def test_what_blames_the_provider_is_not_relayed(status: int) -> None:
    assert classify(status, error()).relayed is None


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, (("retry-after", "10"),), 10.0),
        (503, (("retry-after", "10"),), 10.0),
        (429, (("retry-after-ms", "1500"), ("retry-after", "9")), 1.5),
        (429, (("retry-after", "Fri, 15 Jan 2027 08:00:30 GMT"),), 30.0),
        (429, (("retry-after", "Fri, 15 Jan 2027 07:00:00 GMT"),), 0.0),
        (429, (("retry-after", "-5"),), 0.0),
        (429, (("retry-after", "86400"),), 3600.0),
        (429, (("retry-after", "soon"),), None),
        (429, (("retry-after", "nan"),), None),
        (429, (("retry-after", "inf"),), None),
        (429, (), None),
        (429, (("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "6m0s")), 360.0),
        (429, (("x-ratelimit-remaining-requests", "3"), ("x-ratelimit-reset-requests", "6m0s")), None),
        (
            429,
            (
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-reset-requests", "20ms"),
                ("x-ratelimit-remaining-tokens", "0"),
                ("x-ratelimit-reset-tokens", "1m1.5s"),
            ),
            61.5,
        ),
        (429, (("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "later")), None),
        (400, (("retry-after", "10"),), None),
    ],
)
def test_the_time_that_the_provider_names_is_kept(
    status: int, headers: tuple[tuple[str, str], ...], seconds: float | None
) -> None:
    assert classify(status, b"", headers).retry_after_seconds == seconds


@pytest.mark.parametrize(
    ("status", "body", "refused"),
    [
        (400, error(param="stream_options"), True),
        (400, error(message="Unrecognized request argument supplied: stream_options"), True),
        (422, b'{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs"}]}', True),
        (422, b'{"object":"error","message":{"detail":[{"loc":["body","stream_options","include_usage"]}]}}', True),
        (400, b'{"error":"json: unknown field \\"stream_options\\""}', True),
        (422, b'{"detail":[{"loc":["body","top_k"],"msg":"bad","input":{"stream_options":{}}}]}', False),
        (400, error(param="messages"), False),
        (500, error(param="stream_options"), False),
        (400, b"stream_options", False),
    ],
)
def test_a_refusal_of_the_question_for_counts_is_told_from_others(status: int, body: bytes, refused: bool) -> None:
    assert OPENAI_CHAT.refuses_usage(status, body) is refused
