"""What Bedrock's error answers mean, by type, by message and by status."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.contract.names import DialectName, FailureClass, Operation
from fairlead_proxy.dialects.bedrock.dialect import BedrockConverse, BedrockCount
from fairlead_proxy.dialects.dialect import MAX_ERROR_BYTES, Headers, ProviderDialect
from fairlead_proxy.dialects.sse import Event
from fairlead_proxy.exchange.errors import UpstreamFailure

JSON = ("content-type", "application/json")


def classify(status: int, body: bytes = b"{}", *headers: tuple[str, str]) -> UpstreamFailure:
    return BedrockConverse().classify(status, headers, body, 0.0)


def answered(status: int, type_: str, message: str = "no") -> UpstreamFailure:
    url = f"{type_}:http://internal.amazon.com/coral/com.amazon.bedrock/"
    return classify(status, json.dumps({"message": message}).encode(), JSON, ("x-amzn-errortype", url))


@pytest.mark.parametrize(
    ("status", "type_", "message", "failure"),
    [
        (429, "ThrottlingException", "Too many requests, please wait before trying again.", "RateLimited"),
        (429, "ThrottlingException", "Too many tokens per day, please wait before trying again.", "QuotaExhausted"),
        (400, "ServiceQuotaExceededException", "no", "QuotaExhausted"),
        (403, "AccessDeniedException", "User is not authorized to perform: bedrock:InvokeModel", "CredentialRejected"),
        (
            403,
            "AccessDeniedException",
            "You don't have access to the model with the specified model ID.",
            "ModelUnavailable",
        ),
        (
            403,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            "CredentialRejected",
        ),
        (403, "InvalidSignatureException", "Signature expired", "CredentialRejected"),
        (403, "ExpiredTokenException", "no", "CredentialRejected"),
        (400, "ExpiredTokenException", "no", "CredentialRejected"),
        (403, "MissingAuthenticationTokenException", "no", "CredentialRejected"),
        (404, "ResourceNotFoundException", "no", "ModelUnavailable"),
        (404, "UnknownOperationException", "no", "MalformedResponse"),
        (400, "ValidationException", "messages.0.content: blank", "InvalidRequest"),
        (400, "ValidationException", "Input is too long for requested model.", "ContextLengthExceeded"),
        (400, "ValidationException", "Too many input tokens. Max input tokens: 8192", "ContextLengthExceeded"),
        (
            400,
            "ValidationException",
            "The model returned the following errors: prompt is too long: 9 tokens > 8",
            "ContextLengthExceeded",
        ),
        (
            400,
            "ValidationException",
            "The model returned the following errors: Input Tokens Exceeded: x",
            "ContextLengthExceeded",
        ),
        (
            400,
            "ValidationException",
            "input length and `max_tokens` exceed context limit: 9 + 9 > 8",
            "ContextLengthExceeded",
        ),
        (400, "ValidationException", "The provided model identifier is invalid.", "ModelUnavailable"),
        (400, "ValidationException", "you wrote: The provided model identifier is invalid.", "InvalidRequest"),
        (
            400,
            "ValidationException",
            "Invocation of model ID a.b-v1:0 with on-demand throughput isn’t supported. Retry",
            "ModelUnavailable",
        ),
        (400, "ValidationException", "Operation not allowed", "CredentialRejected"),
        (429, "ModelNotReadyException", "no", "Overloaded"),
        (408, "ModelTimeoutException", "no", "Timeout"),
        (424, "ModelErrorException", "no", "ServerError"),
        (500, "InternalServerException", "no", "ServerError"),
        (503, "ServiceUnavailableException", "no", "Overloaded"),
        (500, "ThrottlingException", "no", "ServerError"),
    ],
)
def test_a_type_has_its_class(status: int, type_: str, message: str, failure: str) -> None:
    failed = answered(status, type_, message)
    assert (failed.failure, failed.status) == (failure, status)
    assert message not in failed.detail


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (400, b'{"__type":"com.amazon.coral.service#ThrottlingException"}', "RateLimited"),
        (400, b'{"code":"ExpiredTokenException","Message":"x"}', "CredentialRejected"),
        (400, b'{"message":"Input is too long for requested model."}', "ContextLengthExceeded"),
        (400, b"{}", "InvalidRequest"),
        (400, b"<html>", "MalformedResponse"),
        (403, b"<html>", "MalformedResponse"),
        (403, b'{"Message":"x"}', "CredentialRejected"),
        (401, b"<html>", "CredentialRejected"),
        (404, b"<UnknownOperationException/>", "ModelUnavailable"),
        (408, b"", "Timeout"),
        (413, b"", "ContextLengthExceeded"),
        (418, b"{}", "InvalidRequest"),
        (424, b"", "ServerError"),
        (429, b"", "RateLimited"),
        (500, b"", "ServerError"),
        (502, b"<html>", "ServerError"),
        (503, b"", "Overloaded"),
        (301, b"", "MalformedResponse"),
        (200, b"{}", "MalformedResponse"),
        (200, b"<html>", "MalformedResponse"),
        (204, b"", "MalformedResponse"),
        (200, b'{"__type":"ServiceUnavailableException"}', "Overloaded"),
    ],
)
def test_without_a_header_the_body_speaks_and_then_the_status(status: int, body: bytes, failure: str) -> None:
    assert classify(status, body).failure == failure


def test_only_the_calls_own_faults_are_told_to_its_caller() -> None:
    failed = answered(400, "ValidationException", "messages.0 is bad")
    assert failed.relayed is not None
    assert BedrockConverse().read_refusal(failed.relayed.body).message == "messages.0 is bad"
    assert answered(403, "AccessDeniedException").relayed is None
    assert classify(400, b'{"message":"' + b"x" * MAX_ERROR_BYTES + b'"}', JSON).relayed is None
    assert classify(400, b"not json", JSON).relayed is None


@pytest.mark.parametrize(("status", "seconds"), [(429, 7.0), (503, 7.0), (400, None)])
def test_a_hint_is_read_where_it_may_come(status: int, seconds: float | None) -> None:
    assert classify(status, b"{}", ("retry-after", "7")).retry_after_seconds == seconds


@pytest.mark.parametrize(
    ("status", "content_type", "expected"),
    [
        (200, "application/vnd.amazon.eventstream", True),
        (200, "Application/vnd.amazon.eventstream; x=y", True),
        (200, "application/json", False),
        (200, "text/event-stream", False),
        (400, "application/vnd.amazon.eventstream", False),
    ],
)
def test_a_stream_is_told_by_its_head(status: int, content_type: str, expected: bool) -> None:
    headers: Headers = (("content-type", content_type),)
    assert BedrockConverse().is_stream(status, headers) is expected
    assert BedrockCount().is_stream(status, headers) is False


@pytest.mark.parametrize(
    ("dialect", "operation"), [(BedrockConverse(), Operation.CHAT), (BedrockCount(), Operation.COUNT_TOKENS)]
)
def test_each_side_says_what_it_is_for(dialect: ProviderDialect, operation: Operation) -> None:
    assert (dialect.name, dialect.operation) == (DialectName.BEDROCK, operation)
    assert dialect.text_bytes_of(Event(b"", b"{}", b"contentBlockDelta")) is None


@given(st.integers(100, 599), st.binary(max_size=40), st.text(max_size=20))
def test_no_answer_raises(status: int, body: bytes, type_: str) -> None:
    failed = classify(status, body, ("x-amzn-errortype", type_))
    assert failed.failure in FailureClass
