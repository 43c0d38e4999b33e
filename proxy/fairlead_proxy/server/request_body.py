"""The body of a request, read whole within its limits."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Mapping

from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestPayloadError

from fairlead_proxy.exchange.errors import Answer, CallRefused, ClientGone
from fairlead_proxy.server.connection import MALFORMED, BodyFault, ClientConnection
from fairlead_proxy.server.limits import Limits

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_INFLATE_SLICE = 256 * 1024
_GZIP = 16 + zlib.MAX_WBITS


async def read_body(
    connection: ClientConnection,
    content: StreamReader,
    headers: Mapping[str, str],
    limits: Limits,
    hold: Callable[[int], None] = lambda size: None,
) -> bytes:
    """Return the whole body, inflated; raise CallRefused where it breaks a limit, ClientGone where the caller left.

    `hold` is told of every part that is kept, and may refuse it by CallRefused.
    """
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise CallRefused(Answer(415, "unsupported_encoding", "The request's Content-Encoding is not supported."))
    if int(headers.get("content-length", "0")) > limits.body_bytes:
        raise _too_large(limits)
    if content.is_eof() and encoding == "identity":
        # Most bodies have come with their head; a chunked one may still be too large.
        body = content.read_nowait()
        if len(body) > limits.body_bytes:
            raise _too_large(limits)
        hold(len(body))
        return body
    if "expect" in headers and not content.is_eof():
        connection.write(CONTINUE)
    chunks = _chunks(connection, content)
    if encoding != "identity":
        return await _inflated(chunks, limits, hold)
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limits.body_bytes:
            raise _too_large(limits)
        hold(len(chunk))
        parts.append(chunk)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _chunks(connection: ClientConnection, content: StreamReader) -> AsyncIterator[bytes]:
    connection.expect_body()
    try:
        while not content.at_eof():
            yield await content.readany()
    except BodyFault as fault:
        raise CallRefused(fault.answer) from None
    except RequestPayloadError:
        raise CallRefused(MALFORMED) from None
    except (ConnectionError, RuntimeError):
        raise ClientGone("the client left before its request was whole") from None
    finally:
        connection.body_done()


async def _inflated(chunks: AsyncIterator[bytes], limits: Limits, hold: Callable[[int], None]) -> bytes:
    """Return what the gzip members of the body hold; never more than the limits, whatever they promise."""
    inflater = zlib.decompressobj(_GZIP)
    parts: list[bytes] = []
    size = packed = 0
    try:
        async for chunk in chunks:
            packed += len(chunk)
            while chunk:
                part = inflater.decompress(chunk, _INFLATE_SLICE)
                size += len(part)
                if size > limits.body_bytes or size > packed * limits.inflate_ratio:
                    raise _too_large(limits)
                hold(len(part))
                parts.append(part)
                if len(part) == _INFLATE_SLICE:
                    await asyncio.sleep(0)
                chunk = inflater.unconsumed_tail
                if inflater.eof and inflater.unused_data:
                    chunk, inflater = inflater.unused_data, zlib.decompressobj(_GZIP)
    except zlib.error:
        raise CallRefused(MALFORMED) from None
    if not inflater.eof:
        raise CallRefused(MALFORMED)
    return b"".join(parts)


def _too_large(limits: Limits) -> CallRefused:
    return CallRefused(
        Answer(413, "request_too_large", f"The request's body is larger than {limits.body_bytes} bytes allow.")
    )
