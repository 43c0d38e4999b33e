"""All breakers of a process, one a cell: who may be asked now, and what each outcome means for the next call."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from random import Random

from fairlead_proxy.contract.cell import Cell
from fairlead_proxy.contract.config import ANONYMOUS, PassiveHealth, Provider
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.linked import GatewayConfig, Step
from fairlead_proxy.contract.names import HEALTH_REASON, TIMEOUT_CLASSES, BreakerState, FailureClass, Mode, Operation
from fairlead_proxy.contract.report import ALL_MODELS, Cooldown, ProbeResult
from fairlead_proxy.decision.facts import ABLE, CellState
from fairlead_proxy.exchange.cell import WELL, CellReading
from fairlead_proxy.exchange.outcome import Outcome
from fairlead_proxy.exchange.record import CallRecord
from fairlead_proxy.resilience.cell_breaker import CellBreaker
from fairlead_proxy.resilience.overdue import Waiting, Waits


class Breakers:
    """Reads outcomes, overdue waits, probes and duties; answers whether a cell may be asked. `now`: Unix seconds.

    `changed` is called after each transition that a report should tell, `catch_up` before a failure is judged: it may
    have calls that were answered before taken first. `troubled`: some breaker is not closed. Most of the time none is,
    and nothing need be asked of any cell.
    """

    def __init__(
        self,
        rng: Random,
        changed: Callable[[], None] = lambda: None,
        catch_up: Callable[[], None] = lambda: None,
    ) -> None:
        self._rng = rng
        self._changed = changed
        self._catch_up = catch_up
        self.troubled = False
        self._closed: frozenset[str] = frozenset()
        self._cells: dict[Cell, CellBreaker] = {}
        self._config: GatewayConfig | None = None
        self._keys: KeyRing | None = None
        self._settled = _settled()
        self._waits = Waits()

    def adopt(self, config: GatewayConfig) -> None:
        """Take over the health settings of this configuration; forget the cells that are not in it any more."""
        self._config = config
        self._closed = frozenset(provider.id for provider in config.providers.values() if not provider.takes_calls)
        self._settled = _settled()
        kept: dict[Cell, CellBreaker] = {}
        for cell, breaker in self._cells.items():
            provider = config.providers.get(cell.provider)
            if provider is not None and _holds(provider, cell):
                breaker.use(provider.passive)
                kept[cell] = breaker
        self._cells = kept
        self._look_around()
        self._waits.keep(
            (provider.id, model.name) for provider in config.providers.values() for model in provider.models
        )

    def world(self, keys: KeyRing, now: float) -> "BreakerWorld":
        """Return the world as a decision made now should see it."""
        if keys is not self._keys:
            self._keys, self._settled = keys, _settled()
        return BreakerWorld(self, keys, now, self._settled)

    def read(self, cell: Cell, now: float) -> CellReading:
        """Return how this cell stands now."""
        breaker = self._cells.get(cell)
        overdue = self._waits.overdue_at(cell)
        if breaker is None or breaker.opened_at is None:
            return CellReading(BreakerState.CLOSED, overdue=overdue) if overdue else WELL
        return CellReading(
            breaker.state(now), breaker.reason, breaker.until, breaker.held(now), overdue, trial=breaker.on_trial
        )

    def noteworthy(self) -> set[Cell]:
        """Return the cells whose breaker is not closed, and those where attempts are overdue."""
        troubled = {cell for cell, breaker in self._cells.items() if breaker.opened_at is not None}
        return troubled.union(self._waits.overdue_cells())

    def admits(self, cell: Cell, now: float) -> bool:
        """Say whether a call would be let through now; takes nothing."""
        if self._closed and cell.provider in self._closed:
            return False
        if not self.troubled:
            return True
        breaker = self._cells.get(cell)
        return breaker is None or breaker.admits(now)

    def retry_at(self, cells: Iterable[Cell], now: float) -> float | None:
        """Return the soonest instant at which one of these may be tried again; None if all are closed."""
        breakers = (self._cells.get(cell) for cell in cells)
        instants = [breaker.until for breaker in breakers if breaker is not None]
        return min((max(instant, now) for instant in instants if instant is not None), default=None)

    def try_acquire(self, cell: Cell, now: float) -> bool:
        """Let an attempt through or not; half open admits one. Each one let through must end in one `after`.

        None begins at a provider that is in maintenance by now, though its call was planned before.
        """
        if self._closed and cell.provider in self._closed:
            return False
        if not self.troubled:
            return True
        breaker = self._cells.get(cell)
        return breaker is None or breaker.acquire(now)

    def acquire_for_probe(self, cell: Cell, now: float) -> bool:
        """Let a probe through that is a real call, or not; see `CellBreaker.acquire_early`. It must end in one `after`.

        None begins at a provider that is in maintenance.
        """
        if cell.provider in self._closed:
            return False
        breaker = self._cells.get(cell)
        return breaker is None or breaker.acquire_early(now)

    def begin(self, waiting: Waiting) -> float | None:
        """Note an attempt that waits for its first byte; return after how many seconds it is overdue, None: never.

        It is told to move on when there is no sense in waiting.
        """
        return self._waits.begin(waiting)

    def heard(self, waiting: Waiting) -> None:
        """The attempt got its first byte, or ended."""
        self._waits.end(waiting)

    def committed(self, cell: Cell, began: float, now: float) -> None:
        """The attempt that began then brought real content."""
        breaker = self._cells.get(cell) if self.troubled else None
        if breaker is not None:
            with self._watched(breaker):
                breaker.commit(began, now)

    def overdue(self, waiting: Waiting, now: float) -> None:
        """This attempt has waited too long: that counts as a failure before it ends."""
        waiting.overdue = True
        failure = FailureClass.FIRST_TOKEN_TIMEOUT if waiting.cell.mode is Mode.STREAM else FailureClass.TIMEOUT
        self._fail(waiting.cell, failure, None, waiting.started_at, now)

    def after(self, outcome: Outcome, *, counted: bool = False) -> None:
        """Take an ended attempt. `counted`: it was overdue, so that it timed out has been counted already."""
        breaker = self._cells.get(outcome.cell)
        failure = outcome.failure
        if failure is None:
            self._waits.learn(outcome)
            if breaker is not None and breaker.opened_at is None:  # as nearly every call ends: nothing to tell
                breaker.succeed(outcome.started_at, outcome.ended_at)
                return
        elif failure in HEALTH_REASON and not (counted and failure in TIMEOUT_CLASSES):
            self._fail(outcome.cell, failure, outcome.retry_after_seconds, outcome.started_at, outcome.ended_at)
            return
        if not self._knows(outcome.cell):
            return
        breaker = self._breaker(outcome.cell)
        with self._watched(breaker):
            if failure is None:
                breaker.succeed(outcome.started_at, outcome.ended_at)
            else:
                breaker.release(outcome.started_at)

    def after_calls(self, records: Iterable[CallRecord]) -> None:
        """Take the attempts that answered these calls; those that failed are taken when they end."""
        for record in records:
            last = record.last
            if last is not None and last.failure is None:
                self.after(last)

    def awaits(self, cell: Cell) -> bool:
        """Say whether the breaker is not closed: what comes of an attempt here must be told at once."""
        breaker = self._cells.get(cell) if self.troubled else None
        return breaker is not None and breaker.opened_at is not None

    def probed(self, result: ProbeResult) -> None:
        """Take a probe: one that was answered ends the cooldowns of its credential to half open."""
        if result.reason is not None:
            return
        for cell, breaker in self._cells.items():
            if (cell.provider, cell.credential) == (result.provider, result.credential):
                with self._watched(breaker):
                    breaker.probed(result.at)

    def apply_cooldowns(self, cooldowns: Iterable[Cooldown], now: float) -> None:
        """Take over what other proxies of the fleet have learnt."""
        self._catch_up()
        for cooldown in cooldowns:
            for cell in self._cells_of(cooldown):
                breaker = self._breaker(cell)
                with self._watched(breaker):
                    breaker.learn(cooldown.until, cooldown.reason, retry_after=cooldown.retry_after, now=now)

    def _fail(self, cell: Cell, failure: FailureClass, retry_after: float | None, began: float, now: float) -> None:
        self._catch_up()
        if not self._knows(cell):
            return
        breaker = self._breaker(cell)
        with self._watched(breaker):
            opened = breaker.fail(failure, retry_after, began, now, self._rng)
        if opened and failure in TIMEOUT_CLASSES:
            for waiting in self._waits.at(cell):
                waiting.move_on()

    @contextmanager
    def _watched(self, breaker: CellBreaker) -> Iterator[None]:
        """Tell of it if what is done within changes what a report says of this breaker."""
        before = breaker.opened_at, breaker.until
        yield
        if (breaker.opened_at, breaker.until) != before:
            self._look_around()
            self._changed()

    def _look_around(self) -> None:
        self.troubled = any(breaker.opened_at is not None for breaker in self._cells.values())

    def _knows(self, cell: Cell) -> bool:
        """Say whether the cell is in force: what comes of a call that was begun before a swap may concern one that is
        not, and nobody would ever close its breaker.
        """
        if cell in self._cells or self._config is None:
            return True
        provider = self._config.providers.get(cell.provider)
        return provider is not None and _holds(provider, cell)

    def _breaker(self, cell: Cell) -> CellBreaker:
        breaker = self._cells.get(cell)
        if breaker is None:
            provider = self._config.providers.get(cell.provider) if self._config else None
            breaker = self._cells[cell] = CellBreaker(provider.passive if provider else PassiveHealth())
        return breaker

    def _cells_of(self, cooldown: Cooldown) -> list[Cell]:
        """Return the cells of the present configuration that a cooldown concerns."""
        provider = self._config.providers.get(cooldown.provider) if self._config else None
        if provider is None or all(credential.name != cooldown.credential for credential in provider.credentials):
            return []
        names = [model.name for model in provider.models if cooldown.model in (ALL_MODELS, model.name)]
        return [Cell(provider.id, cooldown.credential, name, cooldown.mode) for name in names]


class BreakerWorld:
    """The breakers at one moment, as decision.facts.World."""

    __slots__ = ("_breakers", "_keys", "_now", "_settled")

    def __init__(self, breakers: Breakers, keys: KeyRing, now: float, settled: Mapping[Operation, object]) -> None:
        self._breakers = breakers
        self._keys = keys
        self._now = now
        self._settled = settled

    def settled(self, operation: Operation) -> object:
        return None if self._breakers.troubled else self._settled[operation]

    def has_key(self, step: Step) -> bool:
        return step.key_name in self._keys.credentials or step.credential.name == ANONYMOUS.name

    def state_of(self, step: Step, mode: Mode) -> CellState:
        if not self._breakers.troubled:
            return ABLE
        cell = step.cell(mode)
        if self._breakers.admits(cell, self._now):
            return ABLE
        reading = self._breakers.read(cell, self._now)
        return CellState(able=False, reason=reading.reason, until=self._breakers.retry_at([cell], self._now))


def _settled() -> Mapping[Operation, object]:
    """Return an object for each operation that stands for this configuration with these keys, all of it well."""
    return {operation: object() for operation in Operation}


def _holds(provider: Provider, cell: Cell) -> bool:
    known = any(credential.name == cell.credential for credential in provider.credentials)
    return known and provider.model(cell.model) is not None
