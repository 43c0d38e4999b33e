"""The providers of a soak, in one process: scripted ones that count what they were sent instead of keeping it.

`python -m fairlead_bench.soak.providers NAME…` prints one line of JSON, `{"control": PORT, "ports": {NAME: PORT}}`. The
control port takes `PUT /NAME` (a Script as JSON).
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import uvloop
from doubles.scripted.behaviour import Behaviour, Bill
from doubles.scripted.script import Script
from doubles.scripted.wire import Connection, Request
from doubles.scripted_upstream import Upstream

WORDS = 12
LONG_WORDS = 600
LONG_ONES = 50
"""One call of so many is answered at length: enough to fill a slow reader's buffers."""
PACE_SECONDS = 0.002


class _Uncollected(list[Bill]):
    """An invoice that is not kept: a soak has more calls than a list of them may hold."""

    def append(self, bill: Bill) -> None:
        return


class Provider(Upstream):
    """Says in every word who it is and how far it has come, so that nothing can go missing unseen."""

    def __init__(self, name: str) -> None:
        super().__init__("127.0.0.1", 0)
        self._name = name
        self._calls = count(1)
        self.invoice = _Uncollected()

    def note(self, request: Request) -> None:
        return

    def behaviour_of(self, key: str, stream: bool) -> Behaviour:
        behaviour = super().behaviour_of(key, stream)
        is_long = next(self._calls) % LONG_ONES == 0
        text = text_of(self._name, LONG_WORDS if is_long else WORDS)
        pace = behaviour.pace or (0.0 if is_long else PACE_SECONDS)
        return replace(behaviour, text=text, pace=pace)


def text_of(name: str, words: int) -> str:
    """Return an answer: its words are numbered, and the last one is `NAME-end`."""
    return " ".join([*(f"{name}-{number}" for number in range(1, words)), f"{name}-end"])


async def _control(providers: dict[str, Provider], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    connection = Connection(reader, writer)
    while (request := await connection.read_request()) is not None:
        await providers[request.place.removeprefix("/")].obey(Script.of(json.loads(request.body)))
        await connection.whole(200, b"{}")
    writer.close()


async def main(names: Sequence[str]) -> None:
    providers = {name: Provider(name) for name in names}
    for provider in providers.values():
        await provider.listen()
    steering = await asyncio.start_server(lambda r, w: _control(providers, r, w), "127.0.0.1", 0)
    ports = {name: provider.port for name, provider in providers.items()}
    print(json.dumps({"control": steering.sockets[0].getsockname()[1], "ports": ports}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1:]))
