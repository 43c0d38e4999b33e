"""A provider that speaks OpenAI's chat API on a real socket and misbehaves as it is told; keeps its own invoice.

It imports nothing of the product. `python -m doubles.scripted_upstream` prints one line, `PORT CONTROL_PORT`, and
serves on 127.0.0.1, or on `--host`. The control port, on 127.0.0.1, takes `PUT /script` (a Script as JSON) and answers
`GET /seen` (requests and invoice).
"""

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from doubles.scripted_kinds import ANY_KINDS, PLAIN_KINDS, STREAM_KINDS
from doubles.scripted_texts import Behaviour, Bill, prompt_tokens
from doubles.scripted_wire import Connection, Request


@dataclass
class Script:
    """What the provider does now. `keys` overrides the behaviour for one API key. `down`: nothing listens."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    keys: dict[str, Behaviour] = field(default_factory=dict)
    models_status: int = 200
    down: bool = False

    @classmethod
    def of(cls, content: dict[str, Any]) -> "Script":
        return cls(
            behaviour=Behaviour(**content.get("behaviour", {})),
            keys={key: Behaviour(**each) for key, each in content.get("keys", {}).items()},
            models_status=content.get("models_status", 200),
            down=content.get("down", False),
        )


class Upstream:
    def __init__(self, host: str, port: int) -> None:
        """`port` 0: whichever is free; it stays the same over an outage."""
        self.host, self.port = host, port
        self.script = Script()
        self.seen: list[dict[str, Any]] = []
        self.invoice: list[Bill] = []
        self.connections = 0
        self.server: asyncio.Server | None = None
        self.open: set[asyncio.StreamWriter] = set()

    async def listen(self) -> None:
        self.server = await asyncio.start_server(self.serve, self.host, self.port, limit=2**26)
        self.port = self.server.sockets[0].getsockname()[1]

    async def go_down(self) -> None:
        if self.server is not None:
            self.server.close()
            self.server = None
        for writer in list(self.open):
            writer.transport.abort()

    async def obey(self, script: Script) -> None:
        self.script = script
        if script.down:
            await self.go_down()
        elif self.server is None:
            await self.listen()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        self.connections += 1
        self.open.add(writer)
        try:
            if self.script.behaviour.kind == "reset_on_accept":
                connection.reset()
                return
            while (request := await connection.read_request()) is not None:
                if not await self.answer(connection, request):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open.discard(writer)
            writer.close()

    async def answer(self, connection: Connection, request: Request) -> bool:
        """Answer one request; return whether the connection goes on."""
        self.note(request)
        if request.path.endswith("/models") and request.method == "GET":
            return await self.list_models(connection)
        asked = json.loads(request.body)
        stream = bool(asked.get("stream"))
        behaviour = self.behaviour_of(request.key, stream)
        bill = Bill(request.key, asked.get("model", ""), stream, behaviour.kind, prompt_tokens(asked), at=time.time())
        self.invoice.append(bill)
        if behaviour.delay:
            await asyncio.sleep(behaviour.delay)
        kinds = ANY_KINDS | (STREAM_KINDS if stream else PLAIN_KINDS)
        act = kinds.get(behaviour.kind, kinds["ok"])
        try:
            return await act(connection, behaviour, asked, bill)
        except ConnectionError:
            bill.cut_at = time.monotonic()
            raise

    async def list_models(self, connection: Connection) -> bool:
        kind = self.script.behaviour.kind
        if kind in ("hang", "reset"):
            return await ANY_KINDS[kind](connection, self.script.behaviour, {}, Bill("", "", False, kind, 0))
        body = json.dumps({"object": "list", "data": [{"id": "scripted", "object": "model"}]}).encode()
        await connection.whole(self.script.models_status, body)
        return True

    def note(self, request: Request) -> None:
        seen = {"method": request.method, "path": request.path, "headers": request.headers, "at": time.time()}
        self.seen.append(seen | {"body": request.body.decode("utf-8", "replace")})

    def behaviour_of(self, key: str, stream: bool) -> Behaviour:
        behaviour = self.script.keys.get(key, self.script.behaviour)
        if behaviour.only and behaviour.only != ("stream" if stream else "plain"):
            return Behaviour(tokens=behaviour.tokens, pace=behaviour.pace)
        if behaviour.times < 0:
            return Behaviour(tokens=behaviour.tokens)
        if behaviour.times > 0:
            behaviour.times = behaviour.times - 1 or -1
        return behaviour


async def control(upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    connection = Connection(reader, writer)
    while (request := await connection.read_request()) is not None:
        if request.method == "PUT":
            await upstream.obey(Script.of(json.loads(request.body)))
            await connection.whole(200, b"{}")
        else:
            invoice = [asdict(bill) for bill in upstream.invoice]
            seen = {"requests": upstream.seen, "invoice": invoice, "connections": upstream.connections}
            await connection.whole(200, json.dumps(seen).encode())
    writer.close()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--host", default="127.0.0.1")
    given = parser.parse_args()
    upstream = Upstream(given.host, given.port)
    await upstream.listen()
    steering = await asyncio.start_server(lambda r, w: control(upstream, r, w), "127.0.0.1", 0)
    sys.stdout.write(f"{upstream.port} {steering.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
