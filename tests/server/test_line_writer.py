"""The writer of the access log: a reader that stalls holds nobody up."""

import asyncio
import os

import pytest

from fairlead_proxy.server.process_log import PENDING_BYTES, LineWriter

LINE = b"x" * 1023 + b"\n"
MANY = LINE * (PENDING_BYTES // len(LINE) // 2)


def test_lines_that_a_stalled_reader_leaves_no_room_for_are_lost_and_told(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        read_end, write_end = os.pipe()
        writer = LineWriter(write_end)
        for _ in range(2):
            writer.write(MANY, len(MANY) // len(LINE))
        writer.write(LINE, 1)
        writer.write(LINE, 1)
        assert [record.message for record in caplog.records] == ["access log lines are being lost, stdout is not read"]
        got = await asyncio.to_thread(_read, read_end, 2 * len(MANY))
        await writer.close()
        os.close(write_end)
        assert got == 2 * len(MANY)
        assert os.read(read_end, 1) == b""
        os.close(read_end)

    asyncio.run(main())


def _read(descriptor: int, size: int) -> int:
    got = 0
    while got < size:
        got += len(os.read(descriptor, 1 << 20))
    return got
