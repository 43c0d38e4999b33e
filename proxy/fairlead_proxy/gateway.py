"""The life of one call: read, decide, attempt target after target until one answers, relay, settle."""

import asyncio
from collections.abc import Callable
from random import Random

from msgspec import Struct

from fairlead_proxy.contract.cell import Cell
from fairlead_proxy.contract.config import GatewayConfig, Resilience, Step
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.names import FailureClass, Mode
from fairlead_proxy.decision.decide import decide
from fairlead_proxy.dialects.dialect import InvalidCall, ReadRequest
from fairlead_proxy.dialects.registry import DIALECTS
from fairlead_proxy.exchange.answers import INTERNAL_ERROR, exhausted, refused
from fairlead_proxy.exchange.call import ClientCall, Sink
from fairlead_proxy.exchange.errors import ClientGone, UpstreamFailure
from fairlead_proxy.exchange.facts import facts_of
from fairlead_proxy.exchange.record import CallRecord
from fairlead_proxy.health.observer import HealthObserver
from fairlead_proxy.resilience.breaker import Breakers
from fairlead_proxy.resilience.caller import CallerWatch
from fairlead_proxy.resilience.deadline import Deadlines
from fairlead_proxy.resilience.retry import Allowance, RetryBudget
from fairlead_proxy.resilience.watch import Watch
from fairlead_proxy.resilience.wheel import Wheel
from fairlead_proxy.telemetry.decisions import DecisionRing
from fairlead_proxy.telemetry.faults import log_fault
from fairlead_proxy.telemetry.journal import Journal
from fairlead_proxy.telemetry.metrics import Metrics
from fairlead_proxy.upstream.attempt import Attempt, Errand, TransportChoice
from fairlead_proxy.upstream.reply import Reply


class _Course(Struct, frozen=True):
    """A call that has been planned, and what it may still do. `began`: seconds on the loop's clock."""

    call: ClientCall
    request: ReadRequest
    reply: Reply
    keys: KeyRing
    steps: tuple[Step, ...]
    resilience: Resilience
    began: float
    allowance: Allowance

    def cell(self, step: Step) -> Cell:
        return step.cell(self.request.mode)


