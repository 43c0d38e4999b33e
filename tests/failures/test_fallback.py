"""Fallback fires: every failure before content is answered by the next target, plain and streaming."""

from dataclasses import dataclass, field
from typing import Any

import openai
import pytest
from failures.conftest import Pair

QUESTION: Any = [{"role": "user", "content": "say something"}]


@dataclass(frozen=True)
class Failure:
    """A behaviour of the scripted provider, and the class that its outcome must have."""

    name: str
    failure: str
    kind: str
    more: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def http(status: int, failure: str, name: str = "", headers: dict[str, str] | None = None, **error: Any) -> Failure:
    more = {"status": status, "error": error, "headers": headers or {}}
    return Failure(name or str(status), failure, "status", more)


EITHER = [
    Failure("reset", "Unreachable", "reset"),
    Failure("cut-head", "Unreachable", "cut_head"),
    Failure("hang", "Timeout", "hang"),
    Failure("html-200", "MalformedResponse", "html"),
    Failure("empty-200", "MalformedResponse", "empty"),
    Failure("garbage-200", "MalformedResponse", "garbage"),
    Failure("redirect", "MalformedResponse", "redirect"),
    Failure("gzip-bomb", "MalformedResponse", "bomb"),
    Failure("error-in-200", "ErrorInStream", "error_in_200"),
    http(500, "ServerError"),
    http(502, "ServerError"),
    http(503, "Overloaded"),
    http(529, "Overloaded"),
    http(429, "RateLimited", "429-retry-after", {"retry-after": "7"}, code="rate_limit_exceeded"),
    http(429, "RateLimited", "429-bare"),
    http(429, "QuotaExhausted", "429-quota", None, code="insufficient_quota", type="insufficient_quota"),
    http(402, "QuotaExhausted"),
    http(401, "CredentialRejected", "401", None, code="invalid_api_key"),
    http(403, "CredentialRejected"),
    http(404, "ModelUnavailable", "404-model", None, code="model_not_found"),
]
PLAIN_ONLY = [Failure("cut-body", "StreamBroken", "cut_body")]
STREAM_ONLY = [
    Failure("error-first", "ErrorInStream", "error_first"),
    Failure("cut-before-content", "StreamBroken", "cut_before"),
    Failure("stall-before-content", "FirstTokenTimeout", "stall_before"),
    Failure("endless-line", "MalformedResponse", "long_line"),
]


@pytest.mark.parametrize("failure", [*EITHER, *PLAIN_ONLY], ids=str)
def test_a_plain_call_is_answered_by_the_next_target(pair: Pair, failure: Failure) -> None:
    pair.primary.behave(failure.kind, **failure.more)
    answer = pair.client.chat.completions.with_raw_response.create(model=pair.model, messages=QUESTION)
    assert answer.parse().choices[0].message.content == "from the backup"
    assert answer.headers["x-fairlead-attempts"] == "2"
    assert answer.headers["x-fairlead-provider"] == f"default/{pair.model}-backup"
    attempts = pair.gateway.decision(answer.headers["x-fairlead-decision"])["attempts"]
    assert [attempt["outcome"] for attempt in attempts] == [failure.failure, "Answered"]


@pytest.mark.parametrize("failure", [*EITHER, *STREAM_ONLY], ids=str)
def test_a_stream_is_answered_by_the_next_target(pair: Pair, failure: Failure) -> None:
    pair.primary.behave(failure.kind, **failure.more)
    answer = pair.client.chat.completions.with_raw_response.create(model=pair.model, messages=QUESTION, stream=True)
    assert text_of(answer.parse()) == "from the backup"
    assert answer.headers["x-fairlead-attempts"] == "2"
    attempts = pair.gateway.decision(answer.headers["x-fairlead-decision"])["attempts"]
    hung = {"Timeout", "FirstTokenTimeout"}
    expected = hung if failure.failure in hung else {failure.failure}
    assert attempts[0]["outcome"] in expected
    assert attempts[1]["outcome"] == "Answered"


