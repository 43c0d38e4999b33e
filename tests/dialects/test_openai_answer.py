"""A plain answer passes untouched if it is one, and counts what it took."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.contract.names import DialectName, FailureClass, Mode, ProviderType
from fairlead_proxy.dialects.dialect import Answered, ReadRequest
from fairlead_proxy.dialects.framing import call_headers, probe_headers
from fairlead_proxy.dialects.openai.answer import read_any_answer
from fairlead_proxy.dialects.registry import OPENAI_CHAT
from fairlead_proxy.exchange.errors import Answer, UpstreamFailure
from fairlead_proxy.exchange.usage import Usage

JSON = (("content-type", "application/json; charset=utf-8"),)
ASKED = ReadRequest("smart", Mode.PLAIN, b"0123456789" * 3 + b"01234")
"""Of 9 tokens, by its length."""
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "12345678"}, "finish_reason": "stop"}


def read(body: object, headers: tuple[tuple[str, str], ...] = JSON, status: int = 200) -> Answered:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return OPENAI_CHAT.read_answer(status, headers, encoded, request=ASKED, now=0.0)


def test_the_body_passes_as_it_came() -> None:
    body = b' {"x": 1,\n "choices": [{"message":{"content":"\\u00e9"}}], "usage": null} '
    answered = read(body)
    assert (answered.body, answered.content_type) == (body, "application/json; charset=utf-8")


def test_counts_are_the_providers() -> None:
    assert read({"choices": [CHOICE], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}).usage == Usage(3, 4)


@pytest.mark.parametrize("usage", [None, 5, {"prompt_tokens": "many"}])
def test_without_readable_counts_they_are_estimated(usage: object) -> None:
    answered = read({"choices": [CHOICE], "usage": usage})
    assert answered.usage.estimated
    assert answered.usage.input_tokens == 9
    assert answered.usage.output_tokens >= 2


@pytest.mark.parametrize("headers", [(), (("content-type", "text/html"),)])
def test_a_good_answer_under_a_wrong_name_is_served_as_json(headers: tuple[tuple[str, str], ...]) -> None:
    assert read({"choices": [CHOICE]}, headers).content_type == "application/json"


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (b"", FailureClass.MALFORMED_RESPONSE),
        (b"<html></html>", FailureClass.MALFORMED_RESPONSE),
        (b"[]", FailureClass.MALFORMED_RESPONSE),
        (b"{}", FailureClass.MALFORMED_RESPONSE),
        (b'{"choices": []}', FailureClass.MALFORMED_RESPONSE),
        (b'{"choices": 5}', FailureClass.MALFORMED_RESPONSE),
        (b'{"choices": [{"message": {"content": "cut', FailureClass.MALFORMED_RESPONSE),
        ({"error": {"message": "x"}}, FailureClass.ERROR_IN_STREAM),
        ({"error": "x"}, FailureClass.ERROR_IN_STREAM),
        ({"error": {"message": "x", "code": "rate_limit_exceeded"}}, FailureClass.RATE_LIMITED),
        ({"choices": [{**CHOICE, "error": {"code": 502}}]}, FailureClass.ERROR_IN_STREAM),
        ({"object": "error", "message": "x"}, FailureClass.ERROR_IN_STREAM),
    ],
)
def test_a_200_without_an_answer_is_a_failure(body: object, failure: FailureClass) -> None:
    with pytest.raises(UpstreamFailure) as failed:
        read(body)
    assert failed.value.failure is failure


def test_an_empty_error_beside_an_answer_is_no_error() -> None:
    assert read({"choices": [CHOICE], "error": None}).usage.input_tokens == 9


ODD_MEMBERS: st.SearchStrategy[dict[str, object]] = st.dictionaries(
    st.sampled_from(["choices", "usage", "error", "object", "id"]),
    st.sampled_from(
        [
            *([], [{}], [CHOICE], [CHOICE, {**CHOICE, "error": "late"}], [{**CHOICE, "error": {}}], [5], {}, None),
            *({"code": 500}, "text", "", "error", {"prompt_tokens": 3}, {"prompt_tokens": -1, "completion_tokens": 2}),
            {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4}, "prompt_cache_hit_tokens": 2},
            {"completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 4}},
            {"prompt_tokens": "3"},
        ]
    ),
)


def told(read_it: Callable[[], Usage]) -> Usage | str:
    try:
        return read_it()
    except UpstreamFailure as failure:
        return str(failure)


@given(ODD_MEMBERS, ODD_MEMBERS, st.booleans())
def test_an_answer_read_by_the_short_way_counts_as_by_the_careful_one(
    first: dict[str, object], second: dict[str, object], usual: bool
) -> None:
    # Members of both, so that some come twice.
    parts = [first, second, *([{"choices": [CHOICE], "usage": {"prompt_tokens": 1}}] if usual else [])]
    body = b"{" + b",".join(json.dumps(part).encode()[1:-1] for part in parts if part) + b"}"
    assert told(lambda: read(body).usage) == told(lambda: read_any_answer(200, body, ASKED))


def test_an_error_status_is_classified() -> None:
    with pytest.raises(UpstreamFailure) as failed:
        read({"error": {}}, status=503)
    assert failed.value.failure is FailureClass.OVERLOADED


@pytest.mark.parametrize(
    ("status", "content_type", "stream"),
    [
        (200, "text/event-stream; charset=utf-8", True),
        (200, "Text/Event-Stream", True),
        (200, "", True),
        (200, "application/json", False),
        (200, "text/html", False),
        (201, "text/event-stream", False),
        (503, "text/event-stream", False),
    ],
)
def test_a_stream_is_told_by_its_head(status: int, content_type: str, stream: bool) -> None:
    assert OPENAI_CHAT.is_stream(status, (("content-type", content_type),)) is stream


def headers_of(key: str, mode: Mode = Mode.PLAIN) -> dict[str, str]:
    return dict(call_headers(ProviderType.OPENAI, DialectName.OPENAI_CHAT, key, mode))


def test_a_call_carries_key_and_kind_and_asks_for_no_compression() -> None:
    assert headers_of("sk-1") == {
        "accept": "application/json",
        "accept-encoding": "identity",
        "authorization": "Bearer sk-1",
        "content-type": "application/json",
    }


def test_a_stream_asks_for_events() -> None:
    assert headers_of("k", mode=Mode.STREAM)["accept"] == "text/event-stream"


def test_of_the_clients_headers_only_its_trace_passes() -> None:
    names = (
        *("authorization", "api-key", "x-api-key", "host", "cookie", "accept", "accept-encoding", "content-type"),
        *("content-length", "user-agent", "connection", "transfer-encoding", "openai-organization", "openai-project"),
        *("openai-beta", "idempotency-key", "baggage", "x-forwarded-for", "x-forwarded-host", "forwarded"),
        *("x-fairlead-namespace", "traceparent", "tracestate"),
    )
    client = dict.fromkeys(names, "client")
    assert OPENAI_CHAT.passed_headers(client) == (("traceparent", "client"), ("tracestate", "client"))
    assert OPENAI_CHAT.passed_headers({"tracestate": "a=1"}) == (("tracestate", "a=1"),)
    assert OPENAI_CHAT.passed_headers({"accept": "*/*"}) == ()


def test_a_provider_without_key_is_sent_none() -> None:
    assert "authorization" not in headers_of("")


def test_space_around_a_key_is_left_out() -> None:
    assert headers_of(" sk-1\n")["authorization"] == "Bearer sk-1"


@pytest.mark.parametrize("key", ["a\nb", "a\r\nx-evil: 1", "schlüssel", "a\x00b"])
def test_a_key_that_no_header_can_carry_is_a_rejected_credential(key: str) -> None:
    with pytest.raises(UpstreamFailure) as failed:
        headers_of(key)
    assert failed.value.failure is FailureClass.CREDENTIAL_REJECTED
    assert key not in str(failed.value)


def test_a_probe_carries_the_key_and_no_body() -> None:
    assert dict(probe_headers(ProviderType.OPENAI, "k")) == {
        "accept": "application/json",
        "accept-encoding": "identity",
        "authorization": "Bearer k",
    }


def test_errors_are_in_the_form_that_sdks_read() -> None:
    rendered = json.loads(OPENAI_CHAT.render_error(Answer(404, "model_not_found", "no such model", "model")))
    assert rendered == {
        "error": {
            "message": "no such model",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_found",
        }
    }


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "invalid_request_error"), (401, "authentication_error"), (429, "rate_limit_error"), (502, "server_error")],
)
def test_an_error_has_its_type(status: int, kind: str) -> None:
    assert json.loads(OPENAI_CHAT.render_error(Answer(status, "c", "m")))["error"]["type"] == kind


def test_an_error_in_a_stream_is_one_event() -> None:
    rendered = OPENAI_CHAT.render_stream_error(Answer(502, "stream_broken", "line\nbreak"))
    assert rendered.startswith(b'data: {"error":')
    assert rendered.endswith(b"}\n\n")
    assert rendered.count(b"\n") == 2


def test_models_are_listed_in_openais_form() -> None:
    model = {"id": "smart", "object": "model", "created": 0, "owned_by": "fairlead"}
    assert json.loads(OPENAI_CHAT.render_models(["smart"])) == {"object": "list", "data": [model]}
    assert json.loads(OPENAI_CHAT.render_model("smart")) == model
