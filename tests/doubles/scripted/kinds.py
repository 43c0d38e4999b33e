"""The ways in which the scripted provider answers a call: well, and wrong in every manner that callers fear.

None of them knows a dialect: a Speaker words what they send. Each returns whether the connection goes on.
"""

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from dataclasses import replace

from doubles.scripted.saying import (
    ALL,
    LAST_CHUNK,
    begin_and_say,
    begin_stream,
    finish,
    ok_plain,
    ok_stream,
    say,
    well,
)
from doubles.scripted.turn import Speaker
from doubles.scripted.wire import Connection
from doubles.vendor_failures import VENDOR_FAILURES

Act = Callable[[Connection, Speaker], Awaitable[bool]]

SLIVER_BYTES = 7


async def no_done(connection: Connection, speaker: Speaker) -> bool:
    await begin_and_say(connection, speaker, ALL)
    await finish(connection, speaker, done=False)
    return True


async def status(connection: Connection, speaker: Speaker) -> bool:
    behaviour = speaker.turn.behaviour
    headers, body = speaker.error(behaviour.status, behaviour.error)
    await connection.whole(behaviour.status, body, headers | behaviour.headers)
    return True


async def vendor(connection: Connection, speaker: Speaker) -> bool:
    """Answer as a vendor's document says that it does."""
    failure = VENDOR_FAILURES[speaker.turn.behaviour.vendor]
    if not failure.frames:
        await connection.whole(failure.status, failure.body, failure.headers)
        return True
    await connection.head(failure.status, failure.headers | {"transfer-encoding": "chunked"})
    for frame in failure.frames:
        await connection.chunk(frame)
    await connection.send(LAST_CHUNK)
    return True


async def refuse_stream_options(connection: Connection, speaker: Speaker) -> bool:
    if "stream_options" in speaker.turn.question.asked:
        error = {"message": "Unrecognized request argument supplied: stream_options", "param": "stream_options"}
        await connection.whole(400, speaker.error(400, error | {"type": "invalid_request_error"})[1])
        return True
    return await well(connection, speaker)


async def hang(connection: Connection, speaker: Speaker | None = None) -> bool:
    await connection.until_closed()
    return False


async def reset(connection: Connection, speaker: Speaker | None = None) -> bool:
    connection.reset()
    return False


async def cut_head(connection: Connection, speaker: Speaker) -> bool:
    await connection.send(b"HTTP/1.1 200 Scri")
    return False


async def reset_in_head(connection: Connection, speaker: Speaker) -> bool:
    await connection.send(b"HTTP/1.1 200 Scri")
    connection.reset()
    return False


async def reset_after_head(connection: Connection, speaker: Speaker) -> bool:
    if speaker.turn.question.stream:
        await begin_stream(connection, speaker)
    else:
        await connection.head(200, {"content-type": "application/json", "content-length": "1000"})
    connection.reset()
    return False


async def slow_head(connection: Connection, speaker: Speaker) -> bool:
    """Answer well, but send the head byte by byte, `pace` seconds after each other."""
    pace = speaker.turn.behaviour.pace or 0.01
    if speaker.turn.question.stream:
        speaker.turn.behaviour = replace(speaker.turn.behaviour, pace=0.0)
        await connection.head_slowly(
            200, {"content-type": speaker.stream_type, "transfer-encoding": "chunked"}, pace_seconds=pace
        )
        await say(connection, speaker, speaker.frames(), ALL)
        await finish(connection, speaker)
        return True
    body = speaker.plain()
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    await connection.head_slowly(200, headers, pace_seconds=pace)
    await connection.send(body)
    speaker.bill.whole = True
    return True


async def html(connection: Connection, speaker: Speaker) -> bool:
    await connection.whole(200, b"<html><body>Welcome</body></html>", {"content-type": "text/html"})
    return True


async def empty(connection: Connection, speaker: Speaker) -> bool:
    await connection.whole(200, b"")
    return True


async def garbage(connection: Connection, speaker: Speaker) -> bool:
    await connection.whole(200, b'{"choices": [', {"content-type": "application/json"})
    return True


