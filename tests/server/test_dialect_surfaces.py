"""Where callers of each dialect find what they look for, with their own kinds of keys, lists and errors."""

import json
from pathlib import Path
from typing import Any

import pytest
from doubles.edge import body_of, edge, get, header_of, post, status_of
from doubles.mounted_config import CALLER_KEY, caller, gateway

from fairlead_proxy.contract.names import DialectName, Mode, Operation

GEMINI_STREAM = ":streamGenerateContent?alt=sse"


@pytest.mark.parametrize(
    ("path", "dialect", "operation"),
    [
        ("/v1/chat/completions", DialectName.OPENAI_CHAT, Operation.CHAT),
        ("/v1/responses", DialectName.OPENAI_RESPONSES, Operation.RESPONSES),
        ("/v1/responses/input_tokens", DialectName.OPENAI_RESPONSES, Operation.COUNT_TOKENS),
        ("/v1/messages", DialectName.ANTHROPIC, Operation.CHAT),
        ("/v1/messages?beta=true", DialectName.ANTHROPIC, Operation.CHAT),
        ("/v1/messages/count_tokens", DialectName.ANTHROPIC, Operation.COUNT_TOKENS),
        ("/v1beta/models/smart:generateContent", DialectName.GEMINI, Operation.CHAT),
        ("/v1/models/smart:generateContent", DialectName.GEMINI, Operation.CHAT),
        ("/v1beta1/models/smart:generateContent", DialectName.GEMINI, Operation.CHAT),
        ("/v1beta/models/smart:countTokens", DialectName.GEMINI, Operation.COUNT_TOKENS),
        ("/v1beta1/publishers/google/models/smart:generateContent", DialectName.GEMINI, Operation.CHAT),
        (
            "/v1beta1/projects/p/locations/l/publishers/google/models/smart:generateContent",
            DialectName.GEMINI,
            Operation.CHAT,
        ),
    ],
)
async def test_a_call_is_taken_in_the_dialect_of_its_path(
    tmp_path: Path, path: str, dialect: DialectName, operation: Operation
) -> None:
    async with edge(tmp_path) as served:
        answer = await served.exchange(post(b"{}", path=path))
    assert status_of(answer) == 200
    call = served.handler.calls[0]
    assert (call.dialect, call.operation) == (dialect, operation)
    if dialect is DialectName.GEMINI:
        assert call.named is not None
        assert (call.named.model, call.named.mode) == ("smart", Mode.PLAIN)
    else:
        assert call.named is None


async def test_geminis_streams_and_names_stand_in_the_path(tmp_path: Path) -> None:
    async with edge(tmp_path) as served:
        await served.exchange(post(b"{}", path=f"/v1beta/models/my%20model{GEMINI_STREAM}"))
    named = served.handler.calls[0].named
    assert named is not None
    assert (named.model, named.mode) == ("my model", Mode.STREAM)


