"""Hears the proxies of a fleet: one long poll each to its admin port, which hands out duties and brings reports."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

from fairlead_proxy.contract.report import Duties, ProxyReport, ReportRequest

log = logging.getLogger(__name__)

WAIT_SECONDS = 4.0
"""How long a proxy may hold a request when nothing changes; well below the 10 s after which a report is old."""

ANSWER_SECONDS = 4.0
"""How long an answer may take beyond the wait."""

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0
BETWEEN_SECONDS = 0.05
"""Between two reports of a proxy, so that one which has much to tell does not keep us busy."""

LARGEST_REPORT_BYTES = 32 * 1024 * 1024

_UNIX = "unix:"
_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The admin port of one proxy: `http://ip:port` or `unix:/path`, with its bearer token."""

    address: str
    token: str

    def __repr__(self) -> str:
        return f"Endpoint({self.address})"


@dataclass(frozen=True, slots=True)
class Heard:
    """The newest report of a proxy, and when it came (Unix seconds on our clock)."""

    report: ProxyReport
    heard_at: float


class ReportFailed(Exception):
    """A request for a report that brought none; it is asked again after a pause."""


class ProxyReports:
    """One task for each endpoint, owned here. `on_change` is called when a report says something new.

    Proxies are named as the caller likes; one instance may hear several fleets if the names do not clash.
    """

    def __init__(
        self, *, clock: Callable[[], float], on_change: Callable[[], None], wait_seconds: float = WAIT_SECONDS
    ) -> None:
        self._clock = clock
        self._on_change = on_change
        self._wait_seconds = wait_seconds
        self._polls: dict[str, _Poll] = {}

    def watch(self, endpoints: Mapping[str, Endpoint]) -> None:
        """Hear these proxies, by name, and no others. A new address starts afresh; a new token does not."""
        for name in [name for name in self._polls if name not in endpoints]:
            self._polls.pop(name).stop()
        for name, endpoint in endpoints.items():
            poll = self._polls.get(name)
            if poll is not None and poll.endpoint.address == endpoint.address:
                poll.endpoint = endpoint
                continue
            if poll is not None:
                poll.stop()
            self._polls[name] = _Poll(name, endpoint, self._clock, self._on_change, self._wait_seconds)

    def heard(self, name: str) -> Heard | None:
        """Return the newest report of this proxy; None before its first, or if it is not watched."""
        poll = self._polls.get(name)
        return poll.heard if poll else None

    def give_duties(self, duties: Mapping[str, Duties]) -> None:
        """Hand each proxy its duties: changed ones at once, then again with each request, well within their ttl."""
        for name, duty in duties.items():
            poll = self._polls.get(name)
            if poll is not None:
                poll.give(duty)

    def see_out(self, going: Mapping[str, bool]) -> None:
        """Give these proxies, and no others, nothing to do for others any more; tell them whether they are retired."""
        for name, poll in self._polls.items():
            poll.see_out(going.get(name))

    def ask_fragments(self, name: str) -> None:
        """Have the next report of this proxy list the hash of every fragment in force."""
        poll = self._polls.get(name)
        if poll is not None:
            poll.ask_fragments()

    async def close(self) -> None:
        """Stop hearing, and wait until every task has ended."""
        polls = list(self._polls.values())
        self._polls.clear()
        for poll in polls:
            poll.stop()
        await asyncio.gather(*(poll.task for poll in polls), return_exceptions=True)