async def wrong_type(connection: Connection, speaker: Speaker) -> bool:
    """Answer well, under a content type that is not the dialect's."""
    behaviour = speaker.turn.behaviour
    speaker.turn.behaviour = replace(behaviour, headers={"content-type": "text/plain"} | behaviour.headers)
    return await well(connection, speaker)


async def trailing(connection: Connection, speaker: Speaker) -> bool:
    """Answer well, and go on talking in the same body after the answer's end."""
    if speaker.turn.question.stream:
        await begin_and_say(connection, speaker, ALL)
        for data in speaker.end():
            await connection.chunk(data)
        await connection.chunk(speaker.garbage_frame())
        await connection.send(LAST_CHUNK)
    else:
        await connection.whole(200, speaker.plain() + b'\n{"more": [')
    speaker.bill.whole = True
    return True


async def unasked(connection: Connection, speaker: Speaker) -> bool:
    """Answer well, and send another answer that nobody asked for."""
    async with connection.in_one_piece():  # else the next request may be under way before it comes
        await well(connection, speaker)
        await connection.whole(200, b'{"unasked": true}')
    return True


async def slivers(connection: Connection, speaker: Speaker) -> bool:
    """Answer well, cut anywhere: each chunk is a few bytes, whatever the frames are."""
    turn = speaker.turn
    given = {"content-type": speaker.stream_type if turn.question.stream else "application/json"}
    await connection.head(200, given | {"transfer-encoding": "chunked"} | turn.behaviour.headers)
    if not turn.question.stream:
        await _cut_up(connection, speaker.plain())
    else:
        for frame in speaker.frames():
            await _cut_up(connection, frame.data)
            turn.book(frame.tokens, thought=frame.thought)
        for data in speaker.end():
            await _cut_up(connection, data)
    await connection.send(LAST_CHUNK)
    turn.bill.whole = True
    return True


async def error_in_200(connection: Connection, speaker: Speaker) -> bool:
    await connection.whole(200, speaker.error(200, speaker.turn.behaviour.error)[1])
    return True


async def redirect(connection: Connection, speaker: Speaker) -> bool:
    await connection.whole(302, b"", {"location": "http://169.254.169.254/latest/meta-data"})
    return True


BOMB = gzip.compress(b" " * 2**26, compresslevel=1, mtime=0)
"""64 MiB once it is inflated; made before the first call, so that only the answer counts."""


APART_SECONDS = 0.1
"""Between what is to arrive in two reads of whoever listens, also on a busy machine."""


async def bomb(connection: Connection, speaker: Speaker) -> bool:
    await connection.whole(200, BOMB, {"content-encoding": "gzip"})
    return True


async def cut_body(connection: Connection, speaker: Speaker) -> bool:
    await _half_a_body(connection, speaker)
    return False


async def reset_in_body(connection: Connection, speaker: Speaker) -> bool:
    await _half_a_body(connection, speaker)
    connection.reset()
    return False


async def stall_in_body(connection: Connection, speaker: Speaker) -> bool:
    await _half_a_body(connection, speaker)
    await connection.until_closed()
    return False


async def error_first(connection: Connection, speaker: Speaker) -> bool:
    return await _error_within(connection, speaker, 0)


async def error_after(connection: Connection, speaker: Speaker) -> bool:
    return await _error_within(connection, speaker, speaker.turn.behaviour.before_tokens)


async def cut_before(connection: Connection, speaker: Speaker) -> bool:
    await begin_and_say(connection, speaker, 0)
    return False


async def cut_after(connection: Connection, speaker: Speaker) -> bool:
    await begin_and_say(connection, speaker, speaker.turn.behaviour.before_tokens)
    return False


