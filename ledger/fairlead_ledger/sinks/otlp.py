"""Sends records to a receiver of OpenTelemetry logs over HTTP, as JSON; at least once, with the record's id beside it.

Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

import asyncio
from email.utils import parsedate_to_datetime
from time import time

import aiohttp
import msgspec
from msgspec import Struct, field

from fairlead_ledger.sinks.otlp_records import request_of
from fairlead_ledger.sinks.sink import Kept, SinkDown, Written
from fairlead_ledger.store.batch import Batch

REQUEST_SECONDS = 5.0
RETRYABLE = frozenset({429, 502, 503, 504})
"""The statuses after which a client may send the same again; after any other it must not."""
LONGEST_WAIT_SECONDS = 300.0
LONGEST_ANSWER = 64 * 1024


class PartialSuccess(Struct, rename="camel"):
    """64-bit integers may be strings. It is refused for good: the same must not be sent again."""

    rejected_log_records: int | str = 0
    error_message: str = ""


class ExportLogsServiceResponse(Struct, rename="camel"):
    partial_success: PartialSuccess | None = field(default_factory=PartialSuccess)


class OtlpSink:
    """`url`: the receiver's base, to which /v1/logs is appended."""

    name = "otlp"

    def __init__(self, url: str) -> None:
        self.identity = url
        self._url = f"{url.rstrip('/')}/v1/logs"
        self._session: aiohttp.ClientSession | None = None

    async def open(self, mark: str) -> str:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS))
        return mark

    async def write(self, batch: Batch) -> Written:
        assert self._session is not None
        headers = {"content-type": "application/json"}
        try:
            async with self._session.post(
                self._url, data=request_of(batch), headers=headers, allow_redirects=False
            ) as answer:
                body = await answer.content.read(LONGEST_ANSWER)
                return _outcome(self._url, answer.status, answer.headers.get("retry-after", ""), body, batch)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise SinkDown(f"{self._url}: {error or 'no answer in time'}") from error

    async def prune(self, kept: Kept) -> bool:
        return False

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
            await asyncio.sleep(0)  # aiohttp closes its sockets in the next turn of the loop


def _outcome(url: str, status: int, retry_after: str, body: bytes, batch: Batch) -> Written:
    if status in RETRYABLE:
        raise SinkDown(f"{url}: HTTP {status}", seconds_of(retry_after, time()))
    if not 200 <= status < 300:
        return Written(refused=len(batch.records), error=f"{url}: HTTP {status}, which is final; the batch is lost")
    try:
        partial = msgspec.json.decode(body, type=ExportLogsServiceResponse).partial_success or PartialSuccess()
        rejected = min(max(int(partial.rejected_log_records), 0), len(batch.records))
    except (msgspec.MsgspecError, ValueError):  # it said 200, and need not say more
        return Written()
    return Written(refused=rejected, error=f"{url}: refused {rejected}: {partial.error_message}" if rejected else "")


def seconds_of(retry_after: str, now: float) -> float:
    """Return a Retry-After in seconds, within [0, LONGEST_WAIT_SECONDS]; 0 where it says nothing.

    Source: RFC 9110, section 10.2.3.
    """
    try:
        wait = float(retry_after) if retry_after.isdigit() else parsedate_to_datetime(retry_after).timestamp() - now
    except (ValueError, TypeError):
        return 0.0
    return min(max(wait, 0.0), LONGEST_WAIT_SECONDS)
