"""What each proxy saw of each provider in the last minute: cells of credential × model, up or down."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fairlead_operator.heard import HeardProxy
from fairlead_proxy.contract.names import HEALTH_REASON, BreakerState, FailureClass, HealthReason, Mode
from fairlead_proxy.contract.report import ALL_MODELS, Observation, ProbeResult, ProxyReport

EVIDENCE_SECONDS = 60.0
PROBE_INTERVALS = 2.0
"""A probe holds for this many of its intervals where that is longer, so that rare probes do not flip a status."""

UNTRIED_SECONDS = 10.0
"""Half open for so long with no call of its own, while others are answered there, a breaker is evidence no more.

Shorter, and a proxy that alone cannot connect would change the status of a small fleet with every call that it gets.
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """One credential × model as one proxy sees it, its worst mode. `reason` None: it serves.

    `model` is ALL_MODELS where only a probe was made. `until`: Unix seconds on our clock.
    """

    credential: str
    model: str
    reason: HealthReason | None = None
    until: float | None = None


@dataclass(slots=True)
class Sightings:
    """Everything that fresh reports say of one provider: the cells with evidence by proxy, and the figures."""

    cells: dict[str, tuple[Cell, ...]] = field(default_factory=dict)
    attempts: int = 0
    failures: int = 0
    ttft_weight: float = 0.0
    ttft_attempts: int = 0


@dataclass(frozen=True, slots=True)
class _Seen:
    """One report, with its instants moved to our clock by `offset`."""

    proxy: str
    report: ProxyReport
    offset: float


@dataclass(slots=True)
class _Together:
    """What all reports together say, against which each is read; instants are on our clock.

    `probed`: the newest probe of each credential; `doubted`: credentials of which some breaker is not closed;
    `answered`: the newest answer of each credential × model × mode to a proxy whose breaker there is closed.
    """

    probed: dict[tuple[str, str], float] = field(default_factory=dict)
    doubted: set[tuple[str, str]] = field(default_factory=set)
    answered: dict[tuple[str, str, str, Mode], float] = field(default_factory=dict)

    def read(self, seen: _Seen) -> None:
        for probe in seen.report.probes:
            key = (probe.provider, probe.credential)
            self.probed[key] = max(self.probed.get(key, 0.0), probe.at + seen.offset)
        for observation in seen.report.observations:
            if observation.breaker is not BreakerState.CLOSED:
                self.doubted.add((observation.provider, observation.credential))
            elif observation.last_success is not None:
                cell = _cell_of(observation)
                self.answered[cell] = max(self.answered.get(cell, 0.0), observation.last_success + seen.offset)

    def overtakes(self, observation: Observation, offset: float) -> bool:
        """Say whether others know better: half open and untried, a proxy has only the past to tell of."""
        if observation.breaker is not BreakerState.HALF_OPEN or observation.trial or observation.until is None:
            return False
        return self.answered.get(_cell_of(observation), 0.0) >= observation.until + offset + UNTRIED_SECONDS


def sightings_of(proxies: Iterable[HeardProxy], now: float) -> dict[str, Sightings]:
    """Return what these reports say, by provider; a provider of which none says anything is not in it."""
    seen = [_Seen(proxy.name, proxy.report, -proxy.ahead_seconds) for proxy in proxies if proxy.report]
    together = _Together()
    for one in seen:
        together.read(one)
    sightings: dict[str, Sightings] = {}
    for one in seen:
        _add(sightings, one, together, now)
    return sightings


