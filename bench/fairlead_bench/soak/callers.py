"""The callers of a soak, in one process: first as many calls as go through, then a fixed share of that.

Prints lines of JSON: `{"capacity": …}` after the first part, a Call for each one that did not simply go well, and
`{"over": …}` with how many did.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import uvloop

from fairlead_bench.soak.explaining import Call, End, Odd, Record, judge
from fairlead_bench.soak.faults import History
from fairlead_bench.soak.objects import ROUTES, TOTAL_SECONDS
from fairlead_bench.soak.speech import SPEECHES, Heard, end_of_body, take_frame
from fairlead_bench.soak.wire import Broken, Line, Lines
from fairlead_proxy.contract.config import Gateway

RAMP = (4, 8, 16, 32, 64)
"""How many callers there are, one after another, while the capacity is found."""
SHARE = 0.7
LEAVING, SLOW, LARGE = 0.05, 0.05, 0.1
"""Shares of the calls: whose caller leaves early, reads slowly, or sends a large prompt."""
LARGE_WORDS = 4000
SLOW_PAUSE_SECONDS = 0.004
LONGEST_STAY_SECONDS = 0.05
MOST_AT_ONCE = 1500
CALL_SECONDS = TOTAL_SECONDS + 25.0
LOOK_UP_SECONDS = 1.0
LOOK_UPS_AT_ONCE, LOOK_UPS_WAITING = 8, 64
"""Where a thousand calls fail in one second, not all of them are looked up: asking would be a load of its own, on top
of the seven tenths that the soak is about.
"""
KEPT_SHARE = 0.8
"""For this share of the time in which as many calls are made as a proxy remembers by default, it surely remembers one.

