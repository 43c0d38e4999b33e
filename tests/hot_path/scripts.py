"""What is counted: a few fixed scripts of calls, each played on a proxy that is warm and has its connections."""

import json
import re
from collections.abc import Callable, Generator

from doubles.mounted_config import CALLER_KEY
from doubles.socketless_proxy import SocketlessProxy

Script = Callable[[SocketlessProxy], Generator[None, None, None]]
"""Prepares up to its first `yield`; what comes until its second one is counted; then it looks at what came of it."""

SETTLED = 20
"""How many calls are settled at once."""
TOKENS = 20

_MESSAGES = [{"role": "user", "content": "Explain in plain words how a load balancer works. " * 6}]
_BODY = json.dumps({"model": "smart", "messages": _MESSAGES, "temperature": 0.7, "max_tokens": 1024}).encode()
_STREAM_BODY = json.dumps({"model": "smart", "messages": _MESSAGES, "stream": True}).encode()


def _request(body: bytes, task: str = "a") -> bytes:
    """Return a request with the twelve headers that an SDK sends."""
    lines = (
        "POST /v1/chat/completions HTTP/1.1",
        "Host: gateway.example:8080",
        "Accept-Encoding: gzip, deflate",
        "Connection: keep-alive",
        "Accept: application/json",
        "Content-Type: application/json",
        f"User-Agent: OpenAI/Python {task}",
        "X-Stainless-Lang: python",
        "X-Stainless-OS: Linux",
        "X-Stainless-Runtime: CPython",
        "X-Stainless-Retry-Count: 0",
        f"Authorization: Bearer {CALLER_KEY}",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


PLAIN, STREAM = _request(_BODY), _request(_STREAM_BODY)
PLAIN_OF_OTHERS = _request(_BODY, task="b")


def _answer(status: bytes, content: object) -> bytes:
    body = json.dumps(content).encode()
    head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n" % status
    return head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


_USAGE = {"prompt_tokens": 25, "completion_tokens": 150, "total_tokens": 175}
_MESSAGE = {"role": "assistant", "content": "word " * 140}
GOOD = _answer(
    b"200 OK",
    {
        "id": "c-1",
        "object": "chat.completion",
        "created": 1760000000,
        "model": "m-upstream",
        "choices": [{"index": 0, "message": _MESSAGE, "finish_reason": "stop"}],
        "usage": _USAGE,
    },
)
BROKEN = _answer(b"500 Internal Server Error", {"error": {"message": "out of order", "type": "server_error"}})


def _event(data: bytes) -> bytes:
    event = b"data: " + data + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(event), event)


def _chunk(choices: object, **more: object) -> bytes:
    head = {"id": "c-1", "object": "chat.completion.chunk", "created": 1760000000, "model": "m-upstream"}
    return _event(json.dumps({**head, "choices": choices, **more}, separators=(",", ":")).encode())


def _piece(delta: object, finish: str | None = None) -> bytes:
    return _chunk([{"index": 0, "delta": delta, "finish_reason": finish}])


STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
ROLE = _piece({"role": "assistant", "content": ""})
TOKEN = [_piece({"content": f"word{number:02d} "}) for number in range(TOKENS)]
ENDS = re.compile(rb"data: \[DONE\]\n\n: x-fairlead-cost-usd: 0\.\d{9}\n\n\r\n0\r\n\r\n")
STREAM_END = [_piece({}, "stop"), _chunk([], usage=_USAGE), _event(b"[DONE]") + b"0\r\n\r\n"]


def known_head(proxy: SocketlessProxy) -> Generator[None, None, None]:
    """A plain call whose head came before on its connection."""
    _serve(proxy, PLAIN)
    yield
    _serve(proxy, PLAIN)
    yield
    _check_plain(proxy, 2)


def new_head(proxy: SocketlessProxy) -> Generator[None, None, None]:
    """A plain call whose head did not."""
    _serve(proxy, PLAIN)
    yield
    _serve(proxy, PLAIN_OF_OTHERS)
    yield
    _check_plain(proxy, 2)


def token(proxy: SocketlessProxy) -> Generator[None, None, None]:
    """One token in mid-stream, which comes in one read."""
    _begin_stream(proxy)
    for each in TOKEN[:-1]:
        proxy.peer("a").send(each)
    yield
    proxy.peer("a").send(TOKEN[-1])
    yield
    _end_stream(proxy)
    _check_stream(proxy, 1)


def stream(proxy: SocketlessProxy) -> Generator[None, None, None]:
    """A stream of twenty tokens, each in a read of its own."""
    _serve_stream(proxy)
    yield
    _serve_stream(proxy)
    yield
    _check_stream(proxy, 2)


def fallback(proxy: SocketlessProxy) -> Generator[None, None, None]:
    """A plain call that the first target fails and the second one answers."""
    _fall_back(proxy)
    proxy.journal.catch_up()  # a failure has the journal catch up: what it finds is not this call's
    yield
    _fall_back(proxy)
    yield
    assert proxy.client.written.count(b"x-fairlead-provider: team-a/b\r\n") == 2
    _check_plain(proxy, 2)


def settling(proxy: SocketlessProxy) -> Generator[None, None, None]:
    """What has the journal book twenty calls, each answered by its first attempt."""
    proxy.journal.catch_up()
    for _ in range(SETTLED):
        _serve(proxy, PLAIN)
    lines = proxy.lines
    yield
    proxy.journal.catch_up()
    yield
    assert proxy.lines == lines + SETTLED
    _check_plain(proxy, SETTLED)


SCRIPTS: dict[str, Script] = {
    "plain call, known head": known_head,
    "plain call, new head": new_head,
    "one token": token,
    "stream of 20 tokens": stream,
    "fallback": fallback,
    "settling of 20 calls": settling,
}


async def connect(proxy: SocketlessProxy) -> None:
    """Have the proxy make a connection to each provider."""
    proxy.client.send(PLAIN)
    (await proxy.connected("a")).send(BROKEN)
    (await proxy.connected("b")).send(GOOD)
    _check_plain(proxy, 1)


def _serve(proxy: SocketlessProxy, request: bytes) -> None:
    proxy.client.send(request)
    proxy.peer("a").send(GOOD)


def _serve_stream(proxy: SocketlessProxy) -> None:
    _begin_stream(proxy)
    for each in TOKEN:
        proxy.peer("a").send(each)
    _end_stream(proxy)


def _fall_back(proxy: SocketlessProxy) -> None:
    proxy.client.send(PLAIN)
    proxy.peer("a").send(BROKEN)
    proxy.peer("b").send(GOOD)


def _begin_stream(proxy: SocketlessProxy) -> None:
    proxy.client.send(STREAM)
    provider = proxy.peer("a")
    provider.send(STREAM_HEAD)
    provider.send(ROLE)


def _end_stream(proxy: SocketlessProxy) -> None:
    for each in STREAM_END:
        proxy.peer("a").send(each)


def _check_plain(proxy: SocketlessProxy, calls: int) -> None:
    written = proxy.client.take()
    assert written.count(b"HTTP/1.1 200 OK\r\n") == written.count(b"x-fairlead-decision: ") == calls
    assert written.count(b'"completion_tokens": 150') == calls
    proxy.clear()


def _check_stream(proxy: SocketlessProxy, calls: int) -> None:
    written = proxy.client.take()
    assert written.count(b"HTTP/1.1 200 OK\r\n") == len(ENDS.findall(written)) == calls
    assert written.count(b'"content":"word') == calls * TOKENS
    assert b"completion_tokens" not in written  # nobody asked for it
    proxy.clear()
