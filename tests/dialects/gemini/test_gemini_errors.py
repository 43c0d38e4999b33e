"""Errors of Google's form are understood, and ours are written in it."""

import json
from typing import Any

import pytest

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.dialects.dialect import Said
from fairlead_proxy.dialects.gemini.dialect import GeminiGenerate
from fairlead_proxy.exchange.errors import Answer, Relayed, UpstreamFailure

DIALECT = GeminiGenerate()
JSON = (("content-type", "application/json; charset=UTF-8"),)
RPC = "type.googleapis.com/google.rpc."


def error(code: int, status: str, message: str = "", *details: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": code, "status": status, "message": message, "details": list(details)}}


def classify(status: int, body: object, headers: tuple[tuple[str, str], ...] = JSON) -> UpstreamFailure:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return DIALECT.classify(status, headers, encoded, 0.0)


def reason(word: str) -> dict[str, Any]:
    return {"@type": f"{RPC}ErrorInfo", "reason": word, "domain": "googleapis.com"}


def quota(name: str) -> dict[str, Any]:
    return {"@type": f"{RPC}QuotaFailure", "violations": [{"quotaId": name}]}


PLAN = "You exceeded your current quota, please check your plan and billing details."


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (400, error(400, "INVALID_ARGUMENT", "Invalid value"), FailureClass.INVALID_REQUEST),
        (
            400,
            error(
                400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", reason("API_KEY_INVALID")
            ),
            FailureClass.CREDENTIAL_REJECTED,
        ),
        (400, error(400, "INVALID_ARGUMENT", "API key expired."), FailureClass.CREDENTIAL_REJECTED),
        (
            400,
            error(
                400,
                "INVALID_ARGUMENT",
                "The input token count (1500000) exceeds the maximum number of tokens allowed (1048575).",
            ),
            FailureClass.CONTEXT_LENGTH_EXCEEDED,
        ),
        (
            400,
            error(
                400,
                "INVALID_ARGUMENT",
                "Unable to submit request because the input token count is 2000000 but model only supports up to 1000",
            ),
            FailureClass.CONTEXT_LENGTH_EXCEEDED,
        ),
        (
            400,
            error(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
            FailureClass.CREDENTIAL_REJECTED,
        ),
        (
            400,
            error(
                400,
                "FAILED_PRECONDITION",
                "Gemini API free tier is not available in your country. Please enable billing on your project.",
            ),
            FailureClass.QUOTA_EXHAUSTED,
        ),
        (
            400,
            error(400, "FAILED_PRECONDITION", "The File abc is not in an ACTIVE state."),
            FailureClass.INVALID_REQUEST,
        ),
        (401, error(401, "UNAUTHENTICATED"), FailureClass.CREDENTIAL_REJECTED),
        (403, error(403, "PERMISSION_DENIED", "", reason("SERVICE_DISABLED")), FailureClass.CREDENTIAL_REJECTED),
        (403, error(403, "PERMISSION_DENIED", "", reason("BILLING_DISABLED")), FailureClass.QUOTA_EXHAUSTED),
        (
            403,
            error(403, "PERMISSION_DENIED", "You do not have permission to access the File x or it may not exist."),
            FailureClass.INVALID_REQUEST,
        ),
        (404, error(404, "NOT_FOUND", "models/x is not found for API version v1beta"), FailureClass.MODEL_UNAVAILABLE),
        (404, error(404, "NOT_FOUND", "CachedContent not found"), FailureClass.INVALID_REQUEST),
        (
            429,
            error(
                429,
                "RESOURCE_EXHAUSTED",
                PLAN,
                quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier"),
            ),
            FailureClass.RATE_LIMITED,
        ),
        (
            429,
            error(429, "RESOURCE_EXHAUSTED", PLAN, quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier")),
            FailureClass.QUOTA_EXHAUSTED,
        ),
        (429, error(429, "RESOURCE_EXHAUSTED", PLAN), FailureClass.RATE_LIMITED),
        (429, error(429, "RESOURCE_EXHAUSTED", "Your credits are depleted."), FailureClass.QUOTA_EXHAUSTED),
        (429, b"<html>", FailureClass.RATE_LIMITED),
        (499, error(499, "CANCELLED"), FailureClass.SERVER_ERROR),
        (500, error(500, "INTERNAL"), FailureClass.SERVER_ERROR),
        (503, error(503, "UNAVAILABLE", "The model is overloaded."), FailureClass.OVERLOADED),
        (504, error(504, "DEADLINE_EXCEEDED"), FailureClass.TIMEOUT),
        (413, b"", FailureClass.CONTEXT_LENGTH_EXCEEDED),
        (302, b"", FailureClass.MALFORMED_RESPONSE),
        (404, b"<!DOCTYPE html>", FailureClass.MODEL_UNAVAILABLE),
        (400, b"<!DOCTYPE html>", FailureClass.MALFORMED_RESPONSE),
        (400, b"no JSON", FailureClass.INVALID_REQUEST),
        (200, b"{}", FailureClass.MALFORMED_RESPONSE),
        (200, error(500, "INTERNAL"), FailureClass.ERROR_IN_STREAM),
        (200, error(429, "RESOURCE_EXHAUSTED"), FailureClass.RATE_LIMITED),
        (404, [error(404, "NOT_FOUND", "models/x is not found")], FailureClass.MODEL_UNAVAILABLE),
    ],
)
def test_every_error_has_a_class(status: int, body: object, failure: FailureClass) -> None:
    found = classify(status, body)
    assert (found.failure, found.status) == (failure, status)


@pytest.mark.parametrize(
    ("headers", "details", "seconds"),
    [
        (JSON, [{"@type": f"{RPC}RetryInfo", "retryDelay": "18.5s"}], 18.5),
        ((*JSON, ("retry-after", "7")), [], 7.0),
        (JSON, [{"@type": f"{RPC}RetryInfo", "retryDelay": "90000s"}], 3600.0),
        (JSON, [{"@type": f"{RPC}RetryInfo", "retryDelay": 5}], None),
        (JSON, [], None),
    ],
)
def test_the_hint_of_when_to_come_again_is_read(
    headers: tuple[tuple[str, str], ...], details: list[dict[str, Any]], seconds: float | None
) -> None:
    assert classify(429, error(429, "RESOURCE_EXHAUSTED", "", *details), headers).retry_after_seconds == seconds


def test_the_calls_own_trouble_reaches_its_caller() -> None:
    body = json.dumps(error(400, "INVALID_ARGUMENT", "Invalid value")).encode()
    assert classify(400, body).relayed == Relayed(400, JSON[0][1], body)
    assert classify(400, b"[" + body + b"]").relayed is not None  # as a stream without SSE has it
    assert classify(401, error(401, "UNAUTHENTICATED")).relayed is None


def test_what_a_provider_says_is_read() -> None:
    violation = {"@type": f"{RPC}BadRequest", "fieldViolations": [{"field": "contents[0]", "description": "x"}]}
    body = json.dumps([error(400, "INVALID_ARGUMENT", "Invalid value", violation)]).encode()
    assert DIALECT.read_refusal(body) == Said("Invalid value", "contents[0]")
    assert DIALECT.read_refusal(b"<html>") == Said("")


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "INVALID_ARGUMENT"),
        (404, "NOT_FOUND"),
        (413, "INVALID_ARGUMENT"),
        (429, "RESOURCE_EXHAUSTED"),
        (502, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
        (507, "INTERNAL"),
    ],
)
def test_our_errors_have_googles_names(status: int, name: str) -> None:
    rendered = json.loads(DIALECT.render_error(Answer(status, "upstream_failed", "no target")))
    assert rendered == {
        "error": {
            "code": status,
            "message": "no target",
            "status": name,
            "details": [{"@type": f"{RPC}ErrorInfo", "reason": "UPSTREAM_FAILED", "domain": "fairlead"}],
        }
    }


def test_the_member_at_fault_is_named() -> None:
    body = DIALECT.render_error(Answer(400, "invalid_request", "bad", "contents"))
    assert DIALECT.read_refusal(body) == Said("bad", "contents")


def test_virtual_models_are_listed() -> None:
    listed = json.loads(DIALECT.render_models(["smart", "fast"]))["models"]
    assert [model["name"] for model in listed] == ["models/smart", "models/fast"]
    assert json.loads(DIALECT.render_model("smart")) == listed[0]
    assert "streamGenerateContent" in listed[0]["supportedGenerationMethods"]