async def cut_in_frame(connection: Connection, speaker: Speaker) -> bool:
    """Send some content and half a frame, and end the body cleanly there."""
    frames = speaker.frames()
    await begin_stream(connection, speaker)
    await say(connection, speaker, frames, speaker.turn.behaviour.before_tokens)
    rest = next(frames, None)
    data = rest.data if rest is not None else next(speaker.end())
    await connection.chunk(data[: len(data) // 2])
    await connection.send(LAST_CHUNK)
    return True


async def end_before(connection: Connection, speaker: Speaker) -> bool:
    """A clean end of the body before any content."""
    await begin_and_say(connection, speaker, 0)
    await connection.send(LAST_CHUNK)
    return True


async def end_after(connection: Connection, speaker: Speaker) -> bool:
    """A clean end of the body in the middle of the answer: HTTP calls it whole, the protocol does not."""
    await begin_and_say(connection, speaker, speaker.turn.behaviour.before_tokens)
    await connection.send(LAST_CHUNK)
    return True


async def reset_before(connection: Connection, speaker: Speaker) -> bool:
    await begin_and_say(connection, speaker, 0)
    connection.reset()
    return False


async def reset_after(connection: Connection, speaker: Speaker) -> bool:
    await begin_and_say(connection, speaker, speaker.turn.behaviour.before_tokens)
    connection.reset()
    return False


async def stall_before(connection: Connection, speaker: Speaker) -> bool:
    await begin_and_say(connection, speaker, 0)
    await connection.until_closed()
    return False


async def stall_after(connection: Connection, speaker: Speaker) -> bool:
    await begin_and_say(connection, speaker, speaker.turn.behaviour.before_tokens)
    await connection.until_closed()
    return False


async def garbage_frame(connection: Connection, speaker: Speaker) -> bool:
    """Send some content and a frame that is none, then the rest as if nothing had been."""
    frames = speaker.frames()
    await begin_stream(connection, speaker)
    await say(connection, speaker, frames, speaker.turn.behaviour.before_tokens)
    await connection.chunk(speaker.garbage_frame())
    await say(connection, speaker, frames, ALL)
    await finish(connection, speaker)
    return True


async def long_line(connection: Connection, speaker: Speaker) -> bool:
    await begin_stream(connection, speaker)
    await connection.chunk(speaker.endless_frame())
    await connection.until_closed()
    return False


PLAIN_KINDS: dict[str, Act] = {
    "ok": ok_plain,
    "cut_body": cut_body,
    "reset_in_body": reset_in_body,
    "stall_in_body": stall_in_body,
}
STREAM_KINDS: dict[str, Act] = {
    "ok": ok_stream,
    "no_done": no_done,
    "error_first": error_first,
    "error_after": error_after,
    "cut_before": cut_before,
    "cut_after": cut_after,
    "cut_in_frame": cut_in_frame,
    "end_before": end_before,
    "end_after": end_after,
    "reset_before": reset_before,
    "reset_after": reset_after,
    "stall_before": stall_before,
    "stall_after": stall_after,
    "garbage_frame": garbage_frame,
    "long_line": long_line,
}
ANY_KINDS: dict[str, Act] = {
    "status": status,
    "vendor": vendor,
    "refuse_stream_options": refuse_stream_options,
    "hang": hang,
    "reset": reset,
    "cut_head": cut_head,
    "reset_in_head": reset_in_head,
    "reset_after_head": reset_after_head,
    "slow_head": slow_head,
    "html": html,
    "empty": empty,
    "garbage": garbage,
    "wrong_type": wrong_type,
    "trailing": trailing,
    "unasked": unasked,
    "slivers": slivers,
    "error_in_200": error_in_200,
    "redirect": redirect,
    "bomb": bomb,
}


async def _error_within(connection: Connection, speaker: Speaker, count: int) -> bool:
    await begin_and_say(connection, speaker, count)
    if count:
        # Together in one read, content and error may still lead to a fallback: the caller has seen neither.
        await asyncio.sleep(APART_SECONDS)
    # What a vendor says in the middle of a stream is what it says of a 500.
    await connection.chunk(speaker.error_frame(500, speaker.turn.behaviour.error))
    await connection.send(LAST_CHUNK)
    return True


async def _half_a_body(connection: Connection, speaker: Speaker) -> None:
    body = speaker.plain()
    speaker.bill.reported = False
    await connection.head(200, {"content-type": "application/json", "content-length": str(len(body))})
    await connection.send(body[: len(body) // 2])


async def _cut_up(connection: Connection, data: bytes) -> None:
    for start in range(0, len(data), SLIVER_BYTES):
        await connection.chunk(data[start : start + SLIVER_BYTES])
