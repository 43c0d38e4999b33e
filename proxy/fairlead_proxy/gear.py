"""What all calls of a process share: breakers, budgets, berths, clocks, and the books that they are settled in."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

from fairlead_proxy.contract.cell import Cell
from fairlead_proxy.contract.dialects import dialect_of_step
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.linked import GatewayConfig, Route, Step
from fairlead_proxy.contract.names import MaintenanceState, Mode, Operation
from fairlead_proxy.decision.expression import missing_words
from fairlead_proxy.dialects.telling import Sequel
from fairlead_proxy.exchange.outcome import Outcome
from fairlead_proxy.exchange.record import CallRecord
from fairlead_proxy.health.observer import HealthObserver
from fairlead_proxy.resilience.breaker import Breakers
from fairlead_proxy.resilience.course import Course
from fairlead_proxy.resilience.retry import RetryBudget
from fairlead_proxy.resilience.watch import Interrupt, Watch
from fairlead_proxy.resilience.wheel import Wheel
from fairlead_proxy.telemetry.booking import Booking
from fairlead_proxy.telemetry.decisions import DecisionRing
from fairlead_proxy.telemetry.journal import Journal
from fairlead_proxy.telemetry.metrics import Metrics
from fairlead_proxy.upstream.attempt import Attempt
from fairlead_proxy.upstream.berths import Berths, SignerChoice, TransportChoice

CALLER_LEFT = "the caller closed its connection"
DRAIN_SECONDS = 2.0
"""How long an attempt is heard out whose caller has left, where its rule wants that."""


class Gear:
    """Everything here belongs to one event loop. `unix`: a clock of Unix seconds; `steady` is the loop's."""

    def __init__(
        self,
        *,
        transports: TransportChoice,
        signers: SignerChoice,
        breakers: Breakers,
        health: HealthObserver,
        metrics: Metrics,
        decisions: DecisionRing,
        journal: Journal,
        unix: Callable[[], float],
        rng: Random,
        booking: Booking | None = None,
    ) -> None:
        """To be made within the loop. `booking` is told of each attempt that begins; the journal, of what ended."""
        self.loop = asyncio.get_running_loop()
        self.unix, self.steady, self.rng = unix, self.loop.time, rng
        self.breakers = breakers
        self._transports, self._signers = transports, signers
        self._wheel = Wheel(self.loop)
        self._budget = RetryBudget()
        self._berths = Berths(KeyRing(), transports, signers)
        self.refusing_usage: set[tuple[str, str]] = set()
        """Targets (provider, model) known to refuse the question for token counts."""
        self._health, self._metrics, self._decisions, self._journal = health, metrics, decisions, journal
        self._booking = booking
        self._config: GatewayConfig | None = None
        self._draining: frozenset[str] = frozenset()

    def adopt(self, config: GatewayConfig, keys: KeyRing) -> None:
        """Take over what is in force now; to be called at each swap, and by nobody else."""
        if keys is not self._berths.keys or config is not self._config:
            self._berths = Berths(keys, self._transports, self._signers)
        if config is self._config:
            return
        self._journal.catch_up()
        self._config = config
        self._draining = frozenset(
            provider.id for provider in config.providers.values() if provider.maintenance is MaintenanceState.DRAINING
        )
        self.refusing_usage = set()
        self.breakers.adopt(config)
        self._health.adopt(config)
        self._metrics.adopt(config)
        self._budget.keep(frozenset(config.policies))

    def berths_of(self, config: GatewayConfig, keys: KeyRing) -> Berths:
        """Return the berths of a call that was admitted under these; of its own, if they are not in force any more."""
        if config is self._config and keys is self._berths.keys:
            return self._berths
        return Berths(keys, self._transports, self._signers)

    def course(self, route: Route, steps: Sequence[Step], mode: Mode, attempts: int, record: CallRecord) -> Course:
        """Return the way of a call that begins now through these steps, with so many attempts at most."""
        resilience, steady = route.resilience, self.steady()
        return Course(
            steps,
            mode,
            resilience,
            attempts=attempts,
            began=steady,
            breakers=self.breakers,
            repeats=self._budget.open(route, steady),
            pass_by=record.pass_by,
        )

    def watch(
        self, cell: Cell, operation: Operation, course: Course, interrupt: Interrupt, on_hopeless: Callable[[], None]
    ) -> Watch:
        """An attempt on this course begins: return what stands over it; see Watch."""
        if self._booking is not None:
            self._booking.began()
        return Watch(
            cell,
            operation,
            course.timeouts,
            course.total_at,
            breakers=self.breakers,
            wheel=self._wheel,
            unix=self.unix,
            interrupt=interrupt,
            on_hopeless=on_hopeless,
        )

    def under_way(self) -> dict[str, int]:
        """Count the attempts under way at each provider that is draining; none: it is not named."""
        if not self._draining:
            return {}
        watches = [entry for entry in self._wheel.entries() if isinstance(entry, Watch)]
        return dict(Counter(watch.cell.provider for watch in watches if watch.cell.provider in self._draining))

    def sequel(self, attempt: Attempt, before: Sequel | None, course: Course) -> Sequel | None:
        """Return how another target goes on with the stream of an attempt that broke off, None: nobody does; narrow the
        course to those that can. `before`: what this attempt itself was.
        """
        failure = attempt.failure
        if failure is None or not course.goes_on(failure.failure):
            return None
        sequel, words, caller = attempt.sequel(before), attempt.features, attempt.caller
        if sequel is None:
            return None

        def can_say(step: Step) -> bool:
            dialect = dialect_of_step(step.provider, step.model, caller.name, caller.operation)
            return not missing_words(dialect, words)

        course.narrow(can_say)
        attempt.hand_over()
        return sequel

    def drains(self, attempt: Attempt, course: Course, abandon: Callable[[str], None]) -> bool:
        """The caller has left: say whether the attempt is heard out for a moment, as its rule may want, after which it
        is abandoned.
        """
        if not course.drains:
            return False
        attempt.drain()
        self.loop.call_later(DRAIN_SECONDS, abandon, CALLER_LEFT)
        return True

    def begin_probe(self, cell: Cell, now: float) -> bool:
        """See ProbeBooks. Whether a breaker lets it through is known only once the calls that ended before are."""
        self._journal.catch_up()
        if not self.breakers.acquire_for_probe(cell, now):
            return False
        if self._booking is not None:
            self._booking.began()
        return True

    def end_probe(self, record: CallRecord, outcome: Outcome) -> None:
        """See ProbeBooks. It is booked as an attempt, but it is nobody's call: of these there is none more."""
        record.attempted(outcome)
        self._journal.catch_up()
        self.breakers.after(outcome)
        self._health.record(outcome)
        self._metrics.count_probe(record, outcome)
        if self._booking is not None:
            self._booking.book((record,))

    def call_began(self) -> None:
        self._metrics.in_flight += 1

    def book_attempt(self, record: CallRecord, outcome: Outcome, *, counted: bool) -> None:
        """Note an attempt that has ended, and tell everybody at once if it failed: others are to be spared that.

        `counted`: the breakers know already that it timed out.
        """
        record.attempted(outcome)
        if outcome.failure is not None:
            self.breakers.after(outcome, counted=counted)
            self._health.record(outcome)
            self._metrics.attempt_failed(record, outcome)

    def book_call(self, record: CallRecord) -> None:
        """Settle a call whose caller has all that it gets; the attempt that answered it is told of soon."""
        self._metrics.in_flight -= 1
        self._decisions.add(record)
        self._journal.add(record)
        if self.breakers.troubled and record.last is not None and self.breakers.awaits(record.last.cell):
            self._journal.catch_up()
