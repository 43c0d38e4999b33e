"""Every way to fail before the commit point, plain and streamed: the next target answers, and the class is told."""

from dataclasses import replace

import pytest
from doubles.gateway_rig import Rig, config, provider
from doubles.scripted_transport import (
    DONE,
    EVENTS,
    HANG,
    JSON,
    ROLE,
    Answer,
    chunk,
    error,
    hanging,
    plain,
    stream,
    unreachable,
)
from doubles.virtual_time import EPOCH, run_virtual

from fairlead_proxy.contract.config import Resilience
from fairlead_proxy.contract.names import FALLBACK_CLASSES, FailureClass, WhenTooLong
from fairlead_proxy.exchange.errors import UpstreamFailure

CUT = UpstreamFailure(FailureClass.STREAM_BROKEN, "the connection was cut")
ERROR_EVENT = b'data: {"error": {"message": "the vendor\'s own text", "type": "server_error"}}\n\n'

ANYHOW = [
    ("Unreachable", unreachable()),
    ("ServerError", error(500)),
    ("Overloaded", error(503)),
    ("Overloaded", error(529)),
    ("RateLimited", error(429)),
    ("QuotaExhausted", error(429, "insufficient_quota")),
    ("QuotaExhausted", error(402)),
    ("CredentialRejected", error(401)),
    ("CredentialRejected", error(403)),
    ("ModelUnavailable", error(404, "model_not_found")),
    ("MalformedResponse", error(302)),
    ("ServerError", Answer(500, JSON, [b"half an err", CUT])),
]
PLAIN = [
    *ANYHOW,
    ("Timeout", hanging()),
    ("Timeout", Answer(body=[b'{"id":', HANG])),
    ("StreamBroken", Answer(body=[b'{"id":', CUT])),
    ("MalformedResponse", Answer(body=[b"<html>"])),
    ("MalformedResponse", Answer(body=[])),
    ("MalformedResponse", replace(plain(), status=202)),
    ("MalformedResponse", replace(plain(), status=206)),
    ("ErrorInStream", Answer(body=[b'{"error": {"message": "oops", "type": "server_error", "code": 500}}'])),
]
STREAM = [
    *ANYHOW,
    ("FirstTokenTimeout", hanging()),
    ("FirstTokenTimeout", stream(ROLE, HANG)),
    ("FirstTokenTimeout", stream(ROLE, *[part for _ in range(100) for part in (b": ping\n\n", 1.0)])),
    ("StreamBroken", stream(ROLE)),
    ("StreamBroken", stream(ROLE, CUT)),
    ("MalformedResponse", stream(ROLE, DONE)),
    ("MalformedResponse", stream(b"data: <html>\n\n")),
    ("MalformedResponse", Answer(headers=(("content-type", "text/html"),), body=[b"<html>"])),
    ("ErrorInStream", stream(ROLE, ERROR_EVENT)),
]
CASES = [(name, answer, False) for name, answer in PLAIN] + [(name, answer, True) for name, answer in STREAM]


@pytest.mark.parametrize(("failure", "answer", "streamed"), CASES)
def test_next_target_answers_and_the_class_is_told(failure: str, answer: Answer, streamed: bool) -> None:
    async def main() -> None:
        rig = Rig(config([provider("a"), provider("b")]), {"a": [answer], "b": [stream() if streamed else plain()]})
        caller = await rig.call(stream=streamed)
        assert (caller.status, caller.heads, caller.ended) == (200, 1, 1)
        assert caller.headers["x-fairlead-provider"] == "team/b"
        assert caller.headers["x-fairlead-attempts"] == "2"
        assert rig.outcomes_of() == [failure, "Answered"]
        assert rig.sample("fairlead_attempts_total", provider="team/a", outcome=failure) == 1
        assert all(errand.over for errand in rig.transport.errands)

    run_virtual(main())


