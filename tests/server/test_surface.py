"""Which paths there are, who gets what from them, and what is refused with which answer."""

import asyncio
import gzip
import json
from pathlib import Path

import pytest
from doubles.edge import ScriptedHandler, answer_ok, body_of, edge, get, header_of, post, status_of
from doubles.eventually import eventually
from doubles.mounted_config import CALLER_KEY, caller, gateway

from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.linked import GatewayConfig
from fairlead_proxy.dialects.dialect import CallerDialect
from fairlead_proxy.exchange.call import ClientCall, Sink, UnderWay
from fairlead_proxy.server.limits import Limits

BEARER = f"Authorization: Bearer {CALLER_KEY}"


def code_of(answer: bytes) -> str:
    code: str = json.loads(body_of(answer))["error"]["code"]
    return code


async def test_a_call_reaches_the_gateway_with_its_tenant_and_body(tmp_path: Path) -> None:
    async with edge(tmp_path) as served:
        answer = await served.exchange(post(b'{"model":"smart"}', "X-Request-Id: mine-1", "X-Task: reasoning"))
    call = served.handler.calls[0]
    assert status_of(answer) == 200
    assert (call.tenant, call.body, call.request_id) == ("default", b'{"model":"smart"}', "mine-1")
    assert call.headers["x-task"] == "reasoning"


async def test_what_says_who_calls_goes_no_further_than_the_edge(tmp_path: Path) -> None:
    async with edge(tmp_path, caller(), gateway_now=gateway(api_keys=True)) as served:
        await served.exchange(post(b"{}", BEARER, "Cookie: a=b", "Proxy-Authorization: Basic x"))
    call = served.handler.calls[0]
    assert (call.tenant, call.key_name) == ("team-a", "team-a/key")
    assert not {"authorization", "cookie", "x-api-key", "api-key", "proxy-authorization"} & set(call.headers)
    assert CALLER_KEY not in repr(call)


async def test_one_connection_serves_many_calls(tmp_path: Path) -> None:
    async with edge(tmp_path) as served:
        answer = await served.exchange(post(b"1", closing=False) + post(b"12", closing=False) + post(b"123"))
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert [call.body for call in served.handler.calls] == [b"1", b"12", b"123"]


@pytest.mark.parametrize("request_bytes", [get("/"), get("/nothing"), post(), post(path="/nothing")])
async def test_a_client_that_asks_for_it_has_its_connection_closed_at_once(
    tmp_path: Path, request_bytes: bytes
) -> None:
    async with edge(tmp_path) as served:
        began = asyncio.get_running_loop().time()
        answer = await served.exchange(request_bytes)
        waited = asyncio.get_running_loop().time() - began
    assert header_of(answer, "connection") == "close"
    assert waited < 1.0


async def test_models_are_those_of_the_tenant(tmp_path: Path) -> None:
    async with edge(tmp_path) as served:
        own = await served.exchange(get("/v1/models"))
        theirs = await served.exchange(get("/v1/models", "X-Fairlead-Namespace: team-a"))
    assert [model["id"] for model in json.loads(body_of(own))["data"]] == ["smart"]
    assert [model["id"] for model in json.loads(body_of(theirs))["data"]] == ["theirs"]


async def test_one_model_can_be_asked_for(tmp_path: Path) -> None:
    async with edge(tmp_path) as served:
        answer = await served.exchange(get("/v1/models/smart"))
    assert (status_of(answer), json.loads(body_of(answer))["id"]) == (200, "smart")


async def test_a_foreign_model_looks_like_an_unknown_one(tmp_path: Path) -> None:
    async with edge(tmp_path) as served:
        foreign = await served.exchange(get("/v1/models/theirs"))
        unknown = await served.exchange(get("/v1/models/nonsense"))
    assert status_of(foreign) == 404
    assert body_of(foreign) == body_of(unknown)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_root_is_answered_without_a_key(tmp_path: Path, method: str) -> None:
    async with edge(tmp_path, gateway_now=gateway(api_keys=True)) as served:
        answer = await served.exchange(get("/", method=method))
    assert status_of(answer) == 200
    assert bool(body_of(answer)) == (method == "GET")


@pytest.mark.parametrize(
    "path", ["/v1/embeddings", "/v1/chat/completions/", "//v1/models", "/v1/../v1/models", "/healthz", "/metrics"]
)
async def test_another_path_is_a_404_that_lists_what_is_supported(tmp_path: Path, path: str) -> None:
    async with edge(tmp_path) as served:
        answer = await served.exchange(post(b"{}", path=path))
    assert (status_of(answer), code_of(answer)) == (404, "unknown_path")
    assert b"POST /v1/chat/completions" in body_of(answer)


