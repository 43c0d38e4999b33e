"""A provider that counts each call differently, and keeps the invoice of what it sent.

`python -m fairlead_bench.billing.providers NAME SEED` prints `PORT CONTROL_PORT`. The control port takes `PUT /script`
and answers `GET /invoice`. A word is three letters and a space: one token here, and what an estimate takes for one.
"""

import asyncio
import contextlib
import sys
from dataclasses import replace
from random import Random

from doubles.scripted.behaviour import Behaviour, Bill
from doubles.scripted.turn import Question
from doubles.scripted.wire import Request
from doubles.scripted_upstream import Upstream, control

WORDS = ("fox", "jug", "elm", "bay", "sun", "oak", "ice", "rye")
SHORT, LONG = (5, 40), (200, 500)
LONG_ONES = 0.05
"""Share of the answers that are long."""
PACED_ONES, PACE_SECONDS = 0.3, 0.01
"""Share of the answers that come word by word, so that whoever leaves early leaves in the middle."""
CACHED_ONES, WRITTEN_ONES, REASONING_ONES = 0.3, 0.15, 0.2
ZERO_ONES, ABSENT_ONES = 0.03, 0.06
"""Shares of the answers that tell 0 of every kind, or nothing of tokens."""


class _Uncollected(list[Bill]):
    """What was meant is of no interest here, only what was sent."""

    def append(self, bill: Bill) -> None:
        return


class Provider(Upstream):
    """Draws for each call how long its answer is, how its tokens divide, and whether it tells them."""

    def __init__(self, seed: str) -> None:
        super().__init__("127.0.0.1", 0)
        self._rng = Random(seed)
        self.bills = _Uncollected()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await super().serve(reader, writer)

    def note(self, request: Request) -> None:
        return

    def behaviour_of(self, key: str, question: Question) -> Behaviour:
        rng, behaviour = self._rng, super().behaviour_of(key, question)
        words = rng.randint(*(LONG if rng.random() < LONG_ONES else SHORT))
        prompt = question.prompt_tokens
        cached = rng.randint(1, prompt // 2) if rng.random() < CACHED_ONES else 0
        written = rng.randint(1, prompt // 4) if rng.random() < WRITTEN_ONES else 0
        long = rng.randint(1, prompt // 8) if rng.random() < WRITTEN_ONES else 0
        drawn = rng.random()
        return replace(
            behaviour,
            text=" ".join(rng.choice(WORDS) for _ in range(words)),
            pace=behaviour.pace or (PACE_SECONDS if rng.random() < PACED_ONES else 0.0),
            input_tokens=prompt - cached - written - long,
            cached_tokens=cached,
            cache_write_tokens=written,
            cache_write_long_tokens=long,
            reasoning_tokens=rng.randint(1, 40) if rng.random() < REASONING_ONES else 0,
            usage="zero" if drawn < ZERO_ONES else "absent" if drawn < ZERO_ONES + ABSENT_ONES else "told",
        )


async def main(name: str, seed: str) -> None:
    provider = Provider(f"{name}-{seed}")
    await provider.listen()
    steering = await asyncio.start_server(lambda r, w: control(provider, r, w), "127.0.0.1", 0)
    print(provider.port, steering.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