def test_a_provider_that_is_not_there_is_passed_over(pair: Pair) -> None:
    pair.primary.obey(down=True)
    answer = pair.client.chat.completions.with_raw_response.create(model=pair.model, messages=QUESTION)
    assert answer.parse().choices[0].message.content == "from the backup"
    attempts = pair.gateway.decision(answer.headers["x-fairlead-decision"])["attempts"]
    assert attempts[0]["outcome"] == "Unreachable"


@pytest.mark.parametrize(
    ("status", "error", "raised"),
    [
        (400, {"code": "invalid_value", "param": "temperature"}, openai.BadRequestError),
        (422, {}, openai.UnprocessableEntityError),
        (400, {"code": "context_length_exceeded"}, openai.BadRequestError),
        (400, {"code": "content_filter"}, openai.BadRequestError),
    ],
    ids=["invalid", "unprocessable", "context-length", "content-filter"],
)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_the_nature_of_the_call_reaches_the_caller_as_the_provider_said_it(
    pair: Pair, status: int, error: dict[str, Any], raised: type[openai.APIStatusError], stream: bool
) -> None:
    pair.primary.behave("status", status=status, error={"message": "the provider's own words"} | error)
    with pytest.raises(raised) as caught:
        pair.client.chat.completions.create(model=pair.model, messages=QUESTION, stream=stream)
    assert (
        caught.value.body
        == {"message": "the provider's own words", "type": "server_error", "param": None, "code": None} | error
    )
    assert caught.value.response.headers["x-fairlead-attempts"] == "1"


@pytest.mark.parametrize("kind", ["error_after", "cut_after", "end_after", "reset_after", "stall_after"])
def test_a_stream_that_breaks_after_content_delivers_all_of_it_and_then_an_error(pair: Pair, kind: str) -> None:
    pair.primary.behave(kind, before_tokens=3, pace=0.05)
    stream = pair.client.chat.completions.create(model=pair.model, messages=QUESTION, stream=True)
    got: list[str] = []
    with pytest.raises(openai.APIError) as caught:
        got.extend(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert "".join(got) == "alpha beta gamma "
    assert not isinstance(caught.value, openai.APIConnectionError)


def test_a_stream_that_ends_without_done_is_whole(pair: Pair) -> None:
    pair.primary.behave("no_done", tokens=4)
    stream = pair.client.chat.completions.create(model=pair.model, messages=QUESTION, stream=True)
    assert text_of(stream) == "alpha beta gamma delta"


def test_a_target_that_refuses_stream_options_is_asked_once_more_without_and_remembered(pair: Pair) -> None:
    pair.primary.behave("refuse_stream_options", tokens=2)
    before = len(pair.primary.calls())
    for _ in range(3):
        stream = pair.client.chat.completions.create(model=pair.model, messages=QUESTION, stream=True)
        assert text_of(stream) == "alpha beta"
    assert len(pair.primary.calls()) - before == 4


@pytest.mark.parametrize(
    ("kind", "more", "status", "code"),
    [
        ("status", {"status": 429}, 429, "rate_limited"),
        ("status", {"status": 500}, 502, "upstream_failed"),
        ("hang", {}, 504, "upstream_timeout"),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_when_every_target_fails_the_caller_gets_our_own_words(
    pair: Pair, kind: str, more: dict[str, Any], status: int, code: str, stream: bool
) -> None:
    canary = {"error": {"message": "canary-from-the-vendor"}}
    pair.primary.behave(kind, **more, **canary)
    pair.backup.behave(kind, **more, **canary)
    with pytest.raises(openai.APIStatusError) as caught:
        pair.client.chat.completions.create(model=pair.model, messages=QUESTION, stream=stream)
    assert caught.value.status_code == status
    assert caught.value.code == code
    assert "canary" not in caught.value.response.text
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert caught.value.response.headers["x-fairlead-attempts"] == "2"


def text_of(stream: Any) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices).strip()