A slow reader may have an answer that ended longer ago.
"""
CHECKED = 10
"""Of the calls that a further target answered, one in so many has its failed attempts explained too."""


class Gone(Odd):
    """The proxy does not know a call."""


class Callers:
    def __init__(self, port: int, admin_port: int, token: str, seed: int) -> None:
        self._rng = Random(seed)
        self._lines, self._admin_lines = Lines(port), Lines(admin_port)
        self._token = token
        self._looking_up = asyncio.Semaphore(LOOK_UPS_AT_ONCE)
        self._looked_for = 0
        self.ends: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.held = 0
        self.late_seconds = 0.0
        self._kept_seconds = CALL_SECONDS

    async def ramp(self, seconds: float) -> dict[str, Any]:
        """Call in a closed loop, with ever more callers; return the calls a second of the best step, and its size."""
        steps = []
        for callers in RAMP:
            began, before = time.monotonic(), self.calls.total()
            until = began + seconds / len(RAMP)
            await asyncio.gather(*(self._call_until(until) for _ in range(callers)))
            steps.append((round((self.calls.total() - before) / (time.monotonic() - began), 1), callers))
        best, callers = max(steps)
        return {"calls_a_second": best, "callers": callers, "steps": steps}

    async def keep_on(self, rate: float, seconds: float) -> None:
        """Call so often a second, however long the answers take; return once the last call has ended."""
        under_way: set[asyncio.Task[None]] = set()
        self._kept_seconds = KEPT_SHARE * Gateway(id="").decision_ring / rate
        began = time.monotonic()
        for number in range(int(rate * seconds)):
            ahead = began + number / rate - time.monotonic()
            if ahead > 0:
                await asyncio.sleep(ahead)
            self.late_seconds = max(self.late_seconds, -ahead)
            if len(under_way) >= MOST_AT_ONCE:
                self.held += 1
                continue
            task = asyncio.create_task(self._call(manners=True))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        if under_way:
            await asyncio.wait(under_way)
        self._lines.close()
        self._admin_lines.close()

    async def _call_until(self, until: float) -> None:
        while time.monotonic() < until:
            await self._call(manners=False)

    async def _call(self, *, manners: bool) -> None:
        """Make a call drawn at random, and tell of it; `manners`: it may be a slow reader's, or of one who leaves."""
        rng = self._rng
        dialect, model, stream = rng.choice(list(SPEECHES)), rng.choice(list(ROUTES)), rng.random() < 0.5
        call = Call(dialect, model, stream, began=time.time())
        leaves, slow = manners and rng.random() < LEAVING, manners and rng.random() < SLOW
        prompt = "say something " * (LARGE_WORDS // 2 if rng.random() < LARGE else 3)
        stays = rng.uniform(0, LONGEST_STAY_SECONDS) if leaves else CALL_SECONDS
        self.calls[f"{dialect}, {'stream' if stream else 'plain'}"] += 1
        self.ends["slow readers"] += slow
        try:
            async with asyncio.timeout(stays):
                await self._ask(call, prompt, slow)
        except TimeoutError:
            call.left, call.broken = leaves, "" if leaves else f"no end within {CALL_SECONDS} s"
        except Broken as broken:
            call.broken = str(broken)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            call.broken = f"not of the dialect: {error!r}"
        call.over = time.time()
        await self._tell(call, slow=slow)

    async def _ask(self, call: Call, prompt: str, slow: bool) -> None:
        speech = SPEECHES[call.dialect]
        path, more, content = speech.ask(call.model, prompt, call.stream)
        line = await self._lines.take(slow=slow)
        keeps = False
        try:
            line.send(*_request(path, more, json.dumps(content).encode()))
            head = await line.head()
            call.status, call.decision = head.status, head.headers.get("x-fairlead-decision", "")
            call.provider = head.headers.get("x-fairlead-provider", "")
            call.attempts = int(head.headers.get("x-fairlead-attempts", "0"))
            heard, body = Heard(), b""
            try:
                async for piece in line.pieces(head):
                    body = (body + piece).replace(b"\r\n", b"\n")
                    if slow:
                        await asyncio.sleep(SLOW_PAUSE_SECONDS)
                    while call.stream and head.status == 200 and b"\n\n" in body:
                        frame, _, body = body.partition(b"\n\n")
                        take_frame(speech, heard, frame)
                if not call.stream or head.status != 200:
                    answer = json.loads(body)
                    heard.error = speech.error_of(answer)
                    if head.status == 200 and not heard.error:
                        speech.hear_whole(heard, answer)
                elif body:
                    raise ValueError(f"a torn frame: {body[:100]!r}")
                elif call.dialect == "gemini":
                    end_of_body(heard)
            finally:
                call.text, call.ended, call.error, call.marks = heard.text, heard.ended, heard.error, heard.marks
            keeps = not slow and head.headers.get("connection") != "close"
        finally:
            if keeps:
                self._lines.give_back(line)
            else:
                line.close()

    async def _tell(self, call: Call, *, slow: bool) -> None:
        end, _ = judge(call, History(), ROUTES)
        fell_back = end is End.FELL_BACK
        busy = self._looked_for >= LOOK_UPS_AT_ONCE + LOOK_UPS_WAITING
        if end in (End.ANSWERED, End.LEFT) or (fell_back and (busy or self._rng.randrange(CHECKED))):
            self.ends[end] += 1
            return
        if busy:
            call.unasked = True
        elif call.decision:
            self._looked_for += 1
            try:
                call.record = await self._record_of(call.decision)
            except Gone as gone:
                call.unasked = slow and call.over - call.began > self._kept_seconds
                if not call.unasked:
                    call.broken = call.broken or f"its decision record: {gone}"
            except (Broken, Odd) as why:
                call.broken = call.broken or f"its decision record: {why}"
            finally:
                self._looked_for -= 1
        _say(msgspec.json.encode(call).decode())

    async def _record_of(self, decision: str) -> Record:
        """Return the decision record of a call that has just ended; raise Odd where there is none."""
        head = f"GET /debug/decisions/{decision} HTTP/1.1\r\nhost: soak\r\nauthorization: Bearer {self._token}\r\n\r\n"
        until = time.monotonic() + LOOK_UP_SECONDS
        async with self._looking_up:
            while True:
                line = await self._admin_lines.take()
                status, body = await _exchange(line, head.encode())
                self._admin_lines.give_back(line)
                if status == 200:
                    return msgspec.json.decode(body, type=Record)
                if time.monotonic() > until:
                    raise Gone("it is not kept") if status == 404 else Odd(f"status {status}")
                await asyncio.sleep(0.02)


async def _exchange(line: Line, request: bytes) -> tuple[int, bytes]:
    line.send(request, b"")
    head = await line.head()
    return head.status, b"".join([piece async for piece in line.pieces(head)])


def _request(path: str, more: dict[str, str], body: bytes) -> tuple[bytes, bytes]:
    headers = {"host": "soak", "content-type": "application/json", "content-length": str(len(body)), **more}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode(), body


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("port", "admin-port", "seed"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("ramp-seconds", "seconds"):
        parser.add_argument(f"--{name}", type=float, required=True)
    parser.add_argument("--token", type=Path, required=True)
    told = parser.parse_args()
    callers = Callers(told.port, told.admin_port, told.token.read_text().strip(), told.seed)
    capacity = await callers.ramp(told.ramp_seconds)
    rate = SHARE * capacity["calls_a_second"]
    _say(json.dumps({"capacity": capacity | {"rate": rate}}))
    await callers.keep_on(rate, told.seconds)
    over = {"ends": callers.ends, "calls": callers.calls, "held": callers.held, "late_seconds": callers.late_seconds}
    _say(json.dumps({"over": over}))


if __name__ == "__main__":
    uvloop.run(main())
