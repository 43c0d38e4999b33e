"""The callers of a billing run: mixed calls at a steady rate; some leave early, and each knows its own call again."""

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass
from random import Random

from fairlead_bench.soak.objects import ROUTES, TOTAL_SECONDS
from fairlead_bench.soak.speech import SPEECHES
from fairlead_bench.soak.wire import Broken, Line, Lines

LEAVING, LARGE = 0.15, 0.1
"""Shares of the calls: whose caller means to leave early, if the answer does not come first; with a long prompt."""
STAY_SECONDS = (0.0, 0.004)
STAY_PIECES = (1, 12)
"""How long whoever leaves waits for an answer that comes whole, and for how many pieces of one that does not."""
WORDS, LARGE_WORDS = (10, 60), (1000, 2000)
KEPT = 0.8
"""Share of the connections that are used again: new ones find their way to every proxy."""
CALL_SECONDS = TOTAL_SECONDS + 25.0
MOST_AT_ONCE = 400
FILLER = "and "


@dataclass(slots=True)
class Called:
    """One call as its caller saw it. `tag` stands in its prompt, `decision` in the answer's head, if one came."""

    tag: str
    decision: str = ""
    end: str = ""


class Callers:
    def __init__(self, port: int, seed: int) -> None:
        self._rng = Random(seed)
        self._lines = Lines(port)
        self.called: list[Called] = []

    @property
    def ends(self) -> Counter[str]:
        return Counter(each.end for each in self.called)

    async def call_all(self, number: int, rate: float) -> None:
        """Make so many calls, so many a second, however long the answers take; return once the last has ended."""
        under_way: set[asyncio.Task[None]] = set()
        began = time.monotonic()
        for place in range(number):
            ahead = began + place / rate - time.monotonic()
            if ahead > 0:
                await asyncio.sleep(ahead)
            while len(under_way) >= MOST_AT_ONCE:
                await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            task = asyncio.create_task(self._call(place + 1))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        if under_way:
            await asyncio.wait(under_way)
        self._lines.close()

    async def _call(self, number: int) -> None:
        rng = self._rng
        dialect, model, stream = rng.choice(list(SPEECHES)), rng.choice(list(ROUTES)), rng.random() < 0.6
        words = rng.randint(*(LARGE_WORDS if rng.random() < LARGE else WORDS))
        leaves = rng.random() < LEAVING
        call = Called(f"call-{number}")
        self.called.append(call)
        stays = rng.uniform(*STAY_SECONDS) if leaves and not stream else CALL_SECONDS
        pieces = rng.randint(*STAY_PIECES) if leaves and stream else None
        try:
            async with asyncio.timeout(stays):
                await self._ask(call, dialect, model, f"{call.tag} " + FILLER * words, stream, pieces)
        except TimeoutError:
            call.end = "left" if leaves else "no end"
        except Broken:
            call.end = "cut"

    async def _ask(self, call: Called, dialect: str, model: str, prompt: str, stream: bool, most: int | None) -> None:
        """Make a call; leave it after so many pieces, if at all."""
        path, more, content = SPEECHES[dialect].ask(model, prompt, stream)
        line = await self._lines.take()
        keeps = False
        try:
            line.send(*_request(path, {**more, "x-request-id": call.tag}, json.dumps(content).encode()))
            head = await line.head()
            call.decision = head.headers.get("x-fairlead-decision", "")
            pieces = 0
            async for _ in line.pieces(head):
                pieces += 1
                if pieces == most:
                    call.end = "left"
                    return
            call.end = "answered" if head.status == 200 else f"{head.status}"
            keeps = head.headers.get("connection") != "close" and self._rng.random() < KEPT
        finally:
            _let_go(self._lines, line, keeps=keeps)


def _let_go(lines: Lines, line: Line, *, keeps: bool) -> None:
    if keeps:
        lines.give_back(line)
    else:
        line.close()


def _request(path: str, more: dict[str, str], body: bytes) -> tuple[bytes, bytes]:
    headers = {"host": "billing", "content-type": "application/json", "content-length": str(len(body)), **more}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode(), body
