"""The scripted provider says its answer as its protocol has it, whole or as a stream, and to its end.

All of it is a Speaker's wording; what goes wrong in between stands in kinds.py.
"""

import asyncio
from collections.abc import Iterator

from doubles.scripted.turn import Frame, Speaker
from doubles.scripted.wire import Connection

ALL = 10**6
LAST_CHUNK = b"0\r\n\r\n"


async def ok_plain(connection: Connection, speaker: Speaker) -> bool:
    await connection.whole(200, speaker.plain(), speaker.turn.behaviour.headers)
    speaker.bill.whole = True
    return True


async def begin_stream(connection: Connection, speaker: Speaker) -> None:
    given = {"content-type": speaker.stream_type, "transfer-encoding": "chunked"} | speaker.turn.behaviour.headers
    await connection.head(200, given)


async def say(connection: Connection, speaker: Speaker, frames: Iterator[Frame], count: int) -> None:
    """Send frames until they have brought so many tokens; with 0, only those that come before the first token."""
    sent = 0
    for frame in frames:
        if frame.tokens and sent >= count:
            return
        if frame.tokens and speaker.turn.behaviour.pace:
            await asyncio.sleep(speaker.turn.behaviour.pace)
        await connection.chunk(frame.data)
        speaker.turn.book(frame.tokens, thought=frame.thought)
        sent += frame.tokens
        if sent >= count > 0:
            return


async def begin_and_say(connection: Connection, speaker: Speaker, count: int) -> None:
    await begin_stream(connection, speaker)
    await say(connection, speaker, speaker.frames(), count)


async def finish(connection: Connection, speaker: Speaker, *, done: bool = True) -> None:
    for data in speaker.end(done=done):
        await connection.chunk(data)
    await connection.send(LAST_CHUNK)
    speaker.bill.whole = True


async def ok_stream(connection: Connection, speaker: Speaker) -> bool:
    await begin_and_say(connection, speaker, ALL)
    await finish(connection, speaker)
    return True


async def well(connection: Connection, speaker: Speaker) -> bool:
    return await (ok_stream if speaker.turn.question.stream else ok_plain)(connection, speaker)