@pytest.mark.parametrize(
    ("request_bytes", "allowed"),
    [
        (get("/v1/chat/completions"), "POST"),
        (get("/v1/chat/completions", method="OPTIONS"), "POST"),
        (post(path="/v1/models"), "GET"),
        (post(path="/v1/models/smart"), "GET"),
        (get("/", method="DELETE"), "GET, HEAD"),
    ],
)
async def test_another_method_is_a_405_that_names_the_right_ones(
    tmp_path: Path, request_bytes: bytes, allowed: str
) -> None:
    async with edge(tmp_path) as served:
        answer = await served.exchange(request_bytes)
    assert (status_of(answer), header_of(answer, "allow")) == (405, allowed)


async def test_no_answer_carries_a_cors_header(tmp_path: Path) -> None:
    async with edge(tmp_path, caller(), gateway_now=gateway(api_keys=True)) as served:
        answer = await served.exchange(post(b"{}", BEARER, "Origin: https://page.example"))
    assert status_of(answer) == 200
    assert b"access-control" not in answer.lower()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models"])
async def test_a_wrong_key_is_a_401_that_repeats_nothing(tmp_path: Path, path: str) -> None:
    async with edge(tmp_path, caller(), gateway_now=gateway(api_keys=True)) as served:
        wrong = [get(path, "Authorization: Bearer sk-wrong"), post(b"{}", "Authorization: Bearer sk-wrong", path=path)]
        answer = await served.exchange(wrong[path.endswith("completions")])
    assert (status_of(answer), code_of(answer)) == (401, "invalid_api_key")
    assert header_of(answer, "www-authenticate") == "Bearer"
    assert b"sk-wrong" not in answer
    assert served.handler.calls == []


async def test_a_gateway_without_authentication_is_closed_unless_it_is_standalone(tmp_path: Path) -> None:
    async with edge(tmp_path, open_standalone=False) as served:
        answer = await served.exchange(post())
    assert status_of(answer) == 401


async def test_standalone_refuses_what_a_web_page_sends(tmp_path: Path) -> None:
    async with edge(tmp_path) as served:
        page = await served.exchange(post(b"{}", "Origin: https://page.example"))
        listing = await served.exchange(get("/v1/models", "Origin: null"))
    assert (status_of(page), status_of(listing)) == (403, 403)
    assert served.handler.calls == []


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_standalone_takes_only_json(tmp_path: Path, content_type: str) -> None:
    request = post().replace(b"Content-Type: application/json", f"Content-Type: {content_type}".encode())
    async with edge(tmp_path) as served:
        answer = await served.exchange(request)
    assert status_of(answer) == 415


async def test_a_charset_beside_json_is_taken(tmp_path: Path) -> None:
    request = post().replace(b"application/json", b"Application/JSON; charset=utf-8")
    async with edge(tmp_path) as served:
        answer = await served.exchange(request)
    assert status_of(answer) == 200


async def test_before_the_first_configuration_calls_are_told_to_come_back(tmp_path: Path) -> None:
    async with edge(tmp_path, publish=False) as served:
        answer = await served.exchange(post())
    assert (status_of(answer), code_of(answer), header_of(answer, "retry-after")) == (503, "not_ready", "1")


async def test_a_refused_call_has_an_id_and_is_booked(tmp_path: Path) -> None:
    async with edge(tmp_path, open_standalone=False) as served:
        answer = await served.exchange(post(b"{}", "X-Request-Id: mine-2"))
    assert len(header_of(answer, "x-fairlead-decision") or "") == 20
    assert header_of(answer, "x-request-id") == "mine-2"
    assert [refusal.code for refusal in served.refusals] == ["invalid_api_key"]


@pytest.mark.parametrize("given", ["has space", "x" * 129, "\N{LATIN SMALL LETTER E WITH ACUTE}"])
async def test_a_request_id_that_fits_no_log_line_is_dropped(tmp_path: Path, given: str) -> None:
    async with edge(tmp_path) as served:
        await served.exchange(post(b"{}", f"X-Request-Id: {given}"))
    assert served.handler.calls[0].request_id == ""


async def test_more_calls_than_fit_are_refused_while_the_others_go_on(tmp_path: Path) -> None:
    release = asyncio.Event()

    async def wait(call: object, sink: object) -> None:
        await release.wait()

    async with edge(tmp_path, script=wait, limits=Limits(max_in_flight=1)) as served:
        first = asyncio.create_task(served.exchange(post()))
        await eventually(lambda: served.serving.in_flight >= 1)
        second = await served.exchange(post())
        release.set()
        await first
    assert (status_of(second), code_of(second), header_of(second, "retry-after")) == (503, "overloaded", "1")
    assert served.serving.in_flight == 0


