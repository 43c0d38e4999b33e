"""What this proxy saw of each provider: windows over its outcomes, and the last probes."""

from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from fairlead_proxy.contract.cell import Cell
from fairlead_proxy.contract.linked import GatewayConfig
from fairlead_proxy.contract.names import HEALTH_REASON
from fairlead_proxy.contract.report import Observation, ProbeResult
from fairlead_proxy.exchange.cell import CellReading
from fairlead_proxy.exchange.outcome import Outcome
from fairlead_proxy.exchange.record import CallRecord
from fairlead_proxy.exchange.window import LatencyWindow, Window

SPAN_SECONDS = 300.0
"""Design, section 2.1: counts cover the last 5 minutes."""

QUIET_SECONDS = 60.0
"""Design, section 5.3: without evidence for so long a provider is Unknown, so the first sign after it is news."""

_ATTEMPTS, _FAILURES = 0, 1


class CellStates(Protocol):
    """The breakers, as far as a report tells of them."""

    def read(self, cell: Cell, now: float) -> CellReading: ...

    def noteworthy(self) -> Collection[Cell]:
        """Return the cells that must be reported even if nothing was attempted of late."""
        ...


class HealthObserver:
    """Keeps the windows. `changed` is called when a probe or a call tells what the ones before it did not, `catch_up`
    before anything is told: it may have calls that have ended taken first.
    """

    def __init__(
        self,
        states: CellStates,
        changed: Callable[[], None] = lambda: None,
        catch_up: Callable[[], None] = lambda: None,
    ) -> None:
        self._states = states
        self._changed = changed
        self._catch_up = catch_up
        self._cells: dict[Cell, _Seen] = {}
        self._probes: dict[tuple[str, str], ProbeResult] = {}

    def adopt(self, config: GatewayConfig) -> None:
        """Forget what this configuration does not hold any more."""
        models = {(provider.id, model.name) for provider in config.providers.values() for model in provider.models}
        credentials = {
            (provider.id, credential.name)
            for provider in config.providers.values()
            for credential in provider.credentials
        }
        self._cells = {
            cell: seen
            for cell, seen in self._cells.items()
            if (cell.provider, cell.model) in models and (cell.provider, cell.credential) in credentials
        }
        self._probes = {key: result for key, result in self._probes.items() if key in credentials}

    def record(self, outcome: Outcome) -> None:
        """Take an attempt that has ended."""
        seen = self._cells.get(outcome.cell)
        if seen is None:
            seen = self._cells[outcome.cell] = _Seen()
        before = seen.last_attempt
        seen.record(outcome)
        if before is None or outcome.ended_at - before > QUIET_SECONDS:
            self._changed()

    def record_calls(self, records: Iterable[CallRecord]) -> None:
        """Take the attempts that answered these calls; those that failed are taken when they end."""
        for record in records:
            last = record.last
            if last is not None and last.failure is None:
                self.record(last)

    def probe_recorded(self, result: ProbeResult) -> None:
        """Take the newest probe of a credential."""
        key = (result.provider, result.credential)
        before = self._probes.get(key)
        self._probes[key] = result
        if before is None or before.reason is not result.reason or result.at - before.at > QUIET_SECONDS:
            self._changed()

    def observations(self, now: float) -> tuple[Observation, ...]:
        """Return what was seen of each cell in the last 5 minutes, and every cell that is not well."""
        self._catch_up()
        noteworthy = set(self._states.noteworthy())
        for cell in [cell for cell, seen in self._cells.items() if seen.attempts(now) == 0 and cell not in noteworthy]:
            del self._cells[cell]
        cells = sorted(noteworthy.union(self._cells))
        return tuple(_observation(cell, self._states.read(cell, now), self._cells.get(cell), now) for cell in cells)

    def probes(self) -> tuple[ProbeResult, ...]:
        """Return the last probe of each credential."""
        return tuple(self._probes.values())


class _Seen:
    """The window of one cell."""

    __slots__ = ("_counts", "_ttfts", "last_attempt", "last_success")

    def __init__(self) -> None:
        self._counts = Window(SPAN_SECONDS, 2)
        self._ttfts = LatencyWindow(SPAN_SECONDS)
        self.last_attempt: float | None = None
        self.last_success: float | None = None

    def record(self, outcome: Outcome) -> None:
        now = outcome.ended_at
        self._counts.add(_ATTEMPTS, now)
        self.last_attempt = now
        if outcome.failure is None:
            self.last_success = now
        elif outcome.failure in HEALTH_REASON:
            self._counts.add(_FAILURES, now)
        if outcome.first_token_at is not None:
            self._ttfts.observe(outcome.first_token_at - outcome.started_at, now)

    def attempts(self, now: float) -> int:
        return self._counts.totals(now)[_ATTEMPTS]

    def failures(self, now: float) -> int:
        return self._counts.totals(now)[_FAILURES]

    def ttft_p95(self, now: float) -> float | None:
        return self._ttfts.quantile(0.95, now)


def _observation(cell: Cell, reading: CellReading, seen: _Seen | None, now: float) -> Observation:
    return Observation(
        provider=cell.provider,
        credential=cell.credential,
        model=cell.model,
        mode=cell.mode,
        breaker=reading.state,
        reason=reading.reason,
        until=reading.until,
        retry_after=reading.retry_after,
        overdue=reading.overdue,
        trial=reading.trial,
        attempts=seen.attempts(now) if seen else 0,
        failures=seen.failures(now) if seen else 0,
        last_attempt=seen.last_attempt if seen else None,
        last_success=seen.last_success if seen else None,
        ttft_p95_seconds=seen.ttft_p95(now) if seen else None,
    )
