"""However the bytes of a request are cut on their way, the same call arrives."""

import asyncio
import gzip
from pathlib import Path

import pytest
from doubles.edge import close, edge, post, read_all, status_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

BODY = b'{"model":"smart","messages":[{"role":"user","content":"hello"}]}'
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\nConnection: close\r\n"
CHUNKS = b"".join(b"%x\r\n%b\r\n" % (len(BODY[at : at + 7]), BODY[at : at + 7]) for at in range(0, len(BODY), 7))
REQUESTS = {
    "a length": post(BODY),
    "chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS + b"0\r\n\r\n",
    "gzip": post(gzip.compress(BODY), "Content-Encoding: gzip"),
}
cuts = st.lists(st.integers(1, 250), max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("name", REQUESTS)
@given(cuts)
async def test_the_same_call_arrives(tmp_path_factory: pytest.TempPathFactory, name: str, places: list[int]) -> None:
    request = REQUESTS[name]
    directory: Path = tmp_path_factory.mktemp("edge")
    async with edge(directory) as served:
        reader, writer = await served.connect()
        ends = [*sorted(set(places)), len(request)]
        for start, end in zip([0, *ends], ends, strict=False):
            writer.write(request[start:end])
            await writer.drain()
            await asyncio.sleep(0.001)
        answer = await read_all(reader)
        await close(writer)
    assert status_of(answer) == 200
    assert [call.body for call in served.handler.calls] == [BODY]
