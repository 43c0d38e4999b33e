"""A provider with whims: each request names the one by which it is answered, and what it must get for it."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from doubles.raw_server import CHUNKED_END, CHUNKED_HEAD, Peer, answer, chunked

BULK = 400_000
"""What a large request weighs."""

Act = Callable[[Peer, bytes, bool], Awaitable[bool]]


def body_for(name: bytes) -> bytes:
    """Return the body that a call of this name gets, and no other call."""
    return b"<" + name + b">" + name * 40


async def at_length(peer: Peer, name: bytes, again: bool) -> bool:
    await peer.send(answer(body_for(name)))
    return True


async def in_chunks(peer: Peer, name: bytes, again: bool) -> bool:
    body = body_for(name)
    await peer.send(CHUNKED_HEAD)
    for at in range(0, len(body), 50):
        await peer.send(chunked(body[at : at + 50]))
        await asyncio.sleep(0)
    await peer.send(CHUNKED_END)
    return True


async def by_bytes(peer: Peer, name: bytes, again: bool) -> bool:
    for byte in answer(body_for(name)):
        await peer.send(bytes([byte]))
    return True


async def after_interim(peer: Peer, name: bytes, again: bool) -> bool:
    await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\na: b\r\n\r\n")
    return await at_length(peer, name, again)


async def packed(peer: Peer, name: bytes, again: bool) -> bool:
    await peer.send(answer(gzip.compress(body_for(name)), b"content-encoding: gzip"))
    return True


async def and_close(peer: Peer, name: bytes, again: bool) -> bool:
    await peer.send(answer(body_for(name), b"connection: close"))
    return False


async def until_close(peer: Peer, name: bytes, again: bool) -> bool:
    await peer.send(b"HTTP/1.1 200 OK\r\n\r\n", body_for(name))
    return False


async def and_hang_up(peer: Peer, name: bytes, again: bool) -> bool:
    await peer.send(answer(body_for(name)))
    return False


async def and_garbage(peer: Peer, name: bytes, again: bool) -> bool:
    await peer.send(answer(body_for(name)) + b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nother")
    return False


async def cut_head(peer: Peer, name: bytes, again: bool) -> bool:
    await peer.send(answer(body_for(name))[:30])
    return False


async def cut_body(peer: Peer, name: bytes, again: bool) -> bool:
    await peer.send(answer(body_for(name))[:-30])
    return False


async def cut_chunk(peer: Peer, name: bytes, again: bool) -> bool:
    await peer.send(CHUNKED_HEAD, chunked(body_for(name))[:-40])
    return False


async def reset_body(peer: Peer, name: bytes, again: bool) -> bool:
    await peer.send(CHUNKED_HEAD, chunked(body_for(name)[:50]))
    peer.reset()
    return False


async def silent(peer: Peer, name: bytes, again: bool) -> bool:
    return False


async def silent_reset(peer: Peer, name: bytes, again: bool) -> bool:
    peer.reset()
    return False


async def silent_once(peer: Peer, name: bytes, again: bool) -> bool:
    return await at_length(peer, name, again) if again else False


async def not_http(peer: Peer, name: bytes, again: bool) -> bool:
    await peer.send(b"220 mail.example ESMTP\r\n")
    return False


@dataclass(frozen=True)
class Whim:
    """`ends`: how a call may end: `whole`, or a failure's class. `bulk`: the request is a large one."""

    act: Act
    ends: frozenset[str]
    bulk: bool = False


def whim(act: Act, *ends: str, bulk: bool = False) -> Whim:
    return Whim(act, frozenset(ends), bulk)


WHIMS = {
    "at length": whim(at_length, "whole"),
    "in chunks": whim(in_chunks, "whole"),
    "by bytes": whim(by_bytes, "whole"),
    "after interim": whim(after_interim, "whole"),
    "packed": whim(packed, "whole"),
    "and close": whim(and_close, "whole"),
    "until close": whim(until_close, "whole"),
    "and hang up": whim(and_hang_up, "whole"),
    "and garbage": whim(and_garbage, "whole"),
    "cut head": whim(cut_head, "Unreachable"),
    "cut body": whim(cut_body, "StreamBroken"),
    "cut chunk": whim(cut_chunk, "StreamBroken"),
    "reset body": whim(reset_body, "StreamBroken", "Unreachable"),  # a reset may overtake what was sent
    "silent": whim(silent, "Unreachable"),
    "silent reset": whim(silent_reset, "Unreachable"),
    "silent once": whim(silent_once, "whole", "Unreachable"),  # as the connection was kept or fresh
    "not http": whim(not_http, "MalformedResponse"),
    "large": whim(at_length, "whole", bulk=True),
}


class WhimsicalProvider:
    """The script of a raw server. `asked` counts how often each call arrived."""

    def __init__(self) -> None:
        self.asked: dict[bytes, int] = {}

    async def __call__(self, peer: Peer) -> None:
        going = True
        while going:
            name, _, wish = (await peer.request()).partition(b"\r\n\r\n")[2].split(b" ", 1)[0].partition(b"=")
            self.asked[name] = self.asked.get(name, 0) + 1
            chosen = WHIMS[wish.decode().replace("_", " ")]
            going = await chosen.act(peer, name, self.asked[name] > 1)


def request_body(name: bytes, wish: str) -> bytes:
    """Return what asks for this whim."""
    asked = name + b"=" + wish.replace(" ", "_").encode() + b" "
    return asked + b"x" * (BULK if WHIMS[wish].bulk else 10)
