"""Answers as providers, and what stands between, may send them: good, odd and broken, each with what it amounts to."""

import gzip
from dataclasses import dataclass

PACKED = gzip.compress(b"plain text", mtime=0)


@dataclass(frozen=True)
class OddAnswer:
    """`body` and `failure`: what is handed out, and how it ends once the provider has closed. `kept`: before that.

    `status` None: no head is accepted. `differs`: why aiohttp's client sees it otherwise, where it does.
    """

    sent: bytes
    status: int | None = 200
    body: bytes = b""
    failure: str | None = None
    kept: bool = True
    differs: str = ""


def ok(headers: bytes, body: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n" + body


CHUNKED = b"transfer-encoding: chunked\r\n"
MALFORMED = "MalformedResponse"
BROKEN = "StreamBroken"
WHOLE = "an answer that is whole is not spoilt by what follows it, whether that comes in one piece with it or later"
PIECES = "the head counts, and what came before the fault, whether it all comes in one piece or not"

ODD_ANSWERS = {
    "length": OddAnswer(ok(b"Content-Length: 5\r\nX-Odd:  a b \r\n", b"hello"), body=b"hello"),
    "empty": OddAnswer(ok(b"content-length: 0\r\n")),
    "chunked": OddAnswer(ok(CHUNKED, b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"), body=b"hello!"),
    "chunked and nothing in it": OddAnswer(ok(CHUNKED, b"0\r\n\r\n")),
    "chunk extensions": OddAnswer(ok(CHUNKED, b'5;a=b;c="d"\r\nhello\r\n000;x\r\n\r\n'), body=b"hello"),
    "trailers": OddAnswer(ok(CHUNKED, b"2\r\nab\r\n0\r\nX-Sum: 1\r\nConnection: x\r\n\r\n"), body=b"ab"),
    "hexadecimal sizes": OddAnswer(ok(CHUNKED, b"00A\r\n0123456789\r\n0\r\n\r\n"), body=b"0123456789"),
    "a space after a size": OddAnswer(ok(CHUNKED, b"2 \r\nab\r\n0\r\n\r\n"), body=b"ab"),
    "until it closes": OddAnswer(ok(b"x: y\r\n", b"all of it"), body=b"all of it", kept=False),
    "connection close": OddAnswer(ok(b"connection: close\r\ncontent-length: 2\r\n", b"ab"), body=b"ab", kept=False),
    "http 1.0": OddAnswer(b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nab", body=b"ab", kept=False),
    "http 1.0 that stays": OddAnswer(
        b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\ncontent-length: 2\r\n\r\nab", body=b"ab"
    ),
    "no content": OddAnswer(b"HTTP/1.1 204 No Content\r\n\r\n", status=204),
    "not modified": OddAnswer(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n", status=304),
    "an error": OddAnswer(b"HTTP/1.1 500 Oh\r\ncontent-length: 2\r\n\r\nno", status=500, body=b"no"),
    "a status of its own": OddAnswer(b"HTTP/1.1 799 X\r\ncontent-length: 0\r\n\r\n", status=799),
    "no reason": OddAnswer(b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nab", body=b"ab"),
    "interim answers": OddAnswer(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
        + ok(b"content-length: 2\r\n", b"ab"),
        body=b"ab",
    ),
    "an interim answer with a body": OddAnswer(
        b"HTTP/1.1 150 X\r\ncontent-length: 3\r\n\r\nxyz" + ok(b"content-length: 2\r\n", b"ab"),
        body=b"ab",
    ),
    "empty and odd headers": OddAnswer(
        ok(b"a:\r\nb: \xe4\r\nA: again\r\ncontent-length: 2\r\n", b"ab"),
        body=b"ab",
        differs="header values are read as Latin-1, not as UTF-8",
    ),
    "bare line ends": OddAnswer(b"HTTP/1.1 200 OK\ncontent-length: 2\n\nab", body=b"ab"),
    "gzip": OddAnswer(
        ok(b"content-encoding: gzip\r\ncontent-length: %d\r\n" % len(PACKED), PACKED), body=b"plain text"
    ),
    "another encoding": OddAnswer(
        ok(b"content-encoding: br\r\ncontent-length: 2\r\n", b"ab"),
        failure=MALFORMED,
        differs="identity was asked for, so another encoding than the common ones is not even begun",
    ),
    "garbage behind": OddAnswer(
        ok(b"content-length: 2\r\n", b"ab" + b"garbage"), body=b"ab", kept=False, differs=WHOLE
    ),
    "a second answer behind": OddAnswer(
        ok(b"content-length: 2\r\n", b"ab") + ok(b"content-length: 2\r\n", b"cd"), body=b"ab", kept=False
    ),
    "a byte behind the last chunk": OddAnswer(ok(CHUNKED, b"1\r\na\r\n0\r\n\r\nH"), body=b"a", kept=False),
    "not http": OddAnswer(b"SSH-2.0-OpenSSH_9.2\r\n", status=None, failure=MALFORMED, kept=False),
    "a length and chunks": OddAnswer(
        ok(b"content-length: 2\r\n" + CHUNKED, b"2\r\nab\r\n0\r\n\r\n"), status=None, failure=MALFORMED, kept=False
    ),
    "two lengths": OddAnswer(
        ok(b"content-length: 2\r\ncontent-length: 3\r\n", b"abc"), status=None, failure=MALFORMED, kept=False
    ),
    "a negative length": OddAnswer(ok(b"content-length: -2\r\n", b"ab"), status=None, failure=MALFORMED, kept=False),
    "a folded header": OddAnswer(
        ok(b"a: b\r\n c\r\ncontent-length: 2\r\n", b"ab"),
        status=None,
        failure=MALFORMED,
        kept=False,
        differs="obsolete line folding is refused (RFC 9112, section 5.2)",
    ),
    "another coding of the transfer": OddAnswer(
        ok(b"transfer-encoding: gzip, chunked\r\n", b"1\r\na\r\n0\r\n\r\n"),
        status=None,
        failure=MALFORMED,
        kept=False,
        differs="we did not ask for it (TE) and would hand out what nobody can read",
    ),
    "switching protocols": OddAnswer(
        b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
        status=None,
        failure=MALFORMED,
        kept=False,
        differs="nobody asked to switch",
    ),
    "a bad size of a chunk": OddAnswer(
        ok(CHUNKED, b"1\r\na\r\nzz\r\nb\r\n0\r\n\r\n"), body=b"a", failure=BROKEN, kept=False, differs=PIECES
    ),
    "a chunk longer than its size": OddAnswer(
        ok(CHUNKED, b"1\r\nab\r\n0\r\n\r\n"), body=b"a", failure=BROKEN, kept=False, differs=PIECES
    ),
    "a size beyond all bounds": OddAnswer(
        ok(CHUNKED, b"1\r\na\r\nfffffffffffffffff\r\n"), body=b"a", failure=BROKEN, kept=False, differs=PIECES
    ),
    "cut in the head": OddAnswer(b"HTTP/1.1 200 OK\r\ncontent-", status=None, failure="Unreachable", kept=False),
    "nothing at all": OddAnswer(b"", status=None, failure="Unreachable", kept=False),
    "cut in the body": OddAnswer(ok(b"content-length: 9\r\n", b"some"), body=b"some", failure=BROKEN, kept=False),
    "cut in a chunk": OddAnswer(ok(CHUNKED, b"9\r\nsome"), body=b"some", failure=BROKEN, kept=False),
    "cut before the last chunk": OddAnswer(ok(CHUNKED, b"4\r\nsome\r\n"), body=b"some", failure=BROKEN, kept=False),
    "cut in the trailers": OddAnswer(ok(CHUNKED, b"4\r\nsome\r\n0\r\nx: "), body=b"some", failure=BROKEN, kept=False),
}