class _Poll:
    """The conversation with one proxy."""

    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        clock: Callable[[], float],
        on_change: Callable[[], None],
        wait_seconds: float,
    ) -> None:
        self.endpoint = endpoint
        self.heard: Heard | None = None
        self._name = name
        self._clock = clock
        self._on_change = on_change
        self._wait_seconds = wait_seconds
        self._duties: Duties | None = None
        self._going: bool | None = None
        self._fragments_wanted = False
        self._hurry = asyncio.Event()
        self._reachable = True
        self.task = asyncio.create_task(self._run(), name=f"reports of {name}")

    def give(self, duties: Duties) -> None:
        if duties != self._duties:
            self._duties = duties
            self._hurry.set()

    def see_out(self, retired: bool | None) -> None:
        """None: the proxy is there to stay."""
        if retired != self._going:
            self._going = retired
            self._hurry.set()

    def ask_fragments(self) -> None:
        if not self._fragments_wanted:
            self._fragments_wanted = True
            self._hurry.set()

    def stop(self) -> None:
        self.task.cancel()

    async def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        async with _session(self.endpoint.address) as session:
            after = 0
            while True:
                self._hurry.clear()
                try:
                    report = await self._hurried(self._ask(session, after))
                except ReportFailed as failure:
                    after = 0
                    self._note_unreachable(failure)
                    await self._rest(pause)
                    pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                    continue
                pause = FIRST_PAUSE_SECONDS
                if report is not None:
                    after = report.sequence
                    self._keep(report)
                    await self._rest(BETWEEN_SECONDS)

    async def _rest(self, seconds: float) -> None:
        """Pause, unless there is something new to say."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), seconds)

    async def _hurried(self, request: Coroutine[Any, Any, ProxyReport]) -> ProxyReport | None:
        """Return the report, or None when there is something new to say: the waiting request is dropped then."""
        asking = asyncio.ensure_future(request)
        hurrying = asyncio.ensure_future(self._hurry.wait())
        try:
            await asyncio.wait((asking, hurrying), return_when=asyncio.FIRST_COMPLETED)
            return asking.result() if asking.done() else None
        finally:
            for task in (asking, hurrying):
                task.cancel()
            await asyncio.gather(asking, hurrying, return_exceptions=True)

    async def _ask(self, session: aiohttp.ClientSession, after: int) -> ProxyReport:
        # A first request, or one for fragments, does not wait for a change: it wants what there is.
        fragments = self._fragments_wanted
        after = 0 if fragments else after
        wait = self._wait_seconds if after else 0.0
        duties = self._duties
        if self._going is not None:
            duties = msgspec.structs.replace(duties or Duties(), probe=(), ailing=(), retired=self._going)
        body = _ENCODER.encode(ReportRequest(after=after, wait_seconds=wait, fragments=fragments, duties=duties))
        deadline = aiohttp.ClientTimeout(total=wait + ANSWER_SECONDS, sock_connect=ANSWER_SECONDS / 2)
        headers = {"authorization": f"Bearer {self.endpoint.token}", "content-type": "application/json"}
        try:
            async with session.post(
                _url(self.endpoint.address), data=body, headers=headers, timeout=deadline
            ) as answer:
                if answer.status != 200:
                    raise ReportFailed(f"it answered {answer.status}")
                content = await _bounded(answer)
            report = msgspec.json.decode(content, type=ProxyReport)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ReportFailed(f"{type(error).__name__}: {error}") from error
        except msgspec.MsgspecError as error:
            raise ReportFailed(f"its report is not valid: {error}") from error
        if fragments:
            self._fragments_wanted = False
        return report

    def _keep(self, report: ProxyReport) -> None:
        before, reachable = self.heard, self._reachable
        if before is not None and report.fragments is None and report.revision == before.report.revision:
            report = msgspec.structs.replace(report, fragments=before.report.fragments)
        self.heard = Heard(report, self._clock())
        self._reachable = True
        if not reachable:
            log.info("a proxy is heard again", extra={"proxy": self._name})
        if before is None or not reachable or _news(before.report, report):
            self._on_change()

    def _note_unreachable(self, failure: ReportFailed) -> None:
        if self._reachable and self.heard is not None:
            self._reachable = False
            if not self.heard.report.draining:  # one that said it would go has gone
                log.info("a proxy is not heard", extra={"proxy": self._name, "detail": str(failure)})
            self._on_change()


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for piece in answer.content.iter_any():
        content += piece
        if len(content) > LARGEST_REPORT_BYTES:
            raise ReportFailed(f"its report is longer than {LARGEST_REPORT_BYTES} bytes")
    return bytes(content)


def _news(before: ProxyReport, now: ProxyReport) -> bool:
    return before.sequence != now.sequence or before.proxy != now.proxy or before.fragments != now.fragments


def _session(address: str) -> aiohttp.ClientSession:
    connector: aiohttp.BaseConnector
    if address.startswith(_UNIX):
        connector = aiohttp.UnixConnector(path=address.removeprefix(_UNIX), limit=4)
    else:
        connector = aiohttp.TCPConnector(limit=4)
    return aiohttp.ClientSession(connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar())


def _url(address: str) -> str:
    return "http://proxy/report" if address.startswith(_UNIX) else f"{address}/report"
