"""An answer as it comes in over HTTP: its head, its body in chunks, and its connection given back or cut."""

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.connection_pool import ConnectionPool, Sending
from fairlead_proxy.upstream.inflate import ENCODINGS, Inflater


class HttpResponse:
    """See UpstreamResponse. `leave` is called once, when the pool is no longer in use."""

    def __init__(
        self, answer: aiohttp.ClientResponse, sending: Sending, leave: Callable[[ConnectionPool], Awaitable[None]]
    ) -> None:
        self.status = answer.status
        self.headers = tuple((name.lower(), value) for name, value in answer.headers.items())
        self._answer = answer
        self._sending = sending
        self._leave = leave
        self._closed = False
        if sending.watch is not None and not self.came_whole:
            sending.watch.follow(answer.content)

    @property
    def came_whole(self) -> bool:
        """Say whether the body's end has come in, read or not: its connection has been given back."""
        return self._answer.connection is None

    async def chunks(self) -> AsyncIterator[bytes]:
        """See UpstreamResponse. A compressed body comes inflated; one in another encoding is MalformedResponse."""
        encoding = self._answer.headers.get("content-encoding", "identity").strip().lower()
        if encoding in ("", "identity"):
            async for chunk in self._raw_chunks():
                yield chunk
            return
        if encoding not in ENCODINGS:
            raise UpstreamFailure(
                FailureClass.MALFORMED_RESPONSE, "the body is compressed though identity was asked for"
            )
        inflater = Inflater()
        async for chunk in self._raw_chunks():
            for plain in inflater.feed(chunk):
                yield plain
        inflater.finish()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if not self.came_whole:
            self._sending.abort()
            self._answer.close()
        await self._leave(self._sending.pool)

    async def _raw_chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._answer.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, OSError):
            raise UpstreamFailure(
                FailureClass.STREAM_BROKEN, "the connection broke in the body", status=self.status
            ) from None
