"""The first part of an answer that is not a good one: enough to tell what it means."""

from collections.abc import Callable

from fairlead_proxy.dialects.dialect import MAX_ERROR_BYTES
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.transport import UpstreamResponse


async def read_error_body(response: UpstreamResponse, heard: Callable[[], None] = lambda: None) -> bytes:
    """Return the first MAX_ERROR_BYTES of an error's body; one that breaks off is as good as what came of it.

    `heard` is called for each piece that comes.
    """
    body = bytearray()

    def take(chunk: bytes) -> bool:
        heard()
        body.extend(chunk)
        return len(body) < MAX_ERROR_BYTES

    try:
        await response.pour(take)
    except UpstreamFailure:
        return bytes(body)
    return bytes(body[:MAX_ERROR_BYTES])