async def test_bodies_that_together_hold_too_much_are_refused_and_room_comes_back(tmp_path: Path) -> None:
    release = asyncio.Event()

    async def wait(call: ClientCall, sink: Sink) -> None:
        await release.wait()
        await answer_ok(call, sink)

    async with edge(tmp_path, script=wait, limits=Limits(held_bytes=1000, linger_seconds=0.05)) as served:
        first = asyncio.create_task(served.exchange(post(b"x" * 600)))
        await eventually(lambda: served.handler.calls)
        refused = await served.exchange(post(b"x" * 600))
        squeezed = await served.exchange(post(gzip.compress(b"x" * 600), "Content-Encoding: gzip"))
        release.set()
        await first
        later = await served.exchange(post(b"x" * 600))
    assert (status_of(refused), status_of(squeezed), status_of(later)) == (503, 503, 200)


async def test_more_connections_than_fit_are_refused_politely(tmp_path: Path) -> None:
    async with edge(tmp_path, limits=Limits(max_connections=1)) as served:
        _, idle = await served.connect()
        await eventually(lambda: served.server.connections)
        answer = await served.exchange(post(closing=False))
        idle.close()
    assert (status_of(answer), code_of(answer)) == (503, "overloaded")
    assert header_of(answer, "connection") == "close"


async def test_a_gzip_body_is_inflated(tmp_path: Path) -> None:
    body = json.dumps({"model": "smart", "padding": list(range(1000))}).encode()
    async with edge(tmp_path) as served:
        answer = await served.exchange(post(gzip.compress(body), "Content-Encoding: gzip"))
    assert status_of(answer) == 200
    assert served.handler.calls[0].body == body


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (gzip.compress(b"\0" * 10_000_000, mtime=0), "gzip", 413),
        (gzip.compress(b"x" * 200, mtime=0)[:-4], "gzip", 400),
        (b"not gzip at all", "gzip", 400),
        (b"{}", "br", 415),
        (b"{}", "gzip, gzip", 415),
    ],
)
async def test_a_body_that_cannot_be_inflated_is_refused(
    tmp_path: Path, body: bytes, encoding: str, status: int
) -> None:
    async with edge(tmp_path) as served:
        answer = await served.exchange(post(body, f"Content-Encoding: {encoding}"))
    assert status_of(answer) == status
    assert served.handler.calls == []


async def test_an_announced_body_above_the_cap_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    request = b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\n"
    async with edge(tmp_path, limits=Limits(body_bytes=1000, linger_seconds=0.05)) as served:
        answer = await served.exchange(request + b"Content-Length: 1001\r\n\r\n")
    assert (status_of(answer), code_of(answer)) == (413, "request_too_large")


async def test_a_chunked_body_is_refused_where_it_passes_the_cap(tmp_path: Path) -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\n"
    chunks = b"".join(b"100\r\n" + b"x" * 256 + b"\r\n" for _ in range(5))
    async with edge(tmp_path, limits=Limits(body_bytes=1000, linger_seconds=0.05)) as served:
        answer = await served.exchange(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    assert status_of(answer) == 413


async def test_a_large_body_below_the_cap_is_taken(tmp_path: Path) -> None:
    async with edge(tmp_path) as served:
        answer = await served.exchange(post(b"x" * (8 << 20)))
    assert body_of(answer) == b'{"ok": 8388608}'


async def test_a_client_that_asks_before_it_sends_is_told_to_go_on(tmp_path: Path) -> None:
    head = post(b"", "Expect: 100-continue").replace(b"Content-Length: 0", b"Content-Length: 2")
    async with edge(tmp_path) as served:
        reader, writer = await served.connect()
        writer.write(head)
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"{}")
        assert status_of(await reader.read()) == 200
        writer.close()


async def test_a_client_that_asks_before_it_sends_is_refused_without_sending(tmp_path: Path) -> None:
    head = post(b"", "Expect: 100-continue").replace(b"Content-Length: 0", b"Content-Length: 2")
    async with edge(tmp_path, open_standalone=False, limits=Limits(linger_seconds=0.05)) as served:
        answer = await served.exchange(head)
    assert status_of(answer) == 401


async def test_an_http_1_0_client_is_answered_and_its_connection_closed(tmp_path: Path) -> None:
    async with edge(tmp_path) as served:
        answer = await served.exchange(
            b"POST /v1/chat/completions HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        )
    assert (status_of(answer), header_of(answer, "connection")) == (200, "close")


async def test_an_unexpected_fault_is_a_500_without_details(tmp_path: Path) -> None:
    class Broken(ScriptedHandler):
        def begin(
            self, config: GatewayConfig, keys: KeyRing, dialect: CallerDialect, call: ClientCall, sink: Sink
        ) -> UnderWay:
            raise ValueError("secret detail")

    async with edge(tmp_path, handler=Broken()) as served:
        answer = await served.exchange(post())
    assert (status_of(answer), code_of(answer)) == (500, "internal_error")
    assert b"secret detail" not in answer
    assert served.serving.in_flight == 0
