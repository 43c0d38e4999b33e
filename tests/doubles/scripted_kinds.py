"""The ways in which the scripted provider answers a call: well, and wrong in every manner that callers fear."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from typing import Any

from doubles.scripted_texts import Behaviour, Bill, completion, delta, error_body, event, usage_of, words_of
from doubles.scripted_wire import Connection

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
