"""What this proxy tells the operator, and when it has something new to tell."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from fairlead_proxy.config_source import ConfigSource
from fairlead_proxy.contract.names import ProbeLimit
from fairlead_proxy.contract.probe_cost import NOTHING_PROBED, ProbeCosts
from fairlead_proxy.contract.report import Observation, ProbeResult, ProxyReport
from fairlead_proxy.contract.usage_of_day import UsageOfDay
from fairlead_proxy.server.serving import Serving


class Observer(Protocol):
    """What knows how the providers do: `HealthObserver`."""

    def observations(self, now: float) -> tuple[Observation, ...]: ...

    def probes(self) -> tuple[ProbeResult, ...]: ...


class News:
    """Counts what a report must not be late with, and wakes who waits for it."""

    def __init__(self) -> None:
        self.sequence = 1
        self._next = asyncio.Event()

    def tell(self) -> None:
        """A revision, the key ring, a refusal, a breaker or the readiness has changed."""
        self.sequence += 1
        self._next.set()
        self._next = asyncio.Event()

    async def newer_than(self, after: int, wait_seconds: float) -> None:
        """Return once the sequence is another than `after`, at the latest after so many seconds.

        An `after` from the future is one of a process before this one: its reader knows nothing of us.
        """
        if after != self.sequence:
            return
        try:
            async with asyncio.timeout(wait_seconds):
                await self._next.wait()
        except TimeoutError:
            return


class Reporter:
    """Builds reports. `usage` returns what this process used today, `under_way` how many attempts run at providers that
    are draining, `probe_costs` what probes that are real calls cost today, `probe_limits` which are not made. All are
    asked for with each report, and are no news.
    """

    def __init__(
        self,
        name: str,
        source: ConfigSource,
        serving: Serving,
        health: Observer,
        news: News,
        clock: Callable[[], float],
        usage: Callable[[float], UsageOfDay],
        under_way: Callable[[], dict[str, int]],
        probe_costs: Callable[[float], ProbeCosts] = lambda now: NOTHING_PROBED,
        probe_limits: Callable[[], dict[str, ProbeLimit]] = dict,
    ) -> None:
        self._started_at = clock()
        self._probe_costs, self._probe_limits = probe_costs, probe_limits
        self._usage, self._under_way = usage, under_way
        self._name = name
        self._source = source
        self._serving = serving
        self._health = health
        self._news = news
        self._clock = clock

    def report(self, *, fragments: bool) -> ProxyReport:
        """Return the report as of now; `fragments`: with the hash of every fragment in force."""
        now = self._clock()
        loaded = self._source.current()
        hashes = dict(loaded.fragment_hashes) if loaded and fragments else None
        return ProxyReport(
            proxy=self._name,
            sequence=self._news.sequence,
            now=now,
            revision=loaded.revision if loaded else "",
            keys=loaded.keys_version if loaded else "",
            ready=not self._serving.unready(loaded),
            draining=self._serving.draining,
            in_flight=self._serving.in_flight,
            refused=self._source.refused,
            observations=self._health.observations(now),
            probes=self._health.probes(),
            fragments=hashes,
            started_at=self._started_at,
            usage=self._usage(now),
            under_way=self._under_way(),
            probe_costs=self._probe_costs(now),
            probe_limits=self._probe_limits(),
        )