@pytest.mark.parametrize(("failure", "answer", "streamed"), CASES)
def test_answer_of_a_lonely_failure_is_ours_and_ends_retries(failure: str, answer: Answer, streamed: bool) -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [answer]})
        caller = await rig.call(stream=streamed)
        expected = {"RateLimited": 429, "QuotaExhausted": 429, "Timeout": 504, "FirstTokenTimeout": 504}
        assert caller.status == expected.get(failure, 502)
        assert caller.headers["x-should-retry"] == "false"
        assert caller.headers["content-type"] == "application/json"
        assert b"sk-secret" not in caller.body
        assert b"vendor" not in caller.body
        assert failure in caller.error["message"]
        assert (caller.heads, caller.ended) == (1, 1)

    run_virtual(main())


def test_table_covers_every_class_that_falls_back() -> None:
    shown = {failure for failure, _, _ in CASES} | {"StreamStalled"}  # which only comes after the commit point
    assert shown == {str(failure) for failure in FALLBACK_CLASSES}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("failure", "answer"),
    [
        ("InvalidRequest", error(400, "invalid_value")),
        ("InvalidRequest", error(422)),
        ("ContextLengthExceeded", error(400, "context_length_exceeded")),
        ("ContentFiltered", error(400, "content_filter")),
    ],
)
def test_fault_of_the_call_itself_is_answered_in_the_providers_words(
    failure: str, answer: Answer, streamed: bool
) -> None:
    async def main() -> None:
        denying = Resilience(too_long=WhenTooLong.DENY)
        rig = Rig(config([provider("a"), provider("b")], resilience=denying), {"a": [answer], "b": [plain()]})
        caller = await rig.call(stream=streamed)
        assert (caller.status, caller.body) == (answer.status, answer.body[0])
        assert rig.outcomes_of() == [failure]
        assert rig.record().reason == failure
        assert [seen.failures for seen in rig.health.observations(EPOCH)] == [0]

    run_virtual(main())


def test_class_that_the_rule_does_not_name_ends_the_call() -> None:
    async def main() -> None:
        only = Resilience(fallback_when=frozenset({FailureClass.RATE_LIMITED}))
        rig = Rig(config([provider("a"), provider("b")], resilience=only), {"a": [error(500)], "b": [plain()]})
        caller = await rig.call()
        assert caller.status == 502
        assert rig.transport.asked() == ["team/a"]

    run_virtual(main())


def test_limit_of_attempts_is_kept() -> None:
    async def main() -> None:
        providers = [provider(name) for name in "abcde"]
        rig = Rig(config(providers, max_attempts=3), {name: [error(500)] for name in "abcde"})
        caller = await rig.call()
        assert rig.transport.asked() == ["team/a", "team/b", "team/c"]
        assert caller.headers["x-fairlead-attempts"] == "3"

    run_virtual(main())


def test_mixed_failures_are_no_rate_limit() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a"), provider("b")]), {"a": [error(429)], "b": [error(500)]})
        assert (await rig.call()).status == 502

    run_virtual(main())


def test_rate_limited_everywhere_tells_when_to_come_back() -> None:
    async def main() -> None:
        script = {"a": [error(429, "", ("retry-after", "30"))], "b": [error(429, "", ("retry-after", "12"))]}
        rig = Rig(config([provider("a"), provider("b")]), script)
        caller = await rig.call()
        assert (caller.status, caller.headers["retry-after"]) == (429, "12")

    run_virtual(main())


def test_too_long_a_plain_answer_is_malformed() -> None:
    async def main() -> None:
        long = Answer(headers=JSON, body=[b"x" * (1 << 20)] * 33)
        rig = Rig(config([provider("a"), provider("b")]), {"a": [long], "b": [plain()]})
        await rig.call()
        assert rig.outcomes_of() == ["MalformedResponse", "Answered"]

    run_virtual(main())


def test_stream_that_never_brings_content_is_not_held_without_bound() -> None:
    async def main() -> None:
        endless = Answer(headers=EVENTS, body=[b": " + b"x" * 8192 + b"\n\n"] * 20)
        rig = Rig(config([provider("a"), provider("b")]), {"a": [endless], "b": [stream(chunk("hi"), DONE)]})
        await rig.call(stream=True)
        assert rig.outcomes_of() == ["MalformedResponse", "Answered"]

    run_virtual(main())
