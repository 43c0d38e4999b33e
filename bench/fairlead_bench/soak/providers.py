"""A provider of a soak: a scripted one that keeps nothing of what it was sent.

`python -m fairlead_bench.soak.providers NAME` prints `PORT CONTROL_PORT`. The control port takes a Script as JSON. Each
provider is a process of its own, so that one that is busy failing does not make the others slow.
"""

import asyncio
import contextlib
import json
import sys
from dataclasses import replace
from itertools import count

import uvloop
from doubles.invoice import Line
from doubles.scripted.behaviour import Behaviour, Bill
from doubles.scripted.script import Script
from doubles.scripted.turn import Place, Question
from doubles.scripted.wire import Connection, Request
from doubles.scripted_upstream import Upstream

WORDS = 12
LONG_WORDS = 600
LONG_ONES = 50
"""One call of so many is answered at length: enough to fill a slow reader's buffers."""
PACED_ONES, PACE_SECONDS = 10, 0.002
"""One call of so many gets its words one by one, the others all at once: callers and providers share the cores."""


class _Uncollected(list[Bill]):
    """Bills that are not kept: a soak has more calls than a list of them may hold."""

    def append(self, bill: Bill) -> None:
        return


class Provider(Upstream):
    """Says in every word who it is and how far it has come, so that nothing can go missing unseen."""

    def __init__(self, name: str) -> None:
        super().__init__("127.0.0.1", 0)
        self._name = name
        self._calls = count(1)
        self.bills = _Uncollected()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A caller that is gone is no news here; uvloop calls it a RuntimeError."""
        with contextlib.suppress(RuntimeError):
            await super().serve(reader, writer)

    def note(self, request: Request) -> None:
        return

    async def answer_call(self, connection: Connection, request: Request, place: Place) -> bool:
        """As the scripted provider does, but without an invoice."""
        return await self.take_up(connection, request, place, Line(0, 0.0, place.dialect, place.vendor, "", "", False))

    def behaviour_of(self, key: str, question: Question) -> Behaviour:
        behaviour = super().behaviour_of(key, question)
        number = next(self._calls)
        text = text_of(self._name, WORDS if number % LONG_ONES else LONG_WORDS)
        pace = behaviour.pace or (PACE_SECONDS if number % PACED_ONES == 1 else 0.0)
        return replace(behaviour, text=text, pace=pace)


def text_of(name: str, words: int) -> str:
    """Return an answer: its words are numbered, and the last one is `NAME-end`."""
    return " ".join([*(f"{name}-{number}" for number in range(1, words)), f"{name}-end"])


async def _control(provider: Provider, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    connection = Connection(reader, writer)
    while (request := await connection.read_request()) is not None:
        await provider.obey(Script.of(json.loads(request.body)))
        await connection.whole(200, b"{}")
    writer.close()


async def main(name: str) -> None:
    provider = Provider(name)
    await provider.listen()
    steering = await asyncio.start_server(lambda r, w: _control(provider, r, w), "127.0.0.1", 0)
    print(provider.port, steering.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
