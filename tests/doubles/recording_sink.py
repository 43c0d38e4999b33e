"""A caller in memory: what it got, and when; it can leave, or read slowly."""

import asyncio
import json
from typing import Any

from fairlead_proxy.exchange.errors import ClientGone


class RecordingSink:
    """See Sink. `write_seconds`: how long each write takes; `leave_at`: seconds from now until it hangs up."""

    def __init__(self, *, write_seconds: float = 0.0, leave_after: float | None = None) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.heads = 0
        self.ended = 0
        self.aborted = False
        self._write_seconds = write_seconds
        self._left = asyncio.Event()
        if leave_after is not None:
            asyncio.get_running_loop().call_later(leave_after, self._left.set)

    @property
    def started(self) -> bool:
        return self.heads > 0

    async def head(self, status: int, headers: list[tuple[str, str]]) -> None:
        self._check()
        self.heads += 1
        self.status = status
        self.headers = dict(headers)

    async def write(self, chunk: bytes) -> None:
        self._check()
        self.body += chunk
        if self._write_seconds:
            await asyncio.sleep(self._write_seconds)

    async def end(self) -> None:
        self._check()
        self.ended += 1

    def abort(self) -> None:
        self.aborted = True

    async def gone(self) -> None:
        await self._left.wait()

    def leave(self) -> None:
        self._left.set()

    @property
    def error(self) -> dict[str, Any]:
        """Return the error of an answer in OpenAI's form."""
        found: dict[str, Any] = json.loads(self.body)["error"]
        return found

    @property
    def last_event(self) -> dict[str, Any]:
        """Return the last event of a stream, which is JSON."""
        events = [line for line in self.body.split(b"\n") if line.startswith(b"data:")]
        found: dict[str, Any] = json.loads(events[-1].removeprefix(b"data:"))
        return found

    def _check(self) -> None:
        if self._left.is_set():
            raise ClientGone("the caller has left")