def _add(sightings: dict[str, Sightings], seen: _Seen, together: _Together, now: float) -> None:
    grouped: dict[str, list[Observation]] = {}
    probed: dict[str, list[ProbeResult]] = {}
    for observation in seen.report.observations:
        grouped.setdefault(observation.provider, []).append(observation)
    for probe in seen.report.probes:
        # Once the duty has moved, the probe of the one before is void.
        if probe.at + seen.offset >= together.probed[probe.provider, probe.credential]:
            probed.setdefault(probe.provider, []).append(probe)
    for provider in sorted({*grouped, *probed}):
        sighting = sightings.setdefault(provider, Sightings())
        observations = grouped.get(provider, [])
        heard = [observation for observation in observations if not together.overtakes(observation, seen.offset)]
        cells = _cells(heard, seen.offset, now)
        cells += _probe_cells(probed.get(provider, []), cells, together, seen.offset, now)
        if cells:
            sighting.cells[seen.proxy] = tuple(cells)
        _add_figures(sighting, observations)


def _add_figures(sighting: Sightings, observations: Sequence[Observation]) -> None:
    for observation in observations:
        sighting.attempts += observation.attempts
        sighting.failures += observation.failures
        if observation.ttft_p95_seconds is not None and observation.attempts:
            sighting.ttft_weight += observation.ttft_p95_seconds * observation.attempts
            sighting.ttft_attempts += observation.attempts


def _cells(observations: Sequence[Observation], offset: float, now: float) -> list[Cell]:
    by_cell: dict[tuple[str, str], list[Observation]] = {}
    for observation in observations:
        if _is_evident(observation, offset, now):
            by_cell.setdefault((observation.credential, observation.model), []).append(observation)
    cells: list[Cell] = []
    for (credential, model), modes in sorted(by_cell.items()):
        down = [mode for mode in modes if mode.breaker is not BreakerState.CLOSED]
        if down:
            worst = max(down, key=lambda mode: (mode.until or 0.0, mode.mode, mode.reason or ""))
            cells.append(Cell(credential, model, _reason(worst.reason), _moved(worst.until, offset)))
        elif any(_proves_life(mode, offset, now) for mode in modes):
            cells.append(Cell(credential, model))
    return cells


def _probe_cells(
    probes: Sequence[ProbeResult], cells: Sequence[Cell], together: _Together, offset: float, now: float
) -> list[Cell]:
    """Return what probes add where calls say nothing: a call that was answered says more than any probe.

    A probe that went well counts only where every breaker of the credential, in the whole fleet, is closed.
    """
    called = {cell.credential for cell in cells}
    added: list[Cell] = []
    for probe in sorted(probes, key=lambda one: one.credential):
        holds_seconds = max(EVIDENCE_SECONDS, PROBE_INTERVALS * probe.interval_seconds)
        if probe.credential in called or now - (probe.at + offset) > holds_seconds:
            continue
        if probe.reason is not None:
            added.append(Cell(probe.credential, ALL_MODELS, _reason(probe.reason), _moved(probe.until, offset)))
        elif (probe.provider, probe.credential) not in together.doubted:
            added.append(Cell(probe.credential, ALL_MODELS))
    return added


def _is_evident(observation: Observation, offset: float, now: float) -> bool:
    """Say whether there was an attempt in the last minute, or a cooldown is running."""
    last = observation.last_attempt
    if last is not None and now - (last + offset) <= EVIDENCE_SECONDS:
        return True
    until = _moved(observation.until, offset)
    return observation.breaker is not BreakerState.CLOSED and until is not None and until > now


def _proves_life(observation: Observation, offset: float, now: float) -> bool:
    """Say whether a closed breaker means that the provider serves: it answered, or nothing was its fault.

    Failures that are too few to open the breaker, with no answer in between, prove neither.
    """
    last = observation.last_success
    if last is not None and now - (last + offset) <= EVIDENCE_SECONDS:
        return True
    return observation.failures == 0


def _cell_of(observation: Observation) -> tuple[str, str, str, Mode]:
    return observation.provider, observation.credential, observation.model, observation.mode


def _reason(failure: FailureClass | None) -> HealthReason:
    return HEALTH_REASON.get(failure, HealthReason.FAILING) if failure else HealthReason.FAILING


def _moved(instant: float | None, offset: float) -> float | None:
    return None if instant is None else instant + offset


Cells = Mapping[str, tuple[Cell, ...]]
"""The cells with evidence, by proxy."""
