"""A caller in memory: what it got, and when; it can leave, or read slowly."""

import asyncio
import json
from collections.abc import Callable
from typing import Any


class RecordingSink:
    """See Sink. `write_seconds`: how long it is full after each write; `leave_after`: seconds until it hangs up."""

    def __init__(self, *, write_seconds: float = 0.0, leave_after: float | None = None) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.heads = 0
        self.ended = 0
        self.aborted = False
        self._write_seconds = write_seconds
        self._left = False
        self._full_until = 0.0
        self._on_lost: Callable[[], None] | None = None
        self._on_room: list[Callable[[], None]] = []
        if leave_after is not None:
            asyncio.get_running_loop().call_later(leave_after, self.leave)

    @property
    def spoken(self) -> bytes:
        """The provider's answer: the body without the comment on the cost behind a stream's end."""
        before, mark, cost = self.body.rpartition(b": x-fairlead-cost-usd: ")
        return before if mark and cost.endswith(b"\n\n") else self.body

    @property
    def cost_told(self) -> str:
        """What the caller was told that its call cost, in USD; empty: nothing."""
        comment = self.body.removeprefix(self.spoken).decode().strip()
        told = self.headers.get("x-fairlead-cost-usd", "") or comment.removeprefix(": x-fairlead-cost-usd: ")
        assert not told or len(told.partition(".")[2]) == 9, "nano-dollars have nine places"
        return told.rstrip("0").rstrip(".")

    @property
    def started(self) -> bool:
        return self.heads > 0

    @property
    def full(self) -> bool:
        return not self._left and asyncio.get_running_loop().time() < self._full_until

    def answer(self, status: int, headers: bytes, body: bytes) -> None:
        self.head(status, headers)
        self.write(body)
        self.end()

    def head(self, status: int, headers: bytes) -> None:
        self.heads += 1
        self.status = status
        lines = headers.decode("latin-1").removesuffix("\r\n").split("\r\n")
        self.headers = {name: value for name, _, value in (line.partition(": ") for line in lines)}

    def write(self, chunk: bytes) -> None:
        self.body += chunk
        if self._write_seconds:
            loop = asyncio.get_running_loop()
            self._full_until = loop.time() + self._write_seconds
            loop.call_at(self._full_until, self._make_room)

    def end(self) -> None:
        self.ended += 1

    def abort(self) -> None:
        self.aborted = True

    def when_room(self, call: Callable[[], None]) -> None:
        if self.full:
            self._on_room.append(call)
        else:
            call()

    def when_lost(self, call: Callable[[], None] | None) -> None:
        self._on_lost = call
        if call is not None and self._left:
            asyncio.get_running_loop().call_soon(self._tell)

    def leave(self) -> None:
        self._left = True
        self._tell()
        self._make_room()

    def _tell(self) -> None:
        told, self._on_lost = self._on_lost, None
        if told is not None:
            told()

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

    def _make_room(self) -> None:
        if not self.full:
            waiting, self._on_room = self._on_room, []
            for call in waiting:
                call()