@pytest.mark.parametrize("name", ["llama3:8b", "org/model", "org%2Fmodel", "org/llama3:8b"])
async def test_a_model_of_any_legal_name_is_reached_and_shown(tmp_path: Path, name: str) -> None:
    async with edge(tmp_path) as served:
        await served.exchange(post(b"{}", path=f"/v1beta/models/{name}:generateContent"))
        shown = await served.exchange(get(f"/v1/models/{name}"))
    named = served.handler.calls[0].named
    assert named is not None
    assert named.model == name.replace("%2F", "/")
    assert (status_of(shown), json.loads(body_of(shown))["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("method", ["embedContent", "batchGenerateContent"])
async def test_a_method_that_is_not_served_is_an_unknown_path(tmp_path: Path, method: str) -> None:
    async with edge(tmp_path) as served:
        answer = await served.exchange(post(b"{}", path=f"/v1beta/models/smart:{method}"))
    assert status_of(answer) == 404
    assert "generateContent" in json.loads(body_of(answer))["error"]["message"]


async def test_a_stream_that_is_no_event_stream_is_refused_with_the_remedy(tmp_path: Path) -> None:
    async with edge(tmp_path) as served:
        answer = await served.exchange(post(b"{}", path="/v1beta/models/smart:streamGenerateContent"))
    assert status_of(answer) == 400
    assert "alt=sse" in json.loads(body_of(answer))["error"]["message"]
    assert served.handler.calls == []


@pytest.mark.parametrize(
    ("path", "header"),
    [
        ("/v1/messages", f"x-api-key: {CALLER_KEY}"),
        ("/v1/messages", f"Authorization: Bearer {CALLER_KEY}"),
        ("/v1/chat/completions", f"api-key: {CALLER_KEY}"),
        ("/v1beta/models/smart:generateContent", f"x-goog-api-key: {CALLER_KEY}"),
        (f"/v1beta/models/smart:generateContent?key={CALLER_KEY}", "x-other: 1"),
        (f"/v1beta/models/smart{GEMINI_STREAM}&key={CALLER_KEY}", "x-other: 1"),
    ],
)
async def test_a_key_is_known_wherever_its_sdk_puts_it_and_goes_no_further(
    tmp_path: Path, path: str, header: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with edge(tmp_path, caller(), gateway_now=gateway(api_keys=True)) as served:
        answer = await served.exchange(post(b"{}", header, path=path))
    assert status_of(answer) == 200
    call = served.handler.calls[0]
    assert (call.tenant, call.key_name) == ("team-a", "team-a/key")
    told = [*call.headers.values(), call.body.decode(), call.request_id, repr(call.named), answer.decode(), caplog.text]
    assert CALLER_KEY not in " ".join(told)


@pytest.mark.parametrize("path", ["/v1beta/models/smart:generateContent?key=wrong-key", "/v1/messages?key=wrong-key"])
async def test_a_wrong_key_in_the_query_is_repeated_nowhere(
    tmp_path: Path, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with edge(tmp_path, caller(), gateway_now=gateway(api_keys=True)) as served:
        answer = await served.exchange(post(b"{}", path=path))
    assert status_of(answer) == 401
    assert "wrong-key" not in answer.decode() + caplog.text
    assert "wrong-key" not in "".join(refusal.message for refusal in served.refusals)


def openai_error(body: dict[str, Any]) -> object:
    return body["error"]["code"]


def anthropic_error(body: dict[str, Any]) -> object:
    assert body["type"] == "error"
    return body["error"]["type"]


def gemini_error(body: dict[str, Any]) -> object:
    return body["error"]["status"]


@pytest.mark.parametrize(
    ("path", "headers", "told"),
    [
        ("/v1/chat/completions", (), (openai_error, "invalid_api_key")),
        ("/v1/responses", (), (openai_error, "invalid_api_key")),
        ("/v1/messages", (), (anthropic_error, "authentication_error")),
        ("/v1/messages/count_tokens", (), (anthropic_error, "authentication_error")),
        ("/v1beta/models/smart:generateContent", (), (gemini_error, "UNAUTHENTICATED")),
        ("/v1/models/smart:generateContent", (), (gemini_error, "UNAUTHENTICATED")),
        ("/v1/nothing", (), (openai_error, "unknown_path")),
        ("/v1/messages/batches", (), (anthropic_error, "not_found_error")),
        ("/v1/nothing", ("anthropic-version: 2023-06-01",), (anthropic_error, "not_found_error")),
        ("/v1beta/nothing", (), (gemini_error, "NOT_FOUND")),
        ("/v1/nothing", ("x-goog-api-key: k",), (gemini_error, "NOT_FOUND")),
    ],
)
async def test_an_error_of_the_edge_is_told_in_the_callers_dialect(
    tmp_path: Path, path: str, headers: tuple[str, ...], told: tuple[Any, str]
) -> None:
    async with edge(tmp_path, caller(), gateway_now=gateway(api_keys=True)) as served:
        answer = await served.exchange(post(b"{}", *headers, path=path))
    read, expected = told
    assert read(json.loads(body_of(answer))) == expected


@pytest.mark.parametrize(
    ("path", "headers", "names"),
    [
        ("/v1/models", (), lambda body: [each["id"] for each in body["data"]]),
        (
            "/v1/models",
            ("anthropic-version: 2023-06-01",),
            lambda body: [each["display_name"] for each in body["data"]],
        ),
        ("/v1beta/models", (), lambda body: [each["name"].removeprefix("models/") for each in body["models"]]),
        ("/v1/models", ("x-goog-api-client: x",), lambda body: [each["displayName"] for each in body["models"]]),
        ("/v1beta1/publishers/google/models", (), lambda body: [each["displayName"] for each in body["models"]]),
    ],
)
async def test_models_are_listed_in_the_shape_of_each_vendor(
    tmp_path: Path, path: str, headers: tuple[str, ...], names: Any
) -> None:
    async with edge(tmp_path) as served:
        answer = await served.exchange(get(path, *headers))
    assert status_of(answer) == 200
    assert names(json.loads(body_of(answer))) == ["smart"]


@pytest.mark.parametrize(
    ("path", "headers", "name"),
    [
        ("/v1/models/smart", (), "id"),
        ("/v1/models/smart", ("anthropic-version: 2023-06-01",), "display_name"),
        ("/v1beta/models/smart", (), "displayName"),
    ],
)
async def test_one_model_is_shown_in_the_shape_of_each_vendor(
    tmp_path: Path, path: str, headers: tuple[str, ...], name: str
) -> None:
    async with edge(tmp_path) as served:
        answer = await served.exchange(get(path, *headers))
    assert json.loads(body_of(answer))[name] == "smart"


@pytest.mark.parametrize(
    "path", ["/v1/messages", "/v1/responses", "/v1/messages/count_tokens", "/v1beta/models/smart:generateContent"]
)
async def test_a_call_by_another_method_is_a_405(tmp_path: Path, path: str) -> None:
    async with edge(tmp_path) as served:
        answer = await served.exchange(get(path))
    assert (status_of(answer), header_of(answer, "allow")) == (405, "POST")
    assert header_of(answer, "x-fairlead-decision")
