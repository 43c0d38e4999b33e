"""One truth out of many reports: how each provider is, by a quorum of the proxies that saw it."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil
from typing import TypeVar

from fairlead_operator.heard import HeardProxy
from fairlead_operator.status.observers import Cell, Cells, Sightings, sightings_of
from fairlead_operator.status.proxies import FRESH_SECONDS, heard_within
from fairlead_operator.verdict import Reason, Truth
from fairlead_proxy.contract.names import HealthReason, ProbeLimit
from fairlead_proxy.contract.report import ALL_MODELS

REASON_ORDER = tuple(HealthReason)


class HealthState(StrEnum):
    HEALTHY = "Healthy"
    DEGRADED = "Degraded"
    UNAVAILABLE = "Unavailable"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class PartHealth:
    """A credential, a model or a pair of both that does not serve. `until`: Unix seconds, of a running cooldown."""

    name: str
    reason: HealthReason
    until: float | None = None


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """How a provider is. `observers`: proxies with evidence; `against`: how many of them see it down.

    `reason` is for the condition Healthy; `credentials`, `models` and `pairs` are those not healthy, sorted.
    `dissenting`: the observers that see it otherwise than the verdict.
    """

    state: HealthState
    truth: Truth
    reason: str
    until: float | None = None
    observers: int = 0
    against: int = 0
    dissenting: tuple[str, ...] = ()
    credentials: tuple[PartHealth, ...] = ()
    models: tuple[PartHealth, ...] = ()
    pairs: tuple[PartHealth, ...] = ()
    success_rate: float | None = None
    ttft_p95_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class FleetHealth:
    """All that the fleets saw. `stale`: providers of which only reports that are too old say something.

    `silent`: no proxy has reported in the last 10 s. `limits`: the providers that are not asked by real calls though
    their owner wants it, and why.
    """

    providers: Mapping[str, ProviderHealth] = field(default_factory=dict)
    stale: frozenset[str] = frozenset()
    silent: bool = True
    limits: Mapping[str, ProbeLimit] = field(default_factory=dict)

    def of(self, provider: str) -> ProviderHealth:
        """Return the health of a provider; Unknown where nothing is observed."""
        found = self.providers.get(provider)
        if found is not None and found.observers:
            return found
        reason = Reason.STALE if self.silent and provider in self.stale else Reason.NO_TRAFFIC
        return ProviderHealth(
            HealthState.UNKNOWN,
            Truth.UNKNOWN,
            reason,
            success_rate=found.success_rate if found else None,
            ttft_p95_seconds=found.ttft_p95_seconds if found else None,
        )


def merge_reports(proxies: Sequence[HeardProxy], now: float, *, fresh_seconds: float = FRESH_SECONDS) -> FleetHealth:
    """Return the health of every provider that these proxies, of one fleet or of all, saw in the last minute."""
    fresh = [proxy for proxy in proxies if heard_within(proxy, fresh_seconds, now)]
    providers = {provider: _judge(sightings, now) for provider, sightings in sightings_of(fresh, now).items()}
    stale = frozenset(provider for proxy in proxies if proxy not in fresh for provider in _mentioned(proxy))
    limits = {
        provider: limit
        for proxy in fresh
        if proxy.report
        for provider, limit in sorted(proxy.report.probe_limits.items())
    }
    return FleetHealth(providers, stale, silent=not fresh, limits=limits)


def _mentioned(proxy: HeardProxy) -> Iterable[str]:
    if proxy.report is not None:
        yield from (observation.provider for observation in proxy.report.observations)
        yield from (probe.provider for probe in proxy.report.probes)


def _judge(sightings: Sightings, now: float) -> ProviderHealth:
    cells = sightings.cells
    down = [proxy for proxy, seen in cells.items() if all(cell.reason for cell in seen)]
    up = [proxy for proxy in cells if proxy not in down]
    serves = len(up) * 2 > len(cells)
    pairs = _failing(cells, lambda cell: (cell.credential, cell.model), now)
    if not cells:
        state, truth = HealthState.UNKNOWN, Truth.UNKNOWN
    elif not serves:
        state, truth = HealthState.UNAVAILABLE, Truth.FALSE
    else:
        state, truth = (HealthState.DEGRADED if pairs else HealthState.HEALTHY), Truth.TRUE
    failed = [cell for proxy in down for cell in cells[proxy]]
    return ProviderHealth(
        state=state,
        truth=truth,
        reason=Reason.SERVING if truth is Truth.TRUE else _foremost(failed),
        until=None if serves else _last_until(failed, now),
        observers=len(cells),
        against=len(down),
        dissenting=tuple(sorted(down if serves else up)),
        credentials=_named(_failing(cells, lambda cell: cell.credential, now), str),
        models=_named(_failing(cells, lambda cell: cell.model or None, now), str),
        pairs=_named(pairs, lambda pair: f"{pair[0]}/{pair[1]}" if pair[1] != ALL_MODELS else pair[0]),
        success_rate=1 - sightings.failures / sightings.attempts if sightings.attempts else None,
        ttft_p95_seconds=sightings.ttft_weight / sightings.ttft_attempts if sightings.ttft_attempts else None,
    )


K = TypeVar("K", bound=Hashable)


def _failing(
    cells: Cells, part_of: Callable[[Cell], K | None], now: float
) -> dict[K, tuple[HealthReason, float | None]]:
    """Return the parts that no quorum of those who saw them sees serve; a part serves if one of its cells does."""
    failed: dict[K, list[Cell]] = {}
    for_it: Counter[K] = Counter()
    against: Counter[K] = Counter()
    for seen in cells.values():
        by_part: dict[K, list[Cell]] = {}
        for cell in seen:
            part = part_of(cell)
            if part is not None:
                by_part.setdefault(part, []).append(cell)
        for part, group in by_part.items():
            if all(cell.reason for cell in group):
                against[part] += 1
                failed.setdefault(part, []).extend(group)
            else:
                for_it[part] += 1
    return {
        part: (HealthReason(_foremost(group)), _last_until(group, now))
        for part, group in failed.items()
        if against[part] >= for_it[part]
    }


def _named(parts: Mapping[K, tuple[HealthReason, float | None]], name: Callable[[K], str]) -> tuple[PartHealth, ...]:
    return tuple(
        sorted(
            (PartHealth(name(part), reason, until) for part, (reason, until) in parts.items()),
            key=lambda part: part.name,
        )
    )


def _foremost(cells: Sequence[Cell]) -> str:
    """Return the reason that most cells give; of several the first in the order of HealthReason."""
    counts = Counter(cell.reason for cell in cells if cell.reason is not None)
    if not counts:
        return Reason.NO_TRAFFIC
    return max(counts, key=lambda reason: (counts[reason], -REASON_ORDER.index(reason)))


def _last_until(cells: Sequence[Cell], now: float) -> float | None:
    """Return the end of the last cooldown that still runs, in whole seconds."""
    running = [cell.until for cell in cells if cell.until is not None and cell.until > now]
    return float(ceil(max(running))) if running else None
