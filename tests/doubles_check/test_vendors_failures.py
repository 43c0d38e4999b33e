"""The table of vendors' failures is complete, played byte for byte, and what the SDKs raise as the vendor's."""

import json
from typing import Any

import anthropic
import openai
import pytest
from botocore.eventstream import EventStreamBuffer  # type: ignore[import-untyped]
from doubles.processes import ScriptedUpstream
from doubles.vendor_failures import VENDOR_FAILURES, VendorFailure
from doubles_check.raw_calls import SPOKEN, call

CLASSES = {
    "Timeout", "ServerError", "Overloaded", "ErrorInStream", "RateLimited", "QuotaExhausted", "CredentialRejected",
    "ModelUnavailable", "ContextLengthExceeded", "ContentFiltered", "InvalidRequest",
}  # fmt: skip
"""Those of the design that a vendor's answer can be of."""
EVERY = pytest.mark.parametrize("failure", VENDOR_FAILURES.values(), ids=str)
OF_OPENAI = [each for each in VENDOR_FAILURES.values() if each.vendor == "OpenAI" and each.status != 200]
OF_ANTHROPIC = [each for each in VENDOR_FAILURES.values() if each.vendor == "Anthropic"]


@EVERY
def test_every_failure_is_played_as_it_stands(upstream: ScriptedUpstream, failure: VendorFailure) -> None:
    spoken = next(each for each in SPOKEN if each.dialect == failure.dialect)
    upstream.behave("vendor", vendor=failure.name)
    came = call(upstream, spoken, stream=failure.mode == "stream")
    assert (came.status, came.body) == (failure.status, failure.body or b"".join(failure.frames))
    assert failure.headers.items() <= came.headers.items()


@EVERY
def test_every_failure_has_its_source_and_its_form(failure: VendorFailure) -> None:
    assert failure.source.startswith("https://")
    assert failure.failure_class in CLASSES
    assert bool(failure.body) is not bool(failure.frames)
    assert (failure.mode == "stream") is bool(failure.frames)


def test_every_class_is_there_in_every_dialect_that_has_it() -> None:
    missing = {
        spoken.dialect: CLASSES
        - {each.failure_class for each in VENDOR_FAILURES.values() if each.dialect == spoken.dialect}
        for spoken in SPOKEN
    }
    assert missing == {
        "openai-chat": {"Timeout"},
        "openai-responses": {"Timeout", "ContentFiltered"},
        "anthropic-messages": set(),
        "gemini": set(),
        "bedrock-converse": {"QuotaExhausted", "ContentFiltered"},
    }


@pytest.mark.parametrize("failure", OF_OPENAI, ids=str)
def test_openais_sdk_raises_it(upstream: ScriptedUpstream, failure: VendorFailure) -> None:
    upstream.behave("vendor", vendor=failure.name)
    spoken = next(each for each in SPOKEN if each.dialect == failure.dialect)
    with (
        openai.OpenAI(base_url=upstream.url, api_key="k", max_retries=0) as client,
        pytest.raises(openai.APIStatusError) as caught,
    ):
        client.post(spoken.plain.removeprefix("/v1"), body=spoken.body, cast_to=object)
    assert caught.value.status_code == failure.status
    assert caught.value.body == json.loads(failure.body)["error"]


@pytest.mark.parametrize("failure", OF_ANTHROPIC, ids=str)
def test_anthropics_sdk_raises_it(upstream: ScriptedUpstream, failure: VendorFailure) -> None:
    upstream.behave("vendor", vendor=failure.name)
    asked: Any = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
    with (
        anthropic.Anthropic(base_url=upstream.root, api_key="k", max_retries=0) as client,
        pytest.raises(anthropic.APIStatusError) as caught,
        client.messages.stream(**asked) as stream,
    ):
        stream.until_done()
    error: Any = caught.value.body
    assert error["error"]["type"].endswith("_error") or error["error"]["type"] == "request_too_large"


def test_amazons_exceptions_are_framed_as_botocore_reads_them() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(b"".join(VENDOR_FAILURES["bedrock-throttled-in-stream"].frames))
    kinds = [message.headers[":message-type"] for message in buffer]
    assert kinds == ["event", "exception"]
