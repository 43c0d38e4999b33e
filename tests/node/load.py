"""A steady stream of calls, for as long as a test disturbs what answers them."""

import asyncio
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Self

import aiohttp
from fence.stage_canaries import PROMPT
from node.fleet import Fleet


@dataclass(slots=True)
class Load:
    """A context manager: inside it, calls go out at a steady rate, over connections that are kept as SDKs keep them."""

    fleet: Fleet
    per_second: float
    answered: int = 0
    failures: list[str] = field(default_factory=list)
    """What became of each call that was not answered with 200."""
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=asyncio.run, args=(self._run(),), name="load")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    async def _run(self) -> None:
        begun = time.monotonic()
        sent = 0
        async with aiohttp.ClientSession(trust_env=False) as session, asyncio.TaskGroup() as group:
            while not self._ended.is_set():
                # By the clock and not by a pause after each call: a slow answer does not slow the callers.
                while sent < (time.monotonic() - begun) * self.per_second:
                    group.create_task(self._call(session))
                    sent += 1
                await asyncio.sleep(0.5 / self.per_second)

    async def _call(self, session: aiohttp.ClientSession) -> None:
        body = {"model": "smart", "messages": [{"role": "user", "content": PROMPT}]}
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.fleet.key}"}
        url = f"http://{self.fleet.address}/v1/chat/completions"
        try:
            timeout = aiohttp.ClientTimeout(total=20)
            async with session.post(url, data=json.dumps(body), headers=headers, timeout=timeout) as answer:
                text = await answer.text()
                if answer.status == 200:
                    self.answered += 1
                else:
                    self.failures.append(f"{answer.status} {text[:200]}")
        except (aiohttp.ClientError, OSError) as error:
            self.failures.append(repr(error))
