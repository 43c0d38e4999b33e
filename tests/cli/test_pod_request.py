"""A request to a pod's port through the API server: what is sent, what is understood, and every way to fail."""

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest
import trustme
from doubles.forwarding_api import Forwarding, forwarding

from fairlead_operator.cli.pod_request import PodUnreachable, get_from_pod
from fairlead_operator.cluster.kubernetes_access import Access

WHOLE = b'HTTP/1.1 200 OK\r\ncontent-length: 11\r\ncontent-type: application/json\r\n\r\n{"call": 1}'


@pytest.fixture
async def server() -> AsyncIterator[Forwarding]:
    async with forwarding() as server:
        yield server


async def ask(access: Access) -> tuple[int, bytes]:
    return await get_from_pod(access, "ai", "main-0", 9090, "/debug/decisions/x", {"authorization": "Bearer admin"})


async def failure(access: Access) -> PodUnreachable:
    with pytest.raises(PodUnreachable) as failed:
        await ask(access)
    return failed.value


async def test_the_answer_of_the_port_comes_back(server: Forwarding) -> None:
    server.answers = [WHOLE]
    assert await ask(server.access) == (200, b'{"call": 1}')


async def test_the_user_speaks_to_the_api_server_and_the_admin_token_to_the_pod(server: Forwarding) -> None:
    server.answers = [WHOLE]
    await ask(server.access)
    assert server.seen == [("/api/v1/namespaces/ai/pods/main-0/portforward", "9090", "Bearer user-token")]
    [request] = server.requests
    assert request.startswith(b"GET /debug/decisions/x HTTP/1.1\r\n")
    assert b"authorization: Bearer admin\r\n" in request
    assert b"user-token" not in request


@pytest.mark.parametrize("answers", [[WHOLE], [WHOLE[:50]]], ids=["whole", "broken off"])
async def test_no_connection_outlives_the_program(answers: list[bytes]) -> None:
    async with forwarding(trustme.CA()) as server:
        server.answers = answers
        program = asyncio.to_thread(asyncio.run, ask(server.access))
        [told] = await asyncio.gather(program, return_exceptions=True)
        assert told == (200, b'{"call": 1}') or isinstance(told, PodUnreachable)
    gc.collect()  # What was left open is told of here, and fails the test.


@pytest.mark.parametrize("size", [1, 7, 50])
async def test_an_answer_in_pieces_is_put_together(server: Forwarding, size: int) -> None:
    server.answers = [WHOLE[start : start + size] for start in range(0, len(WHOLE), size)]
    assert await ask(server.access) == (200, b'{"call": 1}')


async def test_a_chunked_answer_is_understood(server: Forwarding) -> None:
    server.answers = [b"HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"]
    assert await ask(server.access) == (404, b"abc")


async def test_a_port_where_nobody_listens_is_told_in_the_kubelets_words(server: Forwarding) -> None:
    server.answers = None
    assert "connection refused" in str(await failure(server.access))


async def test_an_answer_that_breaks_off_is_none(server: Forwarding) -> None:
    server.answers = [WHOLE[:-3]]
    assert "closed before it had answered" in str(await failure(server.access))


async def test_what_is_not_http_is_told(server: Forwarding) -> None:
    server.answers = [b"SSH-2.0-OpenSSH\r\n"]
    assert "does not speak HTTP" in str(await failure(server.access))


@pytest.mark.parametrize("status", [401, 403])
async def test_a_missing_right_is_named(server: Forwarding, status: int) -> None:
    server.status = status
    failed = await failure(server.access)
    assert failed.forbidden
    assert str(failed) == "you lack a right: create and get pods/portforward in namespace ai"


async def test_an_api_server_that_cannot_forward_is_told_with_its_status(server: Forwarding) -> None:
    server.status = 502
    failed = await failure(server.access)
    assert not failed.forbidden
    assert "its port 9090 cannot be forwarded: the API server answered 502" in str(failed)


async def test_an_api_server_that_is_not_there_is_told() -> None:
    assert "pod ai/main-0: " in str(await failure(Access("http://127.0.0.1:9")))
