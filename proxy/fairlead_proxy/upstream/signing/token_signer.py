"""A bearer token that is fetched when it is missing, kept, and renewed in the background before it ends."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.signing.token_endpoint import DEADLINE_SECONDS, Granted
from fairlead_proxy.upstream.transport import Headers, Lane

FAILURE_KEPT_SECONDS = 1.0
"""For so long a failed fetch is not repeated where a call waits for it; a default."""
RENEWAL_PAUSE_SECONDS = 10.0
"""Between two failed renewals of a token that is still good; a default."""
RENEWED_BEFORE_SECONDS = 300.0
"""How long before its end a token is renewed, or at half of its life where that is shorter; a default."""

_LOG = logging.getLogger(__name__)

Fetch = Callable[[], Awaitable[Granted]]


@dataclass(frozen=True, slots=True, repr=False)
class _Kept:
    headers: Headers
    renewed_at: float
    ends_at: float


class TokenSigner:
    """See Signer. `fetch` gets a token, or raises UpstreamFailure; `unix` is the clock of `headers`, in Unix seconds.

    A task that fetches is told to `own`, whose business it is to cancel and await it when the process ends.
    """

    def __init__(
        self, fetch: Fetch, unix: Callable[[], float], own: Callable[[asyncio.Task[UpstreamFailure | None]], None]
    ) -> None:
        self._fetch = fetch
        self._unix = unix
        self._own = own
        self._kept: _Kept | None = None
        self._fetching: asyncio.Task[UpstreamFailure | None] | None = None
        self._failure: UpstreamFailure | None = None
        self._failed_at = 0.0

    def headers(self, lane: Lane, body: bytes, now: float) -> Headers | None:
        kept = self._kept
        if kept is None or now >= kept.ends_at:
            return None
        if now >= kept.renewed_at and not self._has_failed_within(RENEWAL_PAUSE_SECONDS, now):
            self._renew()
        return kept.headers

    async def ready(self) -> None:
        now = self._unix()
        if self._kept is not None and now < self._kept.ends_at:
            return
        if self._fetching is None and self._failure is not None and self._has_failed_within(FAILURE_KEPT_SECONDS, now):
            raise _copy(self._failure)
        fetching = self._fetching or self._begin()
        await asyncio.wait([fetching])
        failure = _ended() if fetching.cancelled() else fetching.result()
        if failure is not None:
            raise _copy(failure)

    def forget(self, refused: Headers) -> bool:
        if self._kept is not None and self._kept.headers == refused:
            self._kept = None
        return True

    def _has_failed_within(self, seconds: float, now: float) -> bool:
        return self._failure is not None and 0 <= now - self._failed_at < seconds

    def _renew(self) -> None:
        if self._fetching is None:
            self._fetching = self._begin()

    def _begin(self) -> asyncio.Task[UpstreamFailure | None]:
        fetching = self._fetching = asyncio.create_task(self._get())
        fetching.add_done_callback(self._done)
        self._own(fetching)
        return fetching

    def _done(self, task: asyncio.Task[UpstreamFailure | None]) -> None:
        self._fetching = None

    async def _get(self) -> UpstreamFailure | None:
        """Keep a new token, or the failure to get one, which is returned."""
        asked_at = self._unix()
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                granted = await self._fetch()
        except TimeoutError:
            failure = UpstreamFailure(
                FailureClass.TIMEOUT, f"no answer of the token endpoint within {DEADLINE_SECONDS:g} s"
            )
        except UpstreamFailure as error:
            failure = error.bare()
        except Exception as error:  # a fault of ours must not leave calls waiting, nor end all renewals
            _LOG.error("a token could not be fetched: %s", type(error).__name__)
            failure = UpstreamFailure(FailureClass.INVALID_REQUEST, "a fault within the gateway")
        else:
            # Its life is counted from before it was asked for: so it never ends sooner than we think.
            ends_at = asked_at + granted.life_seconds
            renewed_at = ends_at - min(RENEWED_BEFORE_SECONDS, granted.life_seconds / 2)
            self._kept = _Kept((("authorization", f"Bearer {granted.token}"),), renewed_at, ends_at)
            self._failure = None
            return None
        self._failure, self._failed_at = failure, self._unix()
        return failure


def _copy(failure: UpstreamFailure) -> UpstreamFailure:
    """Return a failure for one caller: raised for several, it would gather the frames of all of them."""
    return UpstreamFailure(
        failure.failure, failure.detail, status=failure.status, retry_after_seconds=failure.retry_after_seconds
    )


def _ended() -> UpstreamFailure:
    return UpstreamFailure(FailureClass.UNREACHABLE, "this proxy ends")
