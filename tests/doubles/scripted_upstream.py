"""A provider that speaks OpenAI's chat API on a real socket and misbehaves as it is told; keeps its own invoice.

It imports nothing of the product. `python scripted_upstream.py` prints one line, `PORT CONTROL_PORT`, and serves on
127.0.0.1. The control port takes `PUT /script` (a Script as JSON) and answers `GET /seen` (requests and invoice).
"""

import argparse
import asyncio
import gzip
import json
import socket
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any

WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]


@dataclass
class Behaviour:
    """How calls are answered. `kind` is a key of ANY_KINDS, PLAIN_KINDS or STREAM_KINDS; a plain call is answered well
    where the kind is one of streams, and the other way round. `status` and `error` shape the kind `status`.

    `times` > 0: only so many calls behave so, later ones are answered well. Durations are in seconds.
    """

    kind: str = "ok"
    status: int = 500
    error: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    tokens: int = 5
    before_tokens: int = 2
    pace: float = 0.0
    delay: float = 0.0
    text: str = ""
    times: int = 0
    only: str = ""
    """`stream` or `plain`: only these calls behave so."""


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


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def key(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass
class Bill:
    """One line of the invoice. `output_tokens` are those whose bytes were sent; `reported`: usage was sent too."""

    key: str
    model: str
    stream: bool
    kind: str
    input_tokens: int
    output_tokens: int = 0
    reported: bool = False
    whole: bool = False
    at: float = 0.0


class Connection:
    """One client connection, with the ways to end it that a proper server does not offer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def read_request(self) -> Request | None:
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {line.split(":", 1)[0].lower(): line.split(":", 1)[1].strip() for line in lines if ":" in line}
        length = int(headers.get("content-length", "0"))
        body = await self.reader.readexactly(length) if length else await self._chunked(headers)
        return Request(method, path, headers, body)

    async def _chunked(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return b""
        body = b""
        while size := int((await self.reader.readline()).split(b";")[0], 16):
            body += await self.reader.readexactly(size)
            await self.reader.readline()
        await self.reader.readline()
        return body

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, status: int, headers: dict[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
        await self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    async def whole(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        given = {"content-type": "application/json", "content-length": str(len(body))} | (headers or {})
        await self.head(status, given)
        await self.send(body)

    async def chunk(self, data: bytes) -> None:
        await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def reset(self) -> None:
        """End by TCP reset."""
        sock: socket.socket | None = self.writer.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def until_closed(self) -> None:
        while await self.reader.read(65536):
            pass


def error_body(status: int, error: dict[str, Any]) -> bytes:
    """The shape of an OpenAI error. Source: platform.openai.com, API reference, error codes."""
    given = {"message": f"scripted {status}", "type": "server_error", "param": None, "code": None}
    return json.dumps({"error": given | error}).encode()


class Upstream:
    def __init__(self) -> None:
        self.script = Script()
        self.seen: list[dict[str, Any]] = []
        self.invoice: list[Bill] = []
        self.connections = 0
        self.server: asyncio.Server | None = None
        self.port = 0
        self.open: set[asyncio.StreamWriter] = set()

    async def listen(self) -> None:
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port, limit=2**26)
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
        return await act(connection, behaviour, asked, bill)

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


def prompt_tokens(asked: dict[str, Any]) -> int:
    return sum(len(str(message.get("content", "")).split()) for message in asked.get("messages", []))


def words_of(behaviour: Behaviour) -> list[str]:
    if behaviour.text:
        return [word + " " for word in behaviour.text.split(" ")]
    return [WORDS[number % len(WORDS)] + " " for number in range(behaviour.tokens)]


def usage_of(bill: Bill) -> dict[str, int]:
    total = bill.input_tokens + bill.output_tokens
    return {"prompt_tokens": bill.input_tokens, "completion_tokens": bill.output_tokens, "total_tokens": total}


def completion(behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bytes:
    words = words_of(behaviour)
    bill.output_tokens, bill.reported = len(words), True
    message = {"role": "assistant", "content": "".join(words).strip()}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    head = {"id": "chatcmpl-scripted", "object": "chat.completion", "created": 1, "model": asked.get("model")}
    return json.dumps(head | {"choices": [choice], "usage": usage_of(bill), "scripted_extra": {"kept": True}}).encode()


def event(asked: dict[str, Any], choices: list[dict[str, Any]], **more: Any) -> bytes:
    head = {"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": 1, "model": asked.get("model")}
    return b"data: " + json.dumps(head | {"choices": choices} | more).encode() + b"\n\n"


def delta(asked: dict[str, Any], content: dict[str, Any], finish: str | None = None) -> bytes:
    return event(asked, [{"index": 0, "delta": content, "finish_reason": finish}])


Act = Callable[[Connection, Behaviour, dict[str, Any], Bill], Awaitable[bool]]


async def ok_plain(connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bool:
    await connection.whole(200, completion(behaviour, asked, bill), behaviour.headers)
    bill.whole = True
    return True


async def begin_stream(connection: Connection, behaviour: Behaviour) -> None:
    given = {"content-type": "text/event-stream", "transfer-encoding": "chunked"} | behaviour.headers
    await connection.head(200, given)


async def say(connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill, count: int) -> None:
    for word in words_of(behaviour)[:count]:
        if behaviour.pace:
            await asyncio.sleep(behaviour.pace)
        await connection.chunk(delta(asked, {"content": word}))
        bill.output_tokens += 1


async def role_first(connection: Connection, behaviour: Behaviour, asked: dict[str, Any]) -> None:
    await begin_stream(connection, behaviour)
    await connection.chunk(delta(asked, {"role": "assistant", "content": ""}))


async def finish(connection: Connection, asked: dict[str, Any], bill: Bill, *, done: bool = True) -> None:
    await connection.chunk(delta(asked, {}, "stop"))
    if (asked.get("stream_options") or {}).get("include_usage"):
        bill.reported = True
        await connection.chunk(event(asked, [], usage=usage_of(bill)))
    if done:
        await connection.chunk(b"data: [DONE]\n\n")
    await connection.send(b"0\r\n\r\n")
    bill.whole = True


async def ok_stream(connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bool:
    await role_first(connection, behaviour, asked)
    await say(connection, behaviour, asked, bill, behaviour.tokens if not behaviour.text else 10**6)
    await finish(connection, asked, bill)
    return True


async def no_done(connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bool:
    await role_first(connection, behaviour, asked)
    await say(connection, behaviour, asked, bill, behaviour.tokens)
    await finish(connection, asked, bill, done=False)
    return True


async def status(connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bool:
    await connection.whole(behaviour.status, error_body(behaviour.status, behaviour.error), behaviour.headers)
    return True


async def refuse_stream_options(
    connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill
) -> bool:
    if "stream_options" in asked:
        error = {"message": "Unrecognized request argument supplied: stream_options", "param": "stream_options"}
        await connection.whole(400, error_body(400, error | {"type": "invalid_request_error"}))
        return True
    return await (ok_stream if asked.get("stream") else ok_plain)(connection, behaviour, asked, bill)


async def hang(connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bool:
    await connection.until_closed()
    return False


async def reset(connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bool:
    connection.reset()
    return False


async def cut_head(connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bool:
    await connection.send(b"HTTP/1.1 200 Scri")
    return False


async def cut_body(connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bool:
    body = completion(behaviour, asked, bill)
    bill.reported = False
    await connection.head(200, {"content-type": "application/json", "content-length": str(len(body))})
    await connection.send(body[: len(body) // 2])
    return False


async def html(connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bool:
    await connection.whole(200, b"<html><body>Welcome</body></html>", {"content-type": "text/html"})
    return True


async def empty(connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bool:
    await connection.whole(200, b"")
    return True


async def garbage(connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bool:
    await connection.whole(200, b'{"choices": [', {"content-type": "application/json"})
    return True


async def error_in_200(connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bool:
    await connection.whole(200, error_body(200, behaviour.error))
    return True


async def redirect(connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bool:
    await connection.whole(302, b"", {"location": "http://169.254.169.254/latest/meta-data"})
    return True


BOMB = gzip.compress(b" " * 2**26, compresslevel=1, mtime=0)
"""64 MiB once it is inflated; made before the first call, so that only the answer counts."""


async def bomb(connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bool:
    await connection.whole(200, BOMB, {"content-encoding": "gzip"})
    return True


async def error_first(connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bool:
    await role_first(connection, behaviour, asked)
    await connection.chunk(b"data: " + error_body(500, behaviour.error) + b"\n\n")
    await connection.send(b"0\r\n\r\n")
    return True


async def error_after(connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bool:
    await role_first(connection, behaviour, asked)
    await say(connection, behaviour, asked, bill, behaviour.before_tokens)
    await connection.chunk(b"data: " + error_body(500, behaviour.error) + b"\n\n")
    await connection.send(b"0\r\n\r\n")
    return True


async def cut_before(connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bool:
    await role_first(connection, behaviour, asked)
    return False


async def cut_after(connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bool:
    await role_first(connection, behaviour, asked)
    await say(connection, behaviour, asked, bill, behaviour.before_tokens)
    return False


async def end_after(connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bool:
    """A clean end of the body in the middle of the answer: HTTP calls it whole, the protocol does not."""
    await role_first(connection, behaviour, asked)
    await say(connection, behaviour, asked, bill, behaviour.before_tokens)
    await connection.send(b"0\r\n\r\n")
    return True


async def reset_after(connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bool:
    await role_first(connection, behaviour, asked)
    await say(connection, behaviour, asked, bill, behaviour.before_tokens)
    connection.reset()
    return False


async def stall_before(connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bool:
    await role_first(connection, behaviour, asked)
    await connection.until_closed()
    return False


async def stall_after(connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bool:
    await role_first(connection, behaviour, asked)
    await say(connection, behaviour, asked, bill, behaviour.before_tokens)
    await connection.until_closed()
    return False


async def long_line(connection: Connection, behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bool:
    await begin_stream(connection, behaviour)
    await connection.chunk(b"data: " + b"x" * (2**20 + 1))
    await connection.until_closed()
    return False


PLAIN_KINDS: dict[str, Act] = {"ok": ok_plain, "cut_body": cut_body}
STREAM_KINDS: dict[str, Act] = {
    "ok": ok_stream,
    "no_done": no_done,
    "error_first": error_first,
    "error_after": error_after,
    "cut_before": cut_before,
    "cut_after": cut_after,
    "end_after": end_after,
    "reset_after": reset_after,
    "stall_before": stall_before,
    "stall_after": stall_after,
    "long_line": long_line,
}
ANY_KINDS: dict[str, Act] = {
    "status": status,
    "refuse_stream_options": refuse_stream_options,
    "hang": hang,
    "reset": reset,
    "cut_head": cut_head,
    "html": html,
    "empty": empty,
    "garbage": garbage,
    "error_in_200": error_in_200,
    "redirect": redirect,
    "bomb": bomb,
}


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
    upstream = Upstream()
    upstream.port = parser.parse_args().port
    await upstream.listen()
    steering = await asyncio.start_server(lambda r, w: control(upstream, r, w), "127.0.0.1", 0)
    sys.stdout.write(f"{upstream.port} {steering.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
