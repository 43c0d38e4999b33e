"""Bytes that are no request, or two: each is refused, and none is ever taken for another."""

from pathlib import Path

import pytest
from doubles.edge import ClientWire, edge, get, post, status_of

from fairlead_proxy.server.limits import Limits

CHAT = b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\n"
SMUGGLED = b"GET /v1/models HTTP/1.1\r\nHost: smuggled\r\n\r\n"
CHUNKED = CHAT + b"Transfer-Encoding: chunked\r\n\r\n"

MALFORMED: dict[str, tuple[bytes, int]] = {
    "both lengths": (CHAT + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, 400),
    "both lengths, other order": (
        CHAT + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n" + SMUGGLED,
        400,
    ),
    "two different lengths": (CHAT + b"Content-Length: 2\r\nContent-Length: 4\r\n\r\n{}" + SMUGGLED, 400),
    "two equal lengths": (CHAT + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400),
    "a list of lengths": (CHAT + b"Content-Length: 2, 2\r\n\r\n{}", 400),
    "a negative length": (CHAT + b"Content-Length: -1\r\n\r\n{}", 400),
    "a length with a plus": (CHAT + b"Content-Length: +2\r\n\r\n{}", 400),
    "a hexadecimal length": (CHAT + b"Content-Length: 0x2\r\n\r\n{}", 400),
    "a length with a blank inside": (CHAT + b"Content-Length: 1 2\r\n\r\n{}", 400),
    "an empty length": (CHAT + b"Content-Length: \r\n\r\n{}", 400),
    "a length beyond 64 bits": (CHAT + b"Content-Length: 99999999999999999999\r\n\r\n{}", 400),
    "an unknown transfer coding": (CHAT + b"Transfer-Encoding: cow\r\n\r\n0\r\n\r\n", 400),
    "identity and chunked": (CHAT + b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked, then identity": (CHAT + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
    "gzip and chunked": (CHAT + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked twice": (CHAT + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked after a tab": (CHAT + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", 400),
    "a blank before the colon": (CHAT + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    "a folded header": (CHAT + b"X-A: b\r\n c\r\nContent-Length: 2\r\n\r\n{}", 400),
    "a header without a colon": (CHAT + b"Nonsense\r\nContent-Length: 2\r\n\r\n{}", 400),
    "an empty header name": (CHAT + b": nonsense\r\nContent-Length: 2\r\n\r\n{}", 400),
    "a blank in a header name": (CHAT + b"X A: b\r\nContent-Length: 2\r\n\r\n{}", 400),
    "a NUL in a header": (CHAT + b"X-A: a\x00b\r\nContent-Length: 2\r\n\r\n{}", 400),
    "a bare carriage return in a header": (CHAT + b"X-A: a\rb\r\nContent-Length: 2\r\n\r\n{}", 400),
    "bare line feeds": (CHAT.replace(b"\r\n", b"\n") + b"Content-Length: 2\n\n{}", 400),
    "an underscore in a header name": (post(b"{}", "X_Fairlead_Namespace: team-a"), 400),
    "a bad chunk size": (CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n" + SMUGGLED, 400),
    "a negative chunk size": (CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n", 400),
    "a chunk size in 0x": (CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n", 400),
    "a huge chunk size": (CHUNKED + b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n", 400),
    "a chunk longer than its size": (CHUNKED + b"1\r\n{}\r\n0\r\n\r\n" + SMUGGLED, 400),
    "a chunk ended by a line feed": (CHUNKED + b"2\r\n{}\n0\r\n\r\n" + SMUGGLED, 400),
    "a chunk size ended by a line feed": (CHUNKED + b"2\n{}\r\n0\r\n\r\n" + SMUGGLED, 400),
    "a NUL in a chunk extension": (CHUNKED + b"2;a=\x00\r\n{}\r\n0\r\n\r\n", 400),
    "a carriage return in a chunk extension": (CHUNKED + b"2;a=\rb\r\n{}\r\n0\r\n\r\n", 400),
    "no host": (b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 400),
    "two hosts": (CHAT + b"Host: other\r\nContent-Length: 2\r\n\r\n{}", 400),
    "two authorizations": (post(b"{}", "Authorization: Bearer a", "Authorization: Bearer b"), 400),
    "two namespaces": (post(b"{}", "X-Fairlead-Namespace: a", "X-Fairlead-Namespace: b"), 400),
    "two content types": (CHAT + b"Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", 400),
    "HTTP/1.0 with a transfer coding": (
        b"POST /v1/chat/completions HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "HTTP/2.0 on the request line": (b"GET /v1/models HTTP/2.0\r\nHost: g\r\n\r\n", 505),
    "HTTP/0.9": (b"GET /v1/models\r\n\r\n", 505),
    "an HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), 400),
    "a lower-case method": (b"get /v1/models HTTP/1.1\r\nHost: g\r\n\r\n", 400),
    "an unknown method": (b"FETCH /v1/models HTTP/1.1\r\nHost: g\r\n\r\n", 400),
    "a blank in the target": (b"GET /v1/ models HTTP/1.1\r\nHost: g\r\n\r\n", 400),
    "a control character in the target": (b"GET /v1/\x01models HTTP/1.1\r\nHost: g\r\n\r\n", 400),
    "an absolute target": (get("http://other/v1/models"), 400),
    "an authority as target": (b"CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\nConnection: close\r\n\r\n", 400),
    "an asterisk as target": (b"OPTIONS * HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n", 400),
    "a GET with a body": (get("/v1/models", "Content-Length: 2") + b"{}", 400),
    "a GET with a chunked body": (get("/v1/models", "Transfer-Encoding: chunked") + b"0\r\n\r\n", 400),
    "a HEAD with a body": (get("/", "Content-Length: 2", method="HEAD") + b"{}", 400),
    "a websocket": (get("/v1/models", "Upgrade: websocket", closing=False)[:-2] + b"Connection: upgrade\r\n\r\n", 426),
    "an upgrade to TLS": (
        get("/v1/models", "Upgrade: TLS/1.0", closing=False)[:-2] + b"Connection: upgrade\r\n\r\n",
        426,
    ),
    "Connection names the key": (
        post(b"{}", "Connection: authorization", "Authorization: Bearer a", closing=False),
        400,
    ),
    "Connection names the length": (post(b"{}", "Connection: content-length", closing=False), 400),
    "Connection names a header of ours": (post(b"{}", "Connection: x-fairlead-intent", closing=False), 400),
    "an unknown expectation": (post(b"{}", "Expect: a-miracle"), 417),
    "101 headers": (post(b"{}", *[f"X-{number}: a" for number in range(101)]), 431),
    "a header of 61 KiB": (post(b"{}", "X-Long: " + "a" * (61 * 1024)), 431),
    "40 headers of 2 KiB": (post(b"{}", *[f"X-{number}: {'a' * 2048}" for number in range(40)]), 431),
    "headers without an end": (b"GET / HTTP/1.1\r\nHost: g\r\nX-Long: " + b"a" * (200 * 1024), 431),
    "a target of 9 KiB": (get("/v1/" + "a" * 9216), 414),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_it_is_refused_and_the_connection_ends(tmp_path: Path, name: str) -> None:
    request, status = MALFORMED[name]
    async with edge(tmp_path, limits=Limits(linger_seconds=0.05, head_seconds=0.2)) as served:
        answer = await served.exchange(request)
    assert status_of(answer) == status
    assert answer.count(b"\r\n\r\n") == 1
    assert served.handler.calls == []


@pytest.mark.parametrize("name", [name for name, (request, _) in MALFORMED.items() if len(request) < 4096])
async def test_it_is_refused_as_well_when_it_comes_byte_for_byte(tmp_path: Path, name: str) -> None:
    request, status = MALFORMED[name]
    async with edge(tmp_path) as served:
        connection, wire = served.server.protocol(), ClientWire()
        connection.connection_made(wire)
        for byte in request:
            connection.data_received(bytes([byte]))
        connection.connection_lost(None)
    assert status_of(bytes(wire.written)) == status
    assert wire.written.count(b"\r\n\r\n") == 1
    assert served.handler.calls == []


def test_the_corpus_stays_large() -> None:
    assert len(MALFORMED) >= 60


WELL_FORMED: dict[str, bytes] = {
    "a chunked body": CHAT + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "a chunk extension": CHAT + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\n\r\n",
    "a trailer": CHAT + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-T: a\r\n\r\n",
    "a query": post(path="/v1/chat/completions?api-version=1"),
    "an offer of h2c, as Java's client makes it": (
        post(b"{}", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk", closing=False)
    ),
    "a header of 50 KiB": post(b"{}", "X-Long: " + "a" * (50 * 1024)),
    "96 headers": post(b"{}", *[f"X-{number}: a" for number in range(96)]),
    "a header twice that may come twice": post(b"{}", "X-Task: a", "X-Task: b"),
    "latin-1 in a header": post(b"{}", "X-Task: a").replace(b"X-Task: a", b"X-Task: \xe9"),
    "blank lines before the request": b"\r\n" + post(),
}


@pytest.mark.parametrize("name", WELL_FORMED)
async def test_odd_but_well_formed_requests_are_served(tmp_path: Path, name: str) -> None:
    async with edge(tmp_path) as served:
        answer = await served.exchange(WELL_FORMED[name])
    assert status_of(answer) == 200
    assert served.handler.calls[0].body == b"{}"


async def test_headers_of_one_name_are_joined(tmp_path: Path) -> None:
    async with edge(tmp_path) as served:
        await served.exchange(post(b"{}", "X-Task: a", "X-Task: b"))
    assert served.handler.calls[0].headers["x-task"] == "a, b"


async def test_headers_that_connection_names_end_here(tmp_path: Path) -> None:
    async with edge(tmp_path) as served:
        await served.exchange(post(b"{}", "Connection: close, X-Hop", "X-Hop: a", closing=False))
    assert "x-hop" not in served.handler.calls[0].headers