class Gateway:
    """Serves calls, one `handle` each. `clock`: Unix seconds. Everything here belongs to one event loop."""

    def __init__(
        self,
        *,
        transports: TransportChoice,
        breakers: Breakers,
        health: HealthObserver,
        metrics: Metrics,
        decisions: DecisionRing,
        journal: Journal,
        clock: Callable[[], float],
        rng: Random,
    ) -> None:
        self._transports, self._breakers, self._health = transports, breakers, health
        self._metrics, self._decisions, self._journal = metrics, decisions, journal
        self._clock, self._rng = clock, rng
        self._budget = RetryBudget()
        self._wheel = Wheel()
        self._refusing_usage: set[tuple[str, str]] = set()
        self._config: GatewayConfig | None = None

    def adopt(self, config: GatewayConfig) -> None:
        """Take over a configuration; to be called at each swap. Free of cost if it is in force already."""
        if config is self._config:
            return
        self._journal.catch_up()
        self._config, self._refusing_usage = config, set()
        self._breakers.adopt(config)
        self._health.adopt(config)
        self._metrics.adopt(config)
        self._budget.keep(frozenset(config.policies))

    async def handle(self, config: GatewayConfig, keys: KeyRing, call: ClientCall, sink: Sink) -> None:
        """Serve one call entirely, errors included. Raises ClientGone and CancelledError only, after booking."""
        self.adopt(config)
        record = CallRecord.of(call, config.revision, self._clock())
        reply = Reply(DIALECTS[call.operation], sink, record)
        self._metrics.in_flight += 1
        try:
            with CallerWatch(sink) as caller:
                try:
                    await self._serve(config, keys, call, reply, caller)
                except (ClientGone, asyncio.CancelledError):
                    raise
                except Exception as error:  # one call's fault must not become the connection's, or the process's
                    log_fault(call.id, error)
                    reply.fail(INTERNAL_ERROR)
        except (ClientGone, asyncio.CancelledError) as end:
            reply.left(end)
            raise
        finally:
            record.ended_at = self._clock()
            self._metrics.in_flight -= 1
            self._decisions.add(record)
            self._journal.add(record)
            if record.last is not None and self._breakers.awaits(record.last.cell):
                self._journal.catch_up()

    async def _serve(
        self, config: GatewayConfig, keys: KeyRing, call: ClientCall, reply: Reply, caller: CallerWatch
    ) -> None:
        record = reply.record
        try:
            request = reply.dialect.read_request(call.body)
        except InvalidCall as invalid:
            return reply.answer(invalid.answer)
        facts = record.facts = facts_of(call, request, config.header_names)
        now, began = self._clock(), asyncio.get_running_loop().time()
        plan = record.plan = decide(config, facts, self._breakers.world(keys, now), self._rng)
        if plan.route is None or not plan.steps:
            return reply.answer(refused(plan.refusal, now))
        resilience = plan.route.rule.resilience
        allowance = self._budget.open_allowance(plan.route, config.gateway.max_attempts, began)
        await self._follow(_Course(call, request, reply, keys, plan.steps, resilience, began, allowance), caller)

    async def _follow(self, course: _Course, caller: CallerWatch) -> None:
        """Go through the steps until one answers, a failure forbids to go on, or nothing is left to try."""
        reply, loop = course.reply, asyncio.get_running_loop()
        for position, step in enumerate(course.steps):
            repeat = 0
            while course.allowance.allows(loop.time()):
                caller.check()
                if not self._breakers.try_acquire(course.cell(step), self._clock()):
                    reply.record.pass_by(str(step.target))
                    break
                failure = await self._attempt(course, caller, position)
                if failure is None:
                    return
                if reply.sink.started:
                    return reply.break_off(failure.failure)
                if failure.relayed is not None:
                    return reply.relay_refusal(failure.relayed, failure.failure)
                if failure.failure not in course.resilience.fallback_when:
                    return self._give_up(course)
                delay = course.allowance.repeat_delay(failure, repeat, loop.time(), self._rng)
                if delay is None:
                    break
                await caller.wait(delay)
                repeat += 1
        self._give_up(course)

    async def _attempt(self, course: _Course, caller: CallerWatch, position: int) -> UpstreamFailure | None:
        """Make one attempt, whose cell has been acquired, and book it; return the failure that it ended in."""
        step, reply, timeouts = course.steps[position], course.reply, course.resilience.timeouts
        cell, began = course.cell(step), self._clock()
        waiting = self._breakers.begin(
            cell, course.call.operation, began, lambda: self._move_on(course, watch, position)
        )
        now = asyncio.get_running_loop().time()
        deadlines = Deadlines(timeouts, cell.mode, course.began, now)
        watch = Watch(deadlines, self._breakers, waiting, self._clock, self._wheel, now)
        key = course.keys.credentials.get(step.key_name, "")
        errand = Errand(course.request, step, key, course.call.headers, timeouts.per_try_seconds, self._refusing_usage)
        attempt = Attempt(errand, self._transports.for_provider(step.provider), reply, watch, self._clock)
        course.allowance.spend()
        caller.attend(watch)
        try:
            with watch:
                await attempt.run()
        except UpstreamFailure as failure:
            attempt.failure = failure.bare()
        except (ClientGone, asyncio.CancelledError) as end:
            attempt.left(end)
            raise
        finally:
            outcome = attempt.outcome(began, self._clock())
            reply.record.attempted(outcome)
            if outcome.failure is not None:
                self._breakers.after(outcome, counted=waiting.overdue)
                self._health.record(outcome)
                self._metrics.attempt_failed(reply.record, outcome)
        return attempt.failure

    def _move_on(self, course: _Course, watch: Watch, position: int) -> None:
        """End an attempt that waits for a provider which has stopped answering, if a later step may answer."""
        failure = FailureClass.FIRST_TOKEN_TIMEOUT if course.request.mode is Mode.STREAM else FailureClass.TIMEOUT
        now, steps = self._clock(), course.steps[position + 1 :]
        able = any(self._breakers.admits(course.cell(step), now) for step in steps)
        if able and failure in course.resilience.fallback_when and course.allowance.allows(watch.now()):
            watch.interrupt(failure, "its provider has stopped answering")

    def _give_up(self, course: _Course) -> None:
        """Answer a call that no target answered."""
        now, record = self._clock(), course.reply.record
        retry_at = self._breakers.retry_at([course.cell(step) for step in course.steps], now)
        course.reply.answer(exhausted(record.virtual_model, record.outcomes, retry_at, now))
