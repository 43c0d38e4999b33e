"""A provider that speaks every vendor's dialect on a real socket and misbehaves as it is told; keeps its own invoice.

It imports nothing of the product. `python -m doubles.scripted_upstream` prints one line, `PORT CONTROL_PORT`, and
serves on 127.0.0.1, or on `--host`. The control port, on 127.0.0.1, takes `PUT /script` (a Script as JSON), answers
`GET /seen` (requests, and how each call was meant to be answered) and `GET /invoice` (lines of what was really sent;
`?tag=` for those of one call).
"""

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict, replace
from typing import Any

from doubles.invoice import Invoice, Line
from doubles.scripted.answers import answer
from doubles.scripted.behaviour import Behaviour, Bill
from doubles.scripted.credentials import check_credential
from doubles.scripted.dialects import DIALECTS
from doubles.scripted.kinds import ANY_KINDS, PLAIN_KINDS, STREAM_KINDS, hang, reset
from doubles.scripted.model_lists import is_model_list, model_list
from doubles.scripted.places import dialect_near, place_of
from doubles.scripted.script import Script
from doubles.scripted.tokens import Tokens as TokenEndpoints
from doubles.scripted.tokens import is_token_endpoint
from doubles.scripted.turn import Place, Question, Turn, Unfit
from doubles.scripted.wire import Connection, Request
from doubles.vendor_counts import Tokens


class Upstream:
    def __init__(self, host: str, port: int) -> None:
        """`port` 0: whichever is free; it stays the same over an outage."""
        self.host, self.port = host, port
        self.script = Script()
        self.tokens = TokenEndpoints()
        self.seen: list[dict[str, Any]] = []
        self.bills: list[Bill] = []
        self.invoice = Invoice()
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
        if is_model_list(request):
            return await self.list_models(connection, request)
        if is_token_endpoint(request):
            status, body = self.tokens.answer(request, self.script, time.time())
            await connection.whole(status, body)
            return True
        try:
            place = place_of(request) if request.method == "POST" else None
            if place is None:
                raise Unfit(f"Nothing stands at {request.method} {request.place}", 404)
        except Unfit as unfit:
            headers, body = DIALECTS[dialect_near(request.place)].speaker.error(unfit.http_status, unfit.error)
            await connection.whole(unfit.http_status, body, headers)
            return True
        return await self.answer_call(connection, request, place)

    async def answer_call(self, connection: Connection, request: Request, place: Place) -> bool:
        """Answer a call, and settle its line of the invoice by the bytes that went out."""
        line = self.open_line(request, place)
        with connection.recording() as sent:
            try:
                return await self.take_up(connection, request, place, line)
            finally:
                line.settle(b"".join(sent), time.time())

    async def take_up(self, connection: Connection, request: Request, place: Place, line: Line) -> bool:
        dialect = DIALECTS[place.dialect]
        try:
            check_credential(place, request, self.script, self.tokens, time.time())
            question = self.read(place, request)
        except Unfit as unfit:
            told = str(unfit)
            bill = Bill(request.key, place.model, bool(place.stream), "refused", 0, at=time.time(), refused=told)
            bill.dialect = place.dialect
            self.bills.append(bill)
            headers, body = dialect.speaker.error(unfit.http_status, unfit.error)
            await connection.whole(unfit.http_status, body, headers)
            return True
        behaviour = self.behaviour_of(request.key, question)
        bill = self.bill(request, place, question, behaviour)
        if behaviour.delay:
            await asyncio.sleep(behaviour.delay)
        self.fill_in(line, question, bill, behaviour)
        speaker = dialect.speaker(Turn(behaviour, question, bill, line, *answer(behaviour, question)))
        kinds = ANY_KINDS | (STREAM_KINDS if question.stream else PLAIN_KINDS)
        act = kinds.get(behaviour.kind, kinds["ok"])
        try:
            return await act(connection, speaker)
        except ConnectionError:
            bill.cut_at = time.monotonic()
            raise

    def read(self, place: Place, request: Request) -> Question:
        """Return what a request says; raise Unfit where its vendor would not take it."""
        try:
            asked = json.loads(request.body)
        except (ValueError, RecursionError):
            asked = None
        if not isinstance(asked, dict):
            raise Unfit("We could not parse the JSON body of your request.")
        try:
            return replace(DIALECTS[place.dialect].read(place, asked), counts=place.counts)
        except Unfit:
            if not self.script.lenient:
                raise
        except (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError) as error:
            # The rules look at what they need only; whatever is of another type than that is refused as well.
            if not self.script.lenient:
                raise Unfit(f"The request is not of the form that the API documents: {error!r}") from error
        stream = bool(asked.get("stream")) if place.stream is None else place.stream
        return Question(asked, place.model or str(asked.get("model", "")), stream, counts=place.counts, sse=place.sse)

    def bill(self, request: Request, place: Place, question: Question, behaviour: Behaviour) -> Bill:
        cached, written, long = (
            behaviour.cached_tokens,
            behaviour.cache_write_tokens,
            behaviour.cache_write_long_tokens,
        )
        bill = Bill(
            request.key,
            question.model,
            question.stream,
            behaviour.kind,
            (behaviour.input_tokens or question.prompt_tokens) + cached + written + long,
            at=time.time(),
            dialect=place.dialect,
            cached_tokens=cached,
            cache_write_tokens=written,
            cache_write_long_tokens=long,
            media=question.media,
        )
        self.bills.append(bill)
        return bill

    def open_line(self, request: Request, place: Place) -> Line:
        return self.invoice.open(
            time.time(),
            place.dialect,
            place.vendor,
            key=request.key,
            body=request.body,
            model=place.model,
            stream=bool(place.stream),
            request_id=request.headers.get("x-request-id", ""),
        )

    def fill_in(self, line: Line, question: Question, bill: Bill, behaviour: Behaviour) -> None:
        """Write down what the vendor knows of a call besides what its answer's bytes say."""
        line.model, line.stream, line.counts = question.model, question.stream, question.counts
        cached, written, long = bill.cached_tokens, bill.cache_write_tokens, bill.cache_write_long_tokens
        line.asked = Tokens(bill.input_tokens - cached - written - long, cached, written, long)
        line.hidden = behaviour.reasoning_tokens

    async def list_models(self, connection: Connection, request: Request) -> bool:
        kind = self.script.behaviour.kind
        if kind in ("hang", "reset"):
            return await (hang if kind == "hang" else reset)(connection)
        await connection.whole(self.script.models_status, model_list(request))
        return True

    def note(self, request: Request) -> None:
        seen = {"method": request.method, "path": request.path, "headers": request.headers, "at": time.time()}
        self.seen.append(seen | {"body": request.body.decode("utf-8", "replace")})

    def behaviour_of(self, key: str, question: Question) -> Behaviour:
        behaviour = self.script.keys.get(key, self.script.behaviour)
        if behaviour.only and behaviour.only != ("stream" if question.stream else "plain"):
            return behaviour.well(pace=behaviour.pace)
        if behaviour.times < 0:
            return behaviour.well()
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
            await connection.whole(200, json.dumps(told_of(upstream, request)).encode())
    writer.close()


def told_of(upstream: Upstream, request: Request) -> Any:
    if request.place == "/invoice":
        tag = request.query.get("tag")
        return [asdict(line) for line in upstream.invoice.lines if tag in (None, line.tag)]
    bills = [asdict(bill) for bill in upstream.bills]
    return {"requests": upstream.seen, "invoice": bills, "connections": upstream.connections}


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
