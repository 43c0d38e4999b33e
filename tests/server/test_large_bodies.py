"""Bodies that come in many reads are answered, and leave their connection as it was."""

import asyncio
from pathlib import Path

import pytest
from doubles.edge import body_of, close, edge, post, read_all, status_of

from fairlead_proxy.server.limits import Limits

MIB = 1024 * 1024
LARGE = MIB - 8192  # so that the last of its reads is no small one
HASTY = Limits(head_seconds=0.3)
"""A head that has begun must end soon; the sweep that holds it to that comes every half second."""

CHUNKED = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


@pytest.mark.parametrize("mebibytes", [1, 4, 8, 31])
async def test_a_body_of_many_reads_is_answered_every_time_and_its_connection_goes_on(
    tmp_path: Path, mebibytes: int
) -> None:
    size = (mebibytes - 1) * MIB + LARGE
    answers: list[bytes] = []
    async with edge(tmp_path) as served:
        reader, writer = await served.connect()
        async with asyncio.timeout(30):
            for _ in range(6):
                writer.write(post(bytes(size), closing=False))
                head = await reader.readuntil(b"\r\n\r\n")
                answers.append(head[:12] + await reader.readuntil(b"}"))
        await close(writer)
    assert answers == [b'HTTP/1.1 200{"ok": %d}' % size] * 6


async def test_a_large_body_behind_another_request_is_answered(tmp_path: Path) -> None:
    async with edge(tmp_path) as served:
        answer = await served.exchange(post(closing=False) + post(bytes(LARGE), closing=False) + post(bytes(LARGE)))
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.endswith(b'{"ok": %d}' % LARGE)


async def test_a_head_that_drips_behind_a_body_is_still_refused(tmp_path: Path) -> None:
    async with edge(tmp_path, limits=HASTY) as served:
        reader, writer = await served.connect()
        writer.write(post(b"{}", closing=False)[:-1])
        await asyncio.sleep(0.01)
        writer.write(b"}")
        await reader.readuntil(b"}")
        writer.write(b"POST /v1/chat")
        answer = await read_all(reader)
        await close(writer)
    assert status_of(answer) == 408


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([post(b"{}", closing=False)[:-2], b"{", b"}"], id="a length"),
        pytest.param([CHUNKED, b"2\r\n{}\r\n", b"0\r\n", b"\r\n"], id="chunked"),
    ],
)
async def test_a_connection_that_is_idle_after_a_body_in_pieces_is_told_nothing(
    tmp_path: Path, pieces: list[bytes]
) -> None:
    async with edge(tmp_path, limits=HASTY) as served:
        reader, writer = await served.connect()
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.01)
        await reader.readuntil(b"}")
        unasked = await read_all(reader, within=4 * HASTY.head_seconds)
        writer.write(post())
        answer = await read_all(reader)
        await close(writer)
    assert unasked == b""
    assert body_of(answer) == b'{"ok": 2}'
